"""Rows as tables and as JSON; errors in one place; every command documented."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from dataclasses import fields, is_dataclass
from pathlib import Path
from types import SimpleNamespace
from typing import get_type_hints

import click
import pytest

from gpushopper import wire
from gpushopper.cli import COMMANDS, error_report, main, new_app, root
from gpushopper.cli.input.prompts import Declined
from gpushopper.cli.output import json_output, tables
from gpushopper.cli.process.homes import environment
from gpushopper.errors import NotVerified, ProviderFailed
from gpushopper.paths import Home
from tests.cli.conftest import Shell
from tests.test_client import Peer, reply

# Integers of the answers that are neither a time, nor money, nor a span.
COUNTS = {
    "gpu_count", "vram_mb", "ram_mb", "min_gpus", "exact_gpus", "limit", "total", "retries", "ssh_port", "id", "next",
    "alarm_id", "open_attempts", "event", "protocol", "pid", "sessions_open", "alarms", "problems", "port",
    "offset", "disk_free", "invalid_prices", "stock", "count", "granularity_s", "minimum_s", "gpu_vram_gb",
    "month_hours", "value", "gpu_load", "cpu_milli", "files", "bytes", "total_files", "total_bytes", "pull_max",
    "sessions", "open_sessions", "rollups", "waiting", "acknowledged", "exit",
    "after", "start", "end", "step_s", "steps", "tail",  # of queries, which are never printed
    "daily", "monthly", "session",  # of a request to set a budget, which is never printed
}  # fmt: skip


def test_every_number_of_an_answer_is_known_to_be_time_money_span_or_count():
    unknown = set()
    for cls in (getattr(wire, name) for name in wire.__all__):
        if isinstance(cls, type) and is_dataclass(cls):
            hints = get_type_hints(cls)
            for field in fields(cls):
                amount = json_output.to_json_fields({field.name: 1}) == {field.name: 1}
                if hints[field.name] in (int, int | None) and amount:
                    unknown.add(field.name)
    assert unknown == COUNTS


def test_money_times_and_spans_for_programs():
    found = json_output.to_json_fields(
        {"rate": 430_000, "max_cost": -5, "balance": None, "sent_at": 0, "closed_at": None, "duration_us": 90_000_000}
    )
    assert found == {
        "rate_micros": 430_000, "rate_usd": "0.430000", "max_cost_micros": -5, "max_cost_usd": "-0.000005",
        "balance_micros": None, "balance_usd": None, "sent_at": "1970-01-01T00:00:00Z", "closed_at": None,
        "duration_seconds": 90.0,
    }  # fmt: skip


def test_plain_tables_are_aligned_and_have_no_trailing_blanks():
    lines = tables.plain(["NAME", "$"], [["a", "$1"], ["longer", "$10"]], [False, True])
    assert lines == ["NAME      $", "a        $1", "longer  $10"]


def test_a_name_with_markup_and_escapes_stays_text(capsys: pytest.CaptureFixture[str]):
    app = new_app()
    app.color = "always"
    tables.table(app, [{"n": "[red]x[/red]\x1b[2J"}], [tables.Column("N", lambda row: row["n"])])
    out = capsys.readouterr().out
    assert "[red]x[/red]" in out
    assert "\x1b[2J" not in out


@pytest.mark.parametrize(
    ("option", "variables", "colored"),
    [
        ("auto", {}, False), ("always", {}, True), ("always", {"NO_COLOR": "1"}, True), ("never", {}, False),
        ("auto", {"CLICOLOR_FORCE": "1"}, True), ("auto", {"CLICOLOR_FORCE": "1", "NO_COLOR": "1"}, False),
        ("auto", {"CLICOLOR_FORCE": "0"}, False), ("auto", {"FORCE_COLOR": "1"}, True),
        ("auto", {"FORCE_COLOR": "0"}, False),
    ],
)  # fmt: skip
def test_colour_follows_the_option_then_the_environment(
    option: str, variables: dict[str, str], colored: bool, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
):
    for name in ("NO_COLOR", "CLICOLOR", "CLICOLOR_FORCE", "FORCE_COLOR", "TERM"):
        monkeypatch.delenv(name, raising=False)
    for name, value in variables.items():
        monkeypatch.setenv(name, value)
    app = new_app()
    app.color = option
    with (tmp_path / "out").open("w") as stream:
        assert app.has_color(stream) is colored


@pytest.mark.parametrize("variables", [{"NO_COLOR": "1"}, {"CLICOLOR": "0"}, {"TERM": "dumb"}])
def test_a_terminal_may_be_told_to_stay_plain(variables: dict[str, str], monkeypatch: pytest.MonkeyPatch):
    terminal = SimpleNamespace(isatty=lambda: True)
    for name in ("NO_COLOR", "CLICOLOR", "CLICOLOR_FORCE", "FORCE_COLOR", "TERM"):
        monkeypatch.delenv(name, raising=False)
    assert new_app().has_color(terminal)  # type: ignore[arg-type]
    for name, value in variables.items():
        monkeypatch.setenv(name, value)
    assert not new_app().has_color(terminal)  # type: ignore[arg-type]


# ---- errors


def test_an_error_is_one_line_and_a_hint(capsys: pytest.CaptureFixture[str]):
    assert error_report.report(new_app(), NotVerified("it\x1b[2J may bill", "look")) == 8
    assert capsys.readouterr().err == "error: it [2J may bill\n  look\n"


def test_an_error_for_programs_is_an_object(capsys: pytest.CaptureFixture[str]):
    app = new_app()
    app.output = "json"
    error_report.report(app, ProviderFailed("no", "h", code="c"))
    found = json.loads(capsys.readouterr().err)
    assert found == {"schema": 1, "error": {"code": "c", "message": "no", "hint": "h", "exit": 7}}


def test_an_unexpected_error_is_one_line_with_the_log(capsys: pytest.CaptureFixture[str], home: Path):
    assert error_report.report(new_app(), ZeroDivisionError("x")) == 1
    err = capsys.readouterr().err
    assert err.startswith("error: unexpected ZeroDivisionError: x\n")
    assert str(home / "daemon.log") in err
    assert "Traceback" not in err


def test_an_interruption_says_what_continues(capsys: pytest.CaptureFixture[str]):
    app = new_app()
    app.interrupt_hint = "the end continues"
    assert error_report.report(app, click.Abort()) == 130
    assert capsys.readouterr().err == "interrupted\n  the end continues\n"


def test_a_declined_prompt_is_not_an_interruption(capsys: pytest.CaptureFixture[str]):
    """The answer `n` is no signal: the status is 1, and what was not done is said."""
    assert error_report.report(new_app(), Declined()) == 1
    assert error_report.report(new_app(), Declined("Nothing was rented.")) == 1
    assert capsys.readouterr().err == "Cancelled. Nothing was done.\nCancelled. Nothing was rented.\n"


@pytest.mark.parametrize(
    "words",
    [["nosuch"], ["ls", "--nosuch"], ["get", "a", "b"], ["provision", "--for", "2"], ["plan", "--max-price", "x"]],
)
def test_usage_errors_are_2(words: list[str], capsys: pytest.CaptureFixture[str]):
    assert main(words) == 2
    captured = capsys.readouterr()
    assert captured.out == ""
    assert captured.err.startswith("error: ")


def test_a_usage_error_for_programs_is_an_object(capsys: pytest.CaptureFixture[str]):
    assert main(["get", "--nosuch", "--json"]) == 2
    assert json.loads(capsys.readouterr().err)["error"]["exit"] == 2


def test_a_mistyped_command_is_answered_with_similar_names(capsys: pytest.CaptureFixture[str]):
    assert main(["shutdwn"]) == 2
    assert "did you mean shutdown?" in capsys.readouterr().err
    assert main(["lst"]) == 2
    assert "did you mean list, ls or set?" in capsys.readouterr().err


def test_a_sandbox_home_gets_none_of_the_users_keys_and_settings(home: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setenv("VAST_API_KEY", "real")
    monkeypatch.setenv("GPU_SHOPPER_POLICY", "real")
    plain, practice = Home(home, home), Home(home / "sandbox", home / "sandbox")
    (practice.data / "market").mkdir(parents=True)
    assert environment(plain)["VAST_API_KEY"] == "real"
    assert {"VAST_API_KEY", "GPU_SHOPPER_POLICY"} & set(environment(practice)) == set()
    assert environment(practice)["GPU_SHOPPER_HOME"] == str(practice.data)


def test_two_lengths_at_once_are_refused(gs: Shell):
    assert gs("plan", "--hours", "1", "--for", "1h").code == 2


def test_a_hard_maximum_needs_a_reason(gs: Shell):
    ran = gs("provision", "--hard-max", "20h", "--yes")
    assert ran.code == 2
    assert "--reason" in ran.err


def test_a_daemon_that_is_not_there_is_5_and_is_not_started_by_asking(gs: Shell, home: Path):
    ran = gs("daemon", "status")
    assert (ran.code, ran.out) == (5, "")
    assert not home.exists()


def test_a_project_file_that_reaches_too_far_is_4(gs: Shell, tmp_path: Path):
    (tmp_path / ".gpu-shopper.toml").write_text('[providers.vast]\nendpoint = "https://example.com"\n')
    ran = gs("inventory", cwd=tmp_path)
    assert ran.code == 4
    assert "providers.vast.endpoint" in ran.err


# ---- alarms


@pytest.fixture
def alarmed(home: Path) -> Iterator[Peer]:
    peer = Peer(home / "run" / "daemon.sock")
    texts = {"kind": "destroy_slow", "subject": "s", "text": "x still bills", "hint": "look"}
    alarms = [{**texts, "id": place, "raised_at": 0, "acknowledged_at": seen} for place, seen in ((3, None), (4, 5))]
    peer.scripts = [reply({"sessions": []}), reply({"alarms": alarms})]
    yield peer
    peer.close()


def test_every_command_shows_open_alarms_in_one_line_each(gs: Shell, alarmed: Peer):
    ran = gs("ls")
    assert ran.code == 0
    assert [line for line in ran.err.splitlines() if "alarm" in line] == [
        "alarm 3: x still bills",
        "  what to do: gpu-shopper alarms; to hide it: gpu-shopper alarms ack 3",
    ]


@pytest.mark.parametrize("count", [3, 4, 18])
def test_more_than_three_alarms_are_one_line_under_a_command(gs: Shell, alarmed: Peer, count: int):
    one = {"kind": "destroy_slow", "subject": "s", "hint": "look", "raised_at": 0, "acknowledged_at": None}
    alarms = [{**one, "id": number, "text": f"s{number} still bills"} for number in range(1, count + 1)]
    alarmed.scripts[1] = reply({"alarms": alarms})
    lines = [line for line in gs("ls").err.splitlines() if "alarm" in line]
    each = [f"alarm {number}: s{number} still bills" for number in range(1, count + 1)]
    each += ["  what to do: gpu-shopper alarms; to hide one: gpu-shopper alarms ack 1"]
    assert lines == (each if count == 3 else [f"{count} alarms: see: gpu-shopper alarms"])


def test_an_alarm_from_before_the_clock_was_set_back_says_so(gs: Shell, alarmed: Peer):
    ahead = {"kind": "degraded", "subject": "s", "text": "blind", "hint": "", "id": 1, "acknowledged_at": None}
    alarmed.scripts = [reply({"alarms": [{**ahead, "raised_at": 10**17}]})]
    ran = gs("alarms")
    assert "clock changed" in ran.out and " in " not in ran.out


def test_json_output_has_no_alarm_reminder(gs: Shell, alarmed: Peer):
    assert gs("ls", "--json").err == ""


def test_status_is_9_while_an_alarm_is_open(gs: Shell, alarmed: Peer):
    body = {
        "version": "0.1.0", "pid": 1, "home": "/h", "policy": "real", "jobs": {}, "providers": [], "now": 9,
        "started_at": 0, "sessions_open": 0, "alarms": 1, "waiting": [],
    }  # fmt: skip
    alarmed.scripts[0] = reply(body)
    alarmed.scripts.append(reply({"sessions": []}))
    assert gs("status", "--json").code == 9


# ---- documentation


def commands(group: click.Group, path: str = "gpu-shopper") -> Iterator[tuple[str, click.Command]]:
    ctx = click.Context(group)
    for name in group.list_commands(ctx):
        command = group.get_command(ctx, name)
        assert command is not None, name
        yield f"{path} {name}", command
        if isinstance(command, click.Group):
            yield from commands(command, f"{path} {name}")


def test_every_command_and_every_option_has_help():
    for path, command in commands(root):
        assert command.help, path
        for param in command.params:
            if isinstance(param, click.Option):
                assert param.help, f"{path} {param.name}"


def test_no_help_is_cut_in_a_narrow_terminal():
    for path, command in commands(root):
        context = click.Context(command, info_name=path, terminal_width=60)
        text = command.get_help(context)
        assert not re.search(r"[a-z,]\.\.\.$", text, re.MULTILINE), path
        assert not re.search(r"\{[^}]{20,}", text.partition("\n\n")[0]), f"{path}: a list of choices in the usage line"


def test_the_table_of_commands_names_what_is_there():
    names = [name for _, name, _, _ in COMMANDS]
    assert len(set(names)) == len(names)
    for path, command in commands(root):
        assert command.name == path.split()[-1], path


def test_output_options_work_before_and_after_the_command(gs: Shell, alarmed: Peer):
    alarmed.scripts = [reply({"sessions": []})]
    forms = (["--json", "ls"], ["ls", "--json"], ["sessions", "--json"], ["sessions", "list", "-o", "json"])
    answers = [gs(*words).out for words in forms]
    assert [json.loads(text) for text in answers] == [{"schema": 1, "sessions": []}] * 4
