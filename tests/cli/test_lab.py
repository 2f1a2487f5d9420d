"""`--host`: which server is meant, what is refused here, whose key logs in, and that no daemon is started."""

from __future__ import annotations

import json
import os
import socket
import stat
import threading
from pathlib import Path
from typing import Any

import click
import pytest

from gpushopper.cli import COMMANDS, new_app
from gpushopper.cli.app import LOCAL
from gpushopper.cli.input.charging import consumer_of
from gpushopper.cli.output.alarm_reminder import print_open_alarms
from gpushopper.cli.process.homes import choose_home, chosen_host, environment
from gpushopper.cli.process.lab import lab_client
from gpushopper.cli.process.lab.hosts import HERE_ALONE, folder_in, home_for, read_host
from gpushopper.cli.process.lab.lab_client import LabClient, own_connection
from gpushopper.cli.process.lab.member_key import key_path, public_key
from gpushopper.client import JsonObject
from gpushopper.config import Config
from gpushopper.core.ssh_options import FIXED, PUBLIC_KEY
from gpushopper.errors import DaemonUnreachable, ProviderFailed, Refused, UsageError
from gpushopper.paths import Home, find_home
from tests.cli.conftest import Shell
from tests.cli.in_process import Inside
from tests.cli.test_home_of_others import LINES
from tests.forked import Forks

SOCKET = "/srv/gpu-shopper/daemon.sock"


@pytest.mark.parametrize(
    ("text", "meant"),
    [("lab", ("lab", SOCKET)), ("alice@lab.example.org", ("alice@lab.example.org", SOCKET)),
     ("lab:/srv/x y/d.sock", None), ("10.0.0.7:/opt/d.sock", ("10.0.0.7", "/opt/d.sock"))],
)  # fmt: skip
def test_a_server_is_one_that_ssh_knows(text: str, meant: tuple[str, str] | None):
    if meant is None:
        with pytest.raises(UsageError):
            read_host(text)
    else:
        assert read_host(text) == meant


@pytest.mark.parametrize("text", ["-oProxyCommand=x", "lab -L", "a@-x", "lab:rel", "lab:/a:b", "lab:/$HOME", "", "l%h"])
def test_what_ssh_would_read_as_something_else_is_refused(text: str):
    with pytest.raises(UsageError):
        read_host(text)


def test_an_option_outranks_the_variable_and_that_the_settings(home: Path):
    home.mkdir()
    (home / "config.toml").write_text('[client]\nhost = "third"\n')
    found = find_home()
    assert chosen_host(None, found, {}) == "third"
    assert chosen_host(None, found, {"GPU_SHOPPER_HOST": "second"}) == "second"
    assert chosen_host("first", found, {"GPU_SHOPPER_HOST": "second"}) == "first"
    assert chosen_host(LOCAL, found, {"GPU_SHOPPER_HOST": "second"}) == ""
    (home / "config.toml").write_text("")
    assert chosen_host(None, found, {}) == ""


def test_each_server_has_a_folder_of_its_own_and_the_user_s_settings(home: Path):
    own = find_home()
    one, other = home_for(own, "lab"), home_for(own, "alice@lab:/x")
    assert (one.data, one.config) == (own.data / "hosts/lab", own.config)
    assert other.data.parent == one.data.parent and other.data != one.data
    assert "/" not in other.data.name


def test_the_sandbox_is_on_no_server(home: Path):
    with pytest.raises(UsageError, match="--host another one"):
        choose_home(True, "lab")
    assert choose_home(True, None).host == ""


@pytest.fixture
def lab(home: Path) -> Home:
    home.mkdir(mode=0o700)
    return home_for(find_home(), "lab")


def test_no_process_of_a_daemon_is_started_for_a_server(lab: Home):
    with pytest.raises(UsageError, match="no daemon is started"):
        environment(lab)


WITHOUT_ANY_DAEMON = {"config", "version", "help", "completion"}


def test_no_command_starts_a_daemon_and_each_says_why_not(home: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    """All commands, with an ssh that reaches nobody."""
    (tmp_path / "ssh").write_text("#!/bin/sh\necho 'ssh: no route to lab' >&2\nexit 255\n")
    (tmp_path / "ssh").chmod(0o755)
    monkeypatch.setenv("PATH", str(tmp_path), prepend=":")
    run, seen = Inside(home), set()
    for line in LINES:
        words = line.split()
        if words[0] == "--sandbox":
            continue
        done = run("--host", "lab", *words)
        seen.add(words[0])
        if words[0] in HERE_ALONE or line in ("audit log", "config installation keep"):
            assert done.code == 2 and "about the computer that it runs on" in done.err, (line, done)
        elif words[0] == "code":
            assert done.code == 2 and "gpu-shopper --host lab ssh NAME" in done.err
        elif words[0] == "top":
            assert done.code == 2 and "needs a terminal" in done.err
        elif words[0] in WITHOUT_ANY_DAEMON:
            assert done.code == 0, (line, done)
        else:
            assert done.code in (5, 125), (line, done)
            assert "ssh to lab failed: ssh: no route to lab" in done.err, (line, done)
    assert seen == {name for _, name, _, _ in COMMANDS}
    assert not [path for path in home.rglob("*") if path.name in ("daemon.lock", "gpu-shopper.db", "daemon.log")]


@pytest.mark.parametrize("words", [["daemon", "start"], ["watchdog"]])
def test_a_server_in_the_settings_leaves_somebody_who_ends_what_runs_here(
    home: Path, cli_forks: Forks, words: list[str]
):
    """Cron and service managers call these: refused, nobody would end what was rented from this computer."""
    home.mkdir(mode=0o700)
    (home / "config.toml").write_text('[client]\nhost = "lab"\n[keys]\nkeyring = false\n')
    run = Shell(home, forks=cli_forks)
    refused = run("--host", "lab", *words)
    assert refused.code == 2 and "about the computer that it runs on" in refused.err
    try:
        assert "about the computer that it runs on" not in run(*words).err
        status = json.loads(run("--host", "local", "daemon", "status", "--json").out)
        assert status["running"] is (words == ["daemon", "start"])
    finally:
        run("--host", "local", "daemon", "stop")


def test_sessions_of_this_computer_are_not_forgotten_over_a_server_s(home: Path, capsys: pytest.CaptureFixture[str]):
    home.mkdir(mode=0o700)
    (home / "config.toml").write_text('[client]\nhost = "lab"\n')
    find_home().completion_names.write_text("open\ttrain\nended\tbefore\n")
    for host, told in ((None, 1), ("lab", 0), (LOCAL, 0)):
        app = new_app()
        app.host = host
        assert app.client_if_opened is None and app.client is not None
        print_open_alarms(app)
        said = "1 session of this computer's own daemon: gpu-shopper --host local ls"
        assert capsys.readouterr().err.count(said) == told, host


def test_hints_name_the_server_so_that_they_work_when_pasted():
    app = new_app()
    app.host = "lab"
    assert app.with_sandbox_flag("see: gpu-shopper ls") == "see: gpu-shopper --host lab ls"
    assert app.place_words == ["--host", "lab"]
    app.host = None
    assert app.with_sandbox_flag("see: gpu-shopper ls") == "see: gpu-shopper ls"


def test_on_a_server_people_are_charged_as_whom_it_knows():
    assert (consumer_of(None, Config(), "lab"), consumer_of("x", Config(), "lab")) == ("me", "x")


def test_a_command_s_own_option_of_that_name_stays_its_own():
    from gpushopper.cli.commands.money_and_safety.custody import custody

    ctx = click.Context(custody, info_name="custody", obj=new_app())
    (found,) = [each for each in custody.get_params(ctx) if "--host" in each.opts]
    assert found.expose_value


# ---- logging in


def test_the_key_is_made_here_once_and_private(lab: Home):
    former = os.umask(0)
    try:
        first = public_key(lab)
    finally:
        os.umask(former)
    for folder in (lab.data, lab.data.parent):
        assert stat.S_IMODE(folder.stat().st_mode) == 0o700
    assert PUBLIC_KEY.fullmatch(first) and public_key(lab) == first
    assert stat.S_IMODE(key_path(lab).stat().st_mode) == 0o600
    assert stat.S_IMODE(key_path(lab).parent.stat().st_mode) == 0o700
    assert first != public_key(home_for(find_home(), "other"))


def answer(lab: Home, **changes: Any) -> Any:
    values = {
        "session": "s1", "name": "train", "attempt": "a1", "health": "ok", "is_simulated": False, "user": "root",
        "host": "192.0.2.7", "port": 22, "options": ["ProxyCommand=touch /nowhere", "PermitLocalCommand=yes"],
        "key": "/etc/shadow", "known_hosts": "/etc/passwd", "control": "/nowhere", "host_key": "a1 ssh-ed25519 AAAA\n",
        "member_key": public_key(lab),
    }  # fmt: skip
    return JsonObject({**values, **changes})


def test_of_a_login_the_server_says_where_and_nothing_of_how(lab: Home):
    found = own_connection(lab, answer(lab))
    assert found.options[: len(FIXED)] == list(FIXED)
    assert not any("/nowhere" in each for each in found.options)
    assert found.key == str(key_path(lab)) and found.known_hosts == str(lab.data / "ssh/a1.hosts")
    assert Path(found.known_hosts).read_text() == "a1 ssh-ed25519 AAAA\n"
    assert "StrictHostKeyChecking=yes" in found.options and "HostKeyAlias=a1" in found.options


@pytest.mark.parametrize("bad", [{"host": "-oProxyCommand=x"}, {"user": "a b"}, {"port": 0}, {"attempt": "../../x"}])
def test_an_address_that_is_none_is_not_used(lab: Home, bad: dict[str, Any]):
    with pytest.raises(ProviderFailed):
        own_connection(lab, answer(lab, **bad))


@pytest.mark.parametrize("other", ["", "ssh-ed25519 " + "B" * 68])
def test_a_session_that_lets_another_key_in_is_told_apart(lab: Home, other: str):
    with pytest.raises(Refused, match="the computer that it was rented from"):
        own_connection(lab, answer(lab, member_key=other))


def answering(lab: Home, version: str, status: int, body: dict[str, Any]) -> threading.Thread:
    """A daemon of another version behind the socket, for as long as the test asks."""
    socket_of = socket.socket(socket.AF_UNIX)
    folder_in(lab, lab.run.name)
    socket_of.bind(str(lab.socket))
    socket_of.listen()
    text = json.dumps(body).encode()
    head = f"HTTP/1.0 {status} X\r\nX-Gpu-Shopper-Version: {version}\r\nContent-Length: {len(text)}\r\n\r\n"

    def serve() -> None:
        with socket_of:
            while True:
                channel, _ = socket_of.accept()
                with channel:
                    if not channel.recv(65536):
                        return
                    channel.sendall(head.encode() + text)

    thread = threading.Thread(target=serve, daemon=True)
    thread.start()
    return thread


@pytest.mark.parametrize(
    ("version", "status", "body", "says"),
    [("99.0.0", 200, {"protocol": 99, "sessions": []}, "the running daemon is version 99.0.0"),
     ("0.0.1", 404, {"error": {"code": "no_such_path"}}, "does not know this request")],
)  # fmt: skip
def test_another_version_there_is_its_owner_s_to_mend(
    lab: Home, version: str, status: int, body: dict[str, Any], says: str
):
    """No restart is hinted at, which would be refused from here, and none is tried (F99)."""
    thread = answering(lab, version, status, body)
    with pytest.raises(DaemonUnreachable, match=says) as caught:
        LabClient(lab).sessions()
    assert caught.value.hint == "it is the daemon on lab: ask its owner to update or restart it"
    with socket.socket(socket.AF_UNIX) as last:
        last.connect(str(lab.socket))
    thread.join(10)


def test_names_are_kept_for_the_shell_and_none_that_it_could_run(lab: Home):
    lab.data.mkdir(parents=True)
    rows = [JsonObject(name="train", ended_at=None), JsonObject(name="$(>x)", ended_at=None),
            JsonObject(name="old", ended_at=5)]  # fmt: skip
    lab_client.keep_names(lab, rows)  # type: ignore[arg-type]
    assert lab.completion_names.read_text() == "open\ttrain\nended\told\n"
