"""Every answer with --json has the shape that docs/schemas says, whatever the state; so has what stderr says."""

from __future__ import annotations

import csv
import io
import json
import shutil
import tempfile
from collections.abc import Callable, Iterator
from dataclasses import is_dataclass
from pathlib import Path
from typing import get_args, get_origin, get_type_hints, is_typeddict

import click
import pytest
from jsonschema import Draft202012Validator

from gpushopper import clouds
from gpushopper.cli import new_app, root
from gpushopper.cli.output.documents import csv_output, shapes
from gpushopper.cli.remote.copy.progress_bar import ProgressBar
from tests.cli import json_schemas, schema_lines
from tests.cli.conftest import Shell
from tests.cli.in_process import Inside
from tests.cli.schema_checks import CLOSED, FILES, check, command_of, schema_of, valid
from tests.cli.ssh_stage import Stage
from tests.forked import Forks

SILENT = {"top", "config edit", "daemon run", "daemon logs", "demo", "completion"}
"""Commands without a JSON answer: they print a note, another program's text, or are for people alone."""


def leaves(group: click.Group, path: str = "") -> Iterator[str]:
    for name in group.list_commands(click.Context(group)):
        command = group.get_command(click.Context(group), name)
        if isinstance(command, click.Group):
            yield from leaves(command, f"{path}{name} ")
        else:
            yield f"{path}{name}"


LISTS = (
    "READS",
    "OF_PEOPLE",
    "OF_A_SESSION",
    "JOBS",
    "HERE",
    "OF_THE_SANDBOX",
    "WITH_A_SERVER",
    "WITH_A_MANAGER",
    "IN_STORIES",
)


# ---- files


def test_the_files_are_made_of_the_shapes():
    """To write them anew: make schemas."""
    assert {path.name: path.read_text() for path in json_schemas.FOLDER.glob("*.json")} == dict(json_schemas.files())


def test_every_command_has_a_shape_or_no_answer():
    known = {*shapes.SHAPES, *SILENT} - {"run ls", "run stop", "completion"}
    assert set(leaves(root)) == known


@pytest.mark.proofs  # other tests use most of them
@pytest.mark.parametrize("name", FILES)
def test_the_schemas_are_schemas(name: str):
    Draft202012Validator.check_schema(FILES[name])


# ---- states


def test_nothing_is_there(home: Path, monkeypatch: pytest.MonkeyPatch, tmp_path: Path):
    monkeypatch.setenv("HOME", str(tmp_path))
    for line in schema_lines.HERE:
        assert check(Inside(home), line).code == (5 if line == "daemon status" else 0)


def test_usage_errors_are_objects(home: Path):
    for line in ("get", "ls --nosuch", "provision --for 2", "extend", "wait x --for noon", "shutdown", "keys set X"):
        ran = check(Inside(home), line)
        assert (ran.code, ran.out) == (2, "")


def test_no_daemon_can_be_started(gs: Shell, home: Path):
    home.mkdir(mode=0o700)
    (home / "run").touch()
    for line in ("ls", "provision -g 4090 -y"):
        ran = check(gs, line)
        assert ran.out == "" and json.loads(ran.err.splitlines()[-1])["error"]["exit"] == ran.code != 0
    (home / "run").unlink()


@pytest.fixture(scope="module")
def top() -> Iterator[Path]:
    folder = Path(tempfile.mkdtemp(prefix="gs-"))
    yield folder
    shutil.rmtree(folder, ignore_errors=True)


@pytest.fixture(scope="module")
def keyless(top: Path, cli_forks: Forks) -> Iterator[Inside]:
    """A home in which nothing was ever done, without a key: a daemon runs."""
    shell = Shell(top / "a", forks=cli_forks)
    assert shell("daemon", "start").code == 0
    yield Inside(shell.home)
    shell("daemon", "stop")


# Each looks for a key in a process of its own.
@pytest.mark.parametrize("line", ["ls", "plan -g 4090", "status", "get nobody", "shutdown --all -y", "keys list"])
def test_no_key_and_nothing_yet(keyless: Inside, line: str):
    check(keyless, line)


@pytest.mark.proofs  # each is a process
@pytest.mark.parametrize("line", schema_lines.JOBS)
def test_jobs_without_a_key(keyless: Inside, line: str):
    check(keyless, line)


@pytest.mark.proofs  # each is a process
def test_set_up_from_keys_to_purge(top: Path, cli_forks: Forks):
    shell = Shell(top / "c", forks=cli_forks)
    shell.home.mkdir(mode=0o700)
    nobody = "".join(f'[providers.{name}]\nendpoint = "http://127.0.0.1:9"\n' for name in clouds.known())
    (shell.home / "config.toml").write_text(nobody)
    for line, stdin, code in schema_lines.SET_UP:
        ran = check(shell, line, stdin=stdin)
        assert ran.code == code, (line, ran)


@pytest.fixture(scope="module")
def practice(top: Path, cli_forks: Forks) -> Iterator[Inside]:
    """A sandbox of this file's own, in which no session is."""
    shell = Shell(top / "b", "--sandbox", forks=cli_forks)
    assert shell("sandbox", "start").code == 0
    assert shell("daemon", "start").code == 0
    yield Inside(shell.home, "--sandbox")
    assert check(shell, "sandbox stop").code == 0


@pytest.mark.proofs
@pytest.mark.parametrize("line", schema_lines.READS)
def test_no_key_and_all_that_reads(keyless: Inside, line: str):
    check(keyless, line)


@pytest.mark.parametrize("line", schema_lines.READS[4:])
def test_a_market_without_a_session(practice: Inside, line: str):
    assert check(practice, line).code == 0


@pytest.fixture(scope="module")
def running(practice: Inside) -> Inside:
    assert check(practice, "budget set lab --all --monthly 100").code == 0
    assert check(practice, "provision -g 4090 --name one -y").code == 0
    return practice


@pytest.mark.parametrize(
    "line",
    [
        *schema_lines.READS,
        *schema_lines.OF_A_SESSION,
        *schema_lines.OF_PEOPLE,
        *schema_lines.OF_THE_SANDBOX,
    ],
)
def test_a_session_runs(running: Inside, line: str):
    check(running, line.replace("NAME", "one"))


def test_an_alarm_is_open(running: Inside, wait_until: Callable[..., None]):
    instance = running("sandbox", "ledger", "--json").json["instances"][0]
    assert check(running, f"sandbox revise {instance['id']} price_factor 3").code == 0
    wait_until(lambda: running("alarms", "--json").json["alarms"])
    assert check(running, "status").code == 9
    for line in ("alarms list", "ls", "get one", "get nobody", "alarms ack --all"):
        check(running, line)


def test_a_session_failed(running: Inside):
    running("sandbox", "fault", "add", "vast", "create", "reject", "insufficient_credit")
    failed = check(running, "provision -p vast -g 4090 --name two --retries 0 -y")
    assert failed.code == 7, failed
    for line in (
        *schema_lines.OF_A_SESSION[:7],
        "wait NAME",
        "extend NAME -y",
        "ls -a",
        "ls -s failed",
        "status",
        "costs show",
    ):
        check(running, line.replace("NAME", "two"))


def test_tables_are_lines_and_csv(running: Inside):
    """A document is one line, a row is one line, and a table has its heading without rows too."""
    for line in schema_lines.TABLES:
        command, words = command_of(line.split()), line.split()
        schema = schema_of(command)
        for text in running(*words, "-o", "jsonl").out.splitlines():
            row = json.loads(text)
            if shapes.prints_rows(command) and command != "status" and "--dry-run" not in line:
                assert row.pop("schema") == 1
                valid(row, {"$ref": f"{json_schemas.file_of(command)}#/$defs/line"} if "--by" not in line else {})
            else:
                valid(row, schema)
        ran = running(*words, "-o", "csv")
        if not shapes.prints_rows(command):
            assert ran.code == 2 and "no table" in ran.err and not ran.out
        else:
            heading, *rows = csv.reader(io.StringIO(ran.out))
            assert len(heading) > 1 and all(len(row) == len(heading) for row in rows), line
            named = running(*words, "-o", "name").out.splitlines()
            assert len(named) <= len(rows) and all(named), line


def test_what_has_no_table_says_so_before_anything_is_done(running: Inside):
    for line in schema_lines.NO_TABLE:
        ran = running(*line.split(), "-o", "csv")
        assert (ran.code, ran.out) == (2, "") and "no table for -o csv" in ran.err, line


def test_every_command_with_rows_prints_them_as_a_table():
    """A walk over all shapes: rows in a document, at whatever depth, are lines of -o csv, too."""

    def has_rows(hint: object) -> bool:
        arms = get_args(hint)
        is_row = is_dataclass(hint) or is_typeddict(hint)
        return any(has_rows(arm) or (get_origin(hint) in (list, dict) and (is_dataclass(arm) or is_typeddict(arm)))
                   for arm in arms) or (is_row and any(map(has_rows, get_type_hints(hint).values())))  # fmt: skip

    lacking = {
        command
        for command, shape in shapes.SHAPES.items()
        if not shape.lines and any(has_rows(hint) for fields in shape.documents for hint in fields.values())
    }
    assert lacking == set(schema_lines.NOT_LISTED)


def test_every_command_is_held_against_its_schema():
    lines = [text for name in LISTS for text in getattr(schema_lines, name)]
    lines += [text for text, _, _ in schema_lines.SET_UP]
    assert set(shapes.SHAPES) - {command_of(line.split()) for line in lines} == set()


def test_csv_has_the_columns_that_were_asked_for(running: Inside):
    assert running("ls", "-o", "csv", "--fields", "name,status,tags").out == ("name,status,tags\none,running,a=b\n")
    assert running("ls", "-c", "nobody", "-o", "csv", "--json=name,rate_usd").out == "name,rate_usd\n"
    wrong = running("ls", "-o", "csv", "--json=nope")
    assert (
        wrong.code == 2 and "no column nope" in wrong.err and "rate_usd" in wrong.err and "rate_micros" not in wrong.err
    )
    assert running("ls", "-c", "nobody", "--json=nope").code == 2


def test_a_cell_holds_what_is_no_table():
    assert csv_output.of_fields([{"a": ["x", "y"], "b": {"k": "v"}}], ("a", "b")) == "a,b\nx y,k=v"


def test_progress_for_programs(running: Inside):
    """Whatever the answer's format is; without it JSON has no progress."""
    told = running("shutdown", "one", "-y", "--wait", "proven", "--progress", "json", "-q")
    lines = [json.loads(text) for text in told.err.splitlines() if text.startswith("{")]
    assert told.out == "one\n" and any("destroyed" in line["progress"]["text"] for line in lines)
    for line in lines:
        valid(line, CLOSED["progress.json"])
    assert "progress" not in running("wait", "one", "--for", "proven", "--json").err
    assert running("wait", "one", "--for", "proven", "--progress", "none").err == ""


def test_a_session_has_ended(running: Inside):
    for line in (*schema_lines.OF_A_SESSION[:9], "ls -a", "costs show", "shutdown one -y"):
        check(running, line.replace("NAME", "one"))


def test_what_runs_and_copies_on_an_instance(stage: Stage, tmp_path: Path):
    """A real ssh server behind a daemon that is a stand-in."""
    (tmp_path / "here").mkdir()
    (tmp_path / "here" / "a").write_text("1")
    gs = Inside(stage.home.data)
    run = gs("run", "train", "-d", "--json", "--", "mkdir -p out; echo x >out/y; sleep 60")
    valid(run.json, CLOSED["run.json"])
    for line in (
        f"cp {tmp_path}/here train:there", f"sync up train {tmp_path}/here there", "ssh train --print",
        "run ls train", f"run stop train {run.json['run']}", "logs train --list", f"pull train out {tmp_path}",
    ):  # fmt: skip
        ran = check(gs, line)
        assert ran.code == 0 and ran.out, (line, ran)
    heading, row = csv.reader(io.StringIO(gs("pull", "train", "out", str(tmp_path / "again"), "-o", "csv").out))
    assert heading[:2] == ["from", "to"] and row[:2] == ["out", f"{tmp_path}/again/train-out"]


def test_a_copy_tells_its_bytes_once_a_second_and_at_its_end(capsys: pytest.CaptureFixture[str], home: Path):
    app = new_app()
    app.progress = "json"
    with ProgressBar(app, 300) as bar:
        bar.name(b"model.bin")
        for _ in range(3):
            bar.add(100)
    lines = [json.loads(text) for text in capsys.readouterr().err.splitlines()]
    for line in lines:
        valid(line, CLOSED["progress.json"])
    told = [(line["progress"]["text"], line["progress"]["bytes"], line["progress"]["total_bytes"]) for line in lines]
    assert told == [("model.bin", 100, 300), ("model.bin", 300, 300)]
