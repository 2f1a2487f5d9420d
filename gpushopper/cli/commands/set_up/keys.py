"""`keys`: store, list, test and remove API keys and registry logins; secrets are prompted for or read from stdin."""

from __future__ import annotations

import re
import sys

import click

from gpushopper import clouds
from gpushopper.cli.app import App
from gpushopper.cli.commands.set_up import trusting
from gpushopper.cli.input.command_classes import Command, Group
from gpushopper.cli.output import tables
from gpushopper.cli.output.text_format import money
from gpushopper.cli.process import daemon_process
from gpushopper.client import JsonObject
from gpushopper.clouds import Cloud, CredentialPart
from gpushopper.core.model.container_image import is_registry
from gpushopper.errors import ProviderFailed, UsageError

COLUMNS = (
    tables.Column("CLOUD", lambda k: k.provider),
    tables.Column("STATE", lambda k: k.state, whole=True),
    tables.Column("FROM", lambda k: k.source or "-"),
    tables.Column("REMARK", lambda k: "; ".join(filter(None, (k.text, k.hint))) or k.warning or "-"),
)
REGISTRIES = (
    tables.Column("REGISTRY", lambda k: k.registry),
    tables.Column("USER", lambda k: k.user or "-", whole=True),
    *COLUMNS[1:3],
    tables.Column("REMARK", lambda k: "; ".join(filter(None, (k.text, k.hint))) or "-"),
)
UNTESTED = "only a rental can test it: provision --image IMAGE --image-login"


@click.group(cls=Group, default="list")
def keys() -> None:
    """Store and test the clouds' API keys, and logins at image registries.

    They are kept in the system's keyring, or with --file in a file that only you can read. A key in the environment
    (VAST_API_KEY) overrides the file, and the file overrides the keyring. A name with a dot or a colon is a registry:
    docker.io, ghcr.io, localhost:5000.
    """


@keys.command("list")
@click.pass_obj
def list_keys(app: App) -> None:
    """Show where each key and each registry login comes from; never the secret."""
    found = daemon_process.run_one_shot_job(app.home, "keys-list")
    _mark_refused(app, found["keys"])
    warnings = found.get("warnings", [])
    for warning in warnings:
        app.note(f"warning: {warning}")
    if app.output == "json":
        tables.document(app, keys=found["keys"], registries=found.registries, warnings=warnings)
        return
    tables.rows(app, "keys", found["keys"], COLUMNS, name="provider")
    if found.registries and app.output != "csv":  # which is one table
        if not app.as_json and app.output != "name":
            tables.out("")
        tables.rows(app, "registries", found.registries, REGISTRIES, name="registry")


def _mark_refused(app: App, rows: list[JsonObject]) -> None:
    """Note the keys that their clouds refuse, by what a daemon that runs has been answered; else nobody is asked."""
    client = app.client_without_start()
    accounts = client.providers().providers if client.is_up() else []
    refused = {row.name: row for row in accounts if row.key_state == "rejected"}
    for row in rows:
        known = refused.get(row.provider)
        if known is not None and known.key_source == row.source:
            row |= {"state": known.key_state, "text": known.detail, "hint": app.with_sandbox_flag(known.key_hint)}


class SetKey(Command):
    """`keys set`: a key typed as an argument is refused with the right command, and is never printed (F103)."""

    def refuse_extra(self, ctx: click.Context, count: int) -> None:
        given = ctx.params
        name = given["provider"]
        words = f"gpu-shopper keys set {name if _is_name(name) else 'REGISTRY' if is_registry(name) else 'CLOUD'}"
        if is_registry(name):
            words += f" --user {given['user'] if _is_user(given['user']) else 'NAME'}"
        if given["in_file"]:
            words += " --file"
        raise UsageError("do not give the key on the command line, where others can read it", f"run: {words}")


@keys.command("set", cls=SetKey)
@click.argument("provider", metavar="CLOUD|REGISTRY")
@click.option("--user", metavar="NAME", help="User name at the registry.")
@click.option("--file", "in_file", is_flag=True, help="Store it in the key file: without a keyring, or for cron.")
@click.option("--same-account", is_flag=True, help="The key is of the account that your sessions are on.")
@click.option("--instance", "seen", metavar="ID", multiple=True, help="With --same-account: an instance you see there.")
@click.pass_obj
def set_key(
    app: App, provider: str, user: str | None, in_file: bool, same_account: bool, seen: tuple[str, ...]
) -> None:
    """Store a key, typed without echo or piped in, after testing it with the cloud.

    A cloud that wants several parts, such as an id and a token, is asked for one after the other; piped in, each part
    is a line.

    For a registry it is the password of --user; use a read-only access token. It is stored untested.

    Some clouds do not say which account a key is of. Where your sessions' instances do not prove it, --same-account
    does: look at the cloud's console, then type the ids of the instances that you see.
    """
    _check_name(provider, "set")
    trusting.check(app, provider, same_account, seen)
    _check_user(provider, user)
    secret = _read_password(app, provider, user) if user else _read_credential(app, _facts(app, provider))
    words = ("keys-set", provider, *(("file",) if in_file else ()), *((f"user={user}",) if user else ()))
    answer = daemon_process.run_one_shot_job(app.home, *words, secret=secret)
    if "registry" in answer:
        _print_login_result(app, answer, f"login of {answer.user} stored in {answer.source}; {UNTESTED}")
        return
    stored = f"stored in {answer.source}"
    if same_account:
        trusting.trust(app, provider, seen)
    _report(app, answer, stored, f"{stored}; ")


@keys.command("test")
@click.argument("provider", metavar="CLOUD|REGISTRY")
@click.pass_obj
def test_key(app: App, provider: str) -> None:
    """Test the stored key with the cloud. A locked keyring may prompt for its password.

    For a registry it is only tested whether the login can be read.
    """
    _check_name(provider, "test")
    answer = daemon_process.run_one_shot_job(app.home, "keys-probe", provider)
    if "registry" in answer:
        _print_login_result(app, answer, f"login of {answer.user} is in {answer.source}; {UNTESTED}")
        return
    if not answer.verified:
        text = f"{answer.provider}: the key could not be tested, because the cloud did not answer ({answer.detail})"
        raise ProviderFailed(text, "try again; what else may be wrong: gpu-shopper doctor")
    _report(app, answer, "works")


@keys.command("remove")
@click.argument("provider", metavar="CLOUD|REGISTRY")
@click.pass_obj
def remove_key(app: App, provider: str) -> None:
    """Remove a stored key or login. Without a key, sessions of that cloud can no longer be ended from here."""
    _check_name(provider, "remove")
    answer = daemon_process.run_one_shot_job(app.home, "keys-remove", provider)
    if app.as_json:
        tables.document(app, **answer)
        return
    name, what = (answer.registry, "login") if "registry" in answer else (provider, "key")
    tables.out(f"{name}: {'removed' if answer.removed else f'there was no stored {what}'}")
    _remarks(app, answer)


def _facts(app: App, name: str) -> Cloud:
    from gpushopper import config

    return clouds.of_account(name, config.load(app.home).account_clouds)


def _is_name(word: str) -> bool:
    """Whether a word can be the name of a cloud or a registry and may be printed; a key does not match."""
    return re.fullmatch(r"[a-z-]{2,20}" if not is_registry(word) else r"[a-z0-9.:-]{2,80}", word) is not None


def _shown(registry: str) -> str:
    return registry if _is_name(registry) else "REGISTRY"


def _is_user(word: str | None) -> bool:
    return word is not None and re.fullmatch(r"[A-Za-z0-9._@+/$-]{1,40}", word) is not None


def _check_name(word: str, verb: str) -> None:
    if not is_registry(word) and not _is_name(word):
        hint = f"for instance: gpu-shopper keys {verb} vast" + ("; it prompts for the key" if verb == "set" else "")
        raise UsageError("that is not the name of a cloud or registry", hint)


def _check_user(name: str, user: str | None) -> None:
    if is_registry(name) and not user:
        shown = _shown(name)
        raise UsageError(f"{shown} is a registry: whose login?", f"gpu-shopper keys set {shown} --user NAME")
    if user and ":" in user:
        hint = f"the password is prompted for; run: gpu-shopper keys set {_shown(name)} --user NAME"
        raise UsageError("a user name has no colon", hint)
    if user and not is_registry(name):
        hint = "leave out --user; a registry's name has a dot or a colon, such as ghcr.io"
        raise UsageError(f"{name} is not a registry, and a cloud's key has no user", hint)


def _read_password(app: App, registry: str, user: str) -> str:
    if app.is_terminal(sys.stdin):
        return str(click.prompt(f"Token or password of {user} at {registry}", hide_input=True, err=True))
    return _piped(f"{_shown(registry)} --user {user if _is_user(user) else 'NAME'}")


def _read_credential(app: App, cloud: Cloud) -> str:
    """One line for each part, as the job expects them: typed one after the other, or piped in."""
    if app.is_terminal(sys.stdin):
        return "\n".join(_ask(cloud, part) for part in cloud.credential)
    lines = ", ".join(f"{part.title}{'' if part.is_needed else ' (optional)'}" for part in cloud.credential)
    return _piped(cloud.name, f"; or pipe in one line each: {lines}" if len(cloud.credential) > 1 else "")


def _ask(cloud: Cloud, part: CredentialPart) -> str:
    """Ask for one part, without echo if it is secret; an optional one may be left empty."""
    what = f"{part.title} of {cloud.title}"
    if part.is_needed:
        return str(click.prompt(what, hide_input=part.is_secret, err=True))
    return str(click.prompt(f"{what} (optional)", default="", show_default=False, hide_input=part.is_secret, err=True))


def _piped(words: str, more: str = "") -> str:
    text = sys.stdin.read().rstrip()
    if not text.strip():
        raise UsageError("no key on stdin", f"type it: gpu-shopper keys set {words}{more}")
    return text


def _print_login_result(app: App, answer: JsonObject, text: str) -> None:
    if app.as_json:
        tables.document(app, **answer)
        return
    tables.out(f"{answer.registry}: {text}")
    _remarks(app, answer)


def _report(app: App, answer: JsonObject, done: str, unproven: str = "") -> None:
    if app.as_json:
        tables.document(app, **answer)
        return
    if answer.verified:
        of = f"account {answer.account}, " if answer.account else ""  # not every cloud tells it
        tables.out(f"{answer.provider}: {done}; {of}balance {money(answer.balance)}")
    else:
        tables.out(f"{answer.provider}: {unproven}not tested, the cloud did not answer ({answer.detail})")
    _remarks(app, answer)


def _remarks(app: App, answer: JsonObject) -> None:
    for text in (answer.get("warning"), _about_daemon(answer.get("daemon", ""))):
        if text:
            app.note(str(text))


def _about_daemon(word: str) -> str:
    return f"The daemon {word}." if word.startswith("has not") else ""
