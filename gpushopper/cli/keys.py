"""`keys`: store, list, test, remove the clouds' API keys. A secret is typed unseen or piped in, never an argument."""

from __future__ import annotations

import sys

import click

from gpushopper.cli import launch, programs, show
from gpushopper.cli.app import App
from gpushopper.cli.group import Group
from gpushopper.cli.say import money
from gpushopper.client import Row
from gpushopper.errors import UsageError

COLUMNS = (
    show.Column("CLOUD", lambda k: k.provider),
    show.Column("STATE", lambda k: k.state),
    show.Column("FROM", lambda k: k.source or "-"),
    show.Column("REMARK", lambda k: "; ".join(filter(None, (k.text, k.hint))) or k.warning or "-"),
)


@click.group(cls=Group, default="list")
def keys() -> None:
    """Store and test the clouds' API keys.

    They stay in the system's keyring, or with --file in a file that nobody else can read. A key in the environment
    (VAST_API_KEY) stands above the file, and the file above the keyring.
    """


@keys.command("list")
@click.pass_obj
def list_keys(app: App) -> None:
    """Show where each cloud's key comes from; never the key."""
    show.rows(app, "keys", launch.once(app.home, "keys-list")["keys"], COLUMNS, name="provider")


@keys.command("set")
@click.argument("provider")
@click.option("--file", "in_file", is_flag=True, help="In the key file: for computers without a keyring, and for cron.")
@click.pass_obj
def set_key(app: App, provider: str, in_file: bool) -> None:
    """Store a key, typed without echo or piped in, after asking the cloud whether it works."""
    secret = _read_secret(app, provider)
    words = ("keys-set", provider, *(("file",) if in_file else ()))
    answer = launch.once(app.home, *words, secret=secret)
    stored = f"stored in {answer.source}"
    _report(app, answer, stored, f"{stored}; ")


@keys.command("test")
@click.argument("provider")
@click.pass_obj
def test_key(app: App, provider: str) -> None:
    """Ask the cloud whether the stored key works. A locked keyring may ask for its password."""
    _report(app, launch.once(app.home, "keys-probe", provider), "works")


@keys.command("remove")
@click.argument("provider")
@click.pass_obj
def remove_key(app: App, provider: str) -> None:
    """Forget a stored key. Sessions of that cloud can then no longer be ended from here."""
    answer = launch.once(app.home, "keys-remove", provider)
    if app.as_json:
        show.out(programs.document(**answer))
        return
    show.out(f"{provider}: {'removed' if answer.removed else 'there was no stored key'}")
    _remarks(app, answer)


def _read_secret(app: App, provider: str) -> str:
    if app.is_terminal(sys.stdin):
        return str(click.prompt(f"API key of {provider}", hide_input=True, err=True))
    secret = sys.stdin.read().strip()
    if not secret:
        raise UsageError("no key came on stdin", f"type it: gpu-shopper keys set {provider}")
    return secret


def _report(app: App, answer: Row, done: str, unproven: str = "") -> None:
    if app.as_json:
        show.out(programs.document(**answer))
        return
    if answer.verified:
        show.out(f"{answer.provider}: {done}; account {answer.account}, balance {money(answer.balance)}")
    else:
        show.out(f"{answer.provider}: {unproven}not tested, the cloud did not answer ({answer.detail})")
    _remarks(app, answer)


def _remarks(app: App, answer: Row) -> None:
    for text in (answer.get("warning"), _about_daemon(answer.get("daemon", ""))):
        if text:
            app.note(str(text))


def _about_daemon(word: str) -> str:
    return f"The daemon {word}." if word.startswith("has not") else ""
