"""The members' socket: modes, whom its folder admits, what keeps it from opening, and one who takes all places."""

from __future__ import annotations

import grp
import os
import shutil
import socket
import stat
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from flask import Flask

from gpushopper.config.lab_server import DaemonSettings
from gpushopper.daemon.api.members.group_socket import CONNECTIONS, OF_ONE, GroupSocket, Unusable, prepare_folder
from gpushopper.paths import find_home
from tests.daemon.conftest import Running
from tests.needs import needs_root

Starting = Callable[..., Running]
OURS = grp.getgrgid(os.getegid()).gr_name


@pytest.fixture
def open_folder() -> Iterator[Path]:
    """A folder that every user can reach."""
    made = Path(tempfile.mkdtemp(dir="/dev/shm" if os.path.isdir("/dev/shm") else "/tmp"))
    made.chmod(0o755)
    yield made / "lab"
    shutil.rmtree(made)


def connect(path: Path) -> socket.socket:
    channel = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    channel.settimeout(20)
    channel.connect(str(path))
    return channel


def test_there_is_none_unless_a_group_is_set(home: Path):
    found = GroupSocket(DaemonSettings(), Flask(__name__))
    found.open()
    assert found.problem == ""
    assert not Path(DaemonSettings().group_folder).joinpath("daemon.sock").exists()


def test_folder_and_socket_are_open_to_the_group_alone(open_folder: Path):
    found = GroupSocket(DaemonSettings(OURS, str(open_folder)), Flask(__name__))
    found.open()
    try:
        assert found.problem == ""
        for path, mode in ((open_folder, 0o750), (found.path, 0o660)):
            assert stat.S_IMODE(path.stat().st_mode) == mode
            assert path.stat().st_gid == os.getegid()
        found.path.unlink()
        found.open()
        assert found.path.is_socket()
    finally:
        found.close()
    assert not found.path.exists()


def test_a_group_that_is_not_there_is_a_problem_of_the_daemon_and_nothing_ends(home: Path, open_folder: Path):
    found = GroupSocket(DaemonSettings("no-such-group", str(open_folder)), Flask(__name__))
    found.open()
    assert found.problem == "the members' socket is not open: there is no group no-such-group on this computer"
    assert not open_folder.exists()


def test_a_daemon_starts_without_its_group_and_says_so(start: Starting, open_folder: Path):
    settings = f'[daemon]\ngroup = "no-such-group"\ngroup_folder = "{open_folder}"\n'
    find_home().config.mkdir(parents=True, exist_ok=True, mode=0o700)
    with find_home().config_file.open("a") as file:
        file.write(settings)
    running = start()
    assert "there is no group no-such-group" in str(running.ask("GET", "/health").json["problems"])


@pytest.mark.parametrize(
    ("mode", "says"), [(0o777, "others than the daemon's user can change"), (0o700, "members cannot enter")]
)
def test_a_folder_that_others_could_replace_or_cannot_reach_is_not_used(open_folder: Path, mode: int, says: str):
    open_folder.parent.chmod(mode)
    with pytest.raises(Unusable, match=says):
        prepare_folder(open_folder, OURS)


def test_a_link_is_no_folder(open_folder: Path):
    (open_folder.parent / "elsewhere").mkdir()
    open_folder.symlink_to(open_folder.parent / "elsewhere")
    with pytest.raises(Unusable, match="make it with: sudo install -d"):
        prepare_folder(open_folder, OURS)


def test_a_folder_of_the_daemon_itself_is_not_opened_to_the_group(open_folder: Path):
    open_folder.mkdir(mode=0o700)
    with pytest.raises(Unusable, match="needs a folder of its own"):
        prepare_folder(open_folder.parent / "." / open_folder.name, OURS, (open_folder,))
    assert open_folder.stat().st_mode & 0o777 == 0o700


def test_the_folders_behind_a_link_are_looked_at_too(open_folder: Path):
    behind = open_folder.parent / "open to all"
    (behind / "a").mkdir(parents=True)
    behind.chmod(0o777)
    (open_folder.parent / "link").symlink_to(behind / "a")
    with pytest.raises(Unusable, match="others than the daemon's user can change"):
        prepare_folder(open_folder.parent / "link" / "socket", OURS)


def test_one_user_cannot_take_more_than_their_places(open_folder: Path):
    app = Flask(__name__)
    app.add_url_rule("/", "here", lambda: "here")
    found = GroupSocket(DaemonSettings(OURS, str(open_folder)), app)
    found.open()
    idle = [connect(found.path) for _ in range(OF_ONE)]
    try:
        with connect(found.path) as one_more:
            assert one_more.recv(1000).startswith(b"HTTP/1.1 503")
        idle.pop().close()
        assert OF_ONE * 3 <= CONNECTIONS
    finally:
        for channel in idle:
            channel.close()
        found.close()


# ---- with other users of this computer

AS_USER = """
import http.client, json, socket, sys
class Connection(http.client.HTTPConnection):
    def connect(self):
        self.sock = socket.socket(socket.AF_UNIX)
        self.sock.settimeout(30)
        self.sock.connect(sys.argv[1])
def ask(method, path, body=None, **headers):
    connection = Connection("daemon")
    connection.request(method, path, body, headers | ({"Content-Type": "application/json"} if body else {}))
    answer = connection.getresponse()
    return answer.status, json.loads(answer.read())
try:
    exec(sys.argv[2])
except OSError as error:
    print(type(error).__name__)
"""
ALICE, BOB, STRANGER = 60001, 60002, 60003
LAB = next(each for each in grp.getgrall() if each.gr_gid not in (os.getegid(), *os.getgroups()))
"""A group of this system's, for none is made; root may give a folder to any."""


def as_user(uid: int, path: Path, code: str, *, group: int = LAB.gr_gid) -> subprocess.Popen[str]:
    """Run code as another user, who may read neither the checkout nor its packages, and needs none of them."""
    words = ["setpriv", f"--reuid={uid}", f"--regid={uid}", f"--groups={group}", os.path.realpath(sys.executable)]
    return subprocess.Popen(
        [*words, "-I", "-S", "-c", AS_USER, str(path), code], text=True, cwd="/",
        stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
    )  # fmt: skip


def told(process: subprocess.Popen[str]) -> str:
    return process.communicate(timeout=60)[0].strip()


@pytest.fixture
def lab(start: Starting, open_folder: Path) -> tuple[Running, Path]:
    """A daemon whose members are two uids."""
    find_home().config.mkdir(parents=True, exist_ok=True, mode=0o700)
    with find_home().config_file.open("a") as file:
        file.write(f'[daemon]\ngroup = "{LAB.gr_name}"\ngroup_folder = "{open_folder}"\n')
        file.write(f'[members]\n{ALICE} = "alice"\n{BOB} = "bob"\n')
    return start(), open_folder / "daemon.sock"


@pytest.mark.proofs
@needs_root
def test_the_kernel_says_who_asks_and_the_group_who_may(lab: tuple[Running, Path]):
    running, path = lab
    rename = "print(ask('PATCH', '/api/v1/consumers/bob', json.dumps({'name': 'x'}))[1]['error']['code'])"
    assert told(as_user(ALICE, path, "print(ask('GET', '/api/v1/sessions'))")) == "(200, {'sessions': []})"
    assert told(as_user(ALICE, path, rename)) == "owner_only"
    forged = "print(ask('GET', '/api/v1/channels', X_REMOTE_UID='0')[0], ask('GET', '/health', X_Remote_Uid='0')[0])"
    assert told(as_user(ALICE, path, forged)) == "403 200"
    unmapped = "print(ask('GET', '/health')[1]['error']['message'])"
    assert "is no member here" in told(as_user(STRANGER, path, unmapped))
    assert told(as_user(ALICE, path, unmapped, group=ALICE)) == "PermissionError"
    assert told(as_user(ALICE, running.home.socket, unmapped)) == "PermissionError"
    assert told(as_user(ALICE, running.home.database, "print(open(sys.argv[1]).read())")) == "PermissionError"
    assert running.ask("GET", "/health").status == 200


@pytest.mark.proofs
@needs_root
def test_two_users_commands_at_once_are_each_their_own(lab: tuple[Running, Path]):
    _, path = lab
    code = "print({ask('DELETE', '/api/v1/sessions/x', '{}')[0] for _ in range(30)}, ask('GET', '/api/v1/costs')[0])"
    many = [as_user(uid, path, code) for uid in (ALICE, BOB) * 3]
    assert [told(each) for each in many] == ["{404} 200"] * 6


@pytest.mark.proofs
@needs_root
def test_one_who_holds_all_their_places_takes_nobody_elses(lab: tuple[Running, Path]):
    running, path = lab
    hold = (
        "held = [socket.socket(socket.AF_UNIX) for _ in range(200)]\nfor each in held: each.connect(sys.argv[1])\n"
        "print('held', flush=True)\nsys.stdin.read()"
    )
    holder = as_user(ALICE, path, hold)
    assert holder.stdout is not None
    assert holder.stdout.readline() == "held\n"
    assert told(as_user(BOB, path, "print(ask('GET', '/health')[0])")) == "200"
    assert told(as_user(os.geteuid(), path, "print(ask('GET', '/api/v1/channels')[0])")) == "200"
    assert running.ask("GET", "/health", timeout_s=5).status == 200
    told(holder)
