#!/usr/bin/env python3
"""Watch whether this instance is in use, and write the ends `idle` and `contact` for the guard (ends.md E1, E3, E4).

upkeep.sh starts `agent.py watch`. Optional: the deadline needs none of it, and the guard obeys an early end of ours
only while this process lives and its sample is fresh. verdict.py and measure.py are parts of it; an instance has all
three as one file, agent.py.
"""

import argparse
import contextlib
import json
import os
import re
import shlex
import shutil
import socket
import subprocess
import sys
import threading
import time
import uuid
from typing import Any, Dict, List, Optional, Set, Tuple

from measure import Place, Sampler, clean
from verdict import SIGNALS, Idle, Sample, early_ends, read_limits

VERSION = "1"
NOTICE_TICKS = 9  # an end file is there at least so long before its end: 90 s (E5)
MOST_REPORT, MOST_GUARD, SHOWN_RUNS = 16 * 1024, 64 * 1024, 50


# ---- watching -------------------------------------------------------------------------------------------------------


class Watcher:
    """One sample after the other: the end files, and the report."""

    def __init__(self, place: Place, port: Optional[int]) -> None:
        self.place, self.port, self.idle, self.sampler = place, port, Idle(), Sampler(place)
        self.since: Dict[str, float] = {}
        self.told: Dict[str, Tuple[float, float]] = {}  # of each end: since when it was due, when its pull was told
        self.writing: Optional[Set[str]] = None  # the runs whose output is open; looked for where one may be lost
        self.started = place.uptime()
        self.birth = int(place.process(os.getpid())[20])

    def tick(self) -> Tuple[Dict[str, Any], float]:
        """Sample, decide, write. Returns the report, and the seconds to the next sample."""
        limits = read_limits(self.place.text(os.path.join(self.place.folder, "limits")))
        now = self.sampler.look(self.idle.before)
        self.idle.step(now, limits["when"] if limits else "any", limits["stale"] if limits else 60)
        heard = self.mark("contact", now)
        due = early_ends(limits, self.idle.idle_s, now.at - max(heard, self.started)) if limits else []
        ends = []
        for name in ("idle", "contact"):
            if limits and name in due:
                ends.append({"name": name, "at": self.write_end(name, limits, now)})
            else:
                self.since.pop(name, None)
                self.place.remove("end-" + name)
        report = self.report(now, limits, ends)
        text = json.dumps(report)
        while len(text) > MOST_REPORT and report["runs"]:
            report["runs"].pop()
            text = json.dumps(report)
        self.place.keep("report.json", text)
        return report, limits["tick"] if limits else 10

    def mark(self, name: str, now: Sample) -> float:
        """The time in a file `BOOTID UPTIME` of this boot; 0 without one."""
        boot, _, at = self.place.text(os.path.join(self.place.folder, name)).partition(" ")
        return float(at) if boot == now.boot and re.fullmatch(r"[0-9]{1,12}", at) and int(at) <= now.at else 0.0

    def write_end(self, name: str, limits: Dict[str, Any], now: Sample) -> int:
        """Write an end that stays where it is, with the time of this sample. With a hold it waits to be pulled (E7)."""
        since = self.since.setdefault(name, now.at)
        wait = max(limits["warn"], NOTICE_TICKS * limits["tick"])
        hold = min(limits["hold"], deadline(self.place, limits, now.boot) - since - limits["tick"])
        last = since + (max(wait, hold) if name == "idle" else wait)
        end = int(min(last, max(since + wait, self.told_at(name, since, now) + NOTICE_TICKS * limits["tick"]))) + 1
        words = (limits["END"], now.boot, end, name, int(now.at), os.getpid(), self.birth)
        self.place.keep("end-" + name, " ".join(map(str, words)))
        return end

    def told_at(self, name: str, since: float, now: Sample) -> float:
        """When it was told that the results of this end were pulled: a copy takes as long as it takes, and only then
        does the end become a near one, which others have to hear of (E5)."""
        if self.mark("pulled", now) < since:
            return float("inf")
        since_told, told = self.told.get(name, (since, now.at))
        self.told[name] = (since, told if since_told == since else now.at)
        return self.told[name][1]

    def report(self, now: Sample, limits: Optional[Dict[str, Any]], ends: List[Dict[str, Any]]) -> Dict[str, Any]:
        """What the heartbeat brings home."""
        use, seen = self.idle.use, self.idle.seen
        unknown = {name: why for name, why in {**now.unknown, **use.unknown}.items() if name in (*SIGNALS, "time")}
        free = os.statvfs(self.place.root)
        return {
            "version": VERSION, "boot": now.boot, "at": int(now.at), "pid": os.getpid(), "birth": self.birth,
            "port": self.port, "idle_s": int(self.idle.idle_s),
            "in_use": {name: int(now.at - seen[name]) if name in seen else None for name in SIGNALS},
            "unknown": [{"signal": name, "why": why} for name, why in unknown.items()],
            "gpus": list(now.gpus), "cpu": round(use.cores, 2), "network_bps": int(use.bytes_s),
            "disk_free_gb": round(free.f_bavail * free.f_frsize / 1e9, 1), "runs": self.runs(now.wall),
            "limits": limits, "ends": ends,
        }  # fmt: skip

    def runs(self, wall: float) -> List[Dict[str, Any]]:
        """State of the newest runs: its status, or running, lost, or not started; since so many seconds."""
        found: List[Dict[str, Any]] = []
        self.writing = None
        with contextlib.suppress(OSError):
            folders = {path: run for run, path in self.place.run_folders()}
            newest = sorted(folders, key=lambda path: os.lstat(path).st_mtime)[-SHOWN_RUNS:]
            for path in newest:
                files = {name: self.place.text(os.path.join(path, name), 20) for name in ("status", "pid")}
                with contextlib.suppress(OSError, ValueError):
                    changed = os.lstat(os.path.join(path, "status" if files["status"] else "pid")).st_mtime
                    row = {"id": folders[path], "state": self.state(folders[path], path, **files)}
                    found.append({**row, "since": max(0, int(wall - changed))})
        return sorted(found, key=lambda row: int(row["since"]))

    def state(self, run: str, folder: str, status: str, pid: str) -> str:
        """One whose wrapper was killed goes on while what it has started has its output open."""
        line = b""
        with contextlib.suppress(OSError):
            line = self.place.read(self.place.at("proc", str(int(pid or 0)), "cmdline"), 8192)
        if status or not pid:
            return clean(status) if status else "not started"
        if run.encode() in line:
            return "running"
        if self.writing is None:
            self.writing = self.place.writing_runs()
        return "running" if os.path.realpath(folder) in self.writing else "lost"


class Endpoint:
    """`GET /health` and `GET /status` on 127.0.0.1, one short connection at a time, apart from the sampling."""

    def __init__(self) -> None:
        self.report, self.sampled = b"{}", 0.0
        self.listener: Optional[socket.socket] = None
        with contextlib.suppress(OSError):
            self.listener = socket.create_server(("127.0.0.1", 0))

    def serve(self, stale: float) -> None:
        """Answer for ever, at most twenty times a second."""
        while self.listener:
            time.sleep(0.05)
            with contextlib.suppress(OSError), self.listener.accept()[0] as connection:
                connection.settimeout(2)
                words = connection.recv(2048).split(b" ")
                connection.sendall(self.answer(words[0], [*words, b""][1], stale))

    def answer(self, method: bytes, path: bytes, stale: float) -> bytes:
        age = time.monotonic() - self.sampled
        body, status = json.dumps({"ok": age <= stale, "age_s": int(age)}).encode(), "200 OK"
        if method != b"GET":
            status, body = "405 Method Not Allowed", b"{}"
        elif path == b"/status":
            body = self.report
        elif path != b"/health":
            status, body = "404 Not Found", b"{}"
        elif age > stale:
            status = "503 Service Unavailable"
        head = "HTTP/1.0 {}\r\nContent-Type: application/json\r\nContent-Length: {}\r\n\r\n"
        return head.format(status, len(body)).encode() + body


def is_watching(place: Place, mine: str) -> bool:
    """Whether no other agent has taken over; the number is written again where it was removed."""
    found = place.text(os.path.join(place.folder, "agent.pid"))
    return found == mine or (not found and place.keep("agent.pid", mine))


def watch(place: Place) -> int:
    """Sample until another agent has taken over; at once where a living one is there."""
    pid, _, birth = place.text(os.path.join(place.folder, "agent.pid")).partition(" ")
    if pid.isdigit() and birth.isdigit() and place.lives(int(pid), int(birth)):
        return 0
    endpoint = Endpoint()
    watcher = Watcher(place, endpoint.listener.getsockname()[1] if endpoint.listener else None)
    mine = "{} {}".format(os.getpid(), watcher.birth)
    # One that cannot save its number ends, or a full disk would multiply agents.
    if not place.keep("agent.pid", mine):
        return 1
    threading.Thread(target=endpoint.serve, args=(60.0,), daemon=True).start()
    while is_watching(place, mine):
        begun = time.monotonic()
        report, tick = watcher.tick()
        endpoint.report, endpoint.sampled = json.dumps(report).encode(), begun
        time.sleep(max(0.1, tick - (time.monotonic() - begun)))
    return 0


# ---- commands -------------------------------------------------------------------------------------------------------


def beat(place: Place) -> int:
    """Note that somebody was here, and print the report."""
    place.keep("contact", "{} {}".format(place.boot(), int(place.uptime())))
    print(place.text(os.path.join(place.folder, "report.json"), MOST_REPORT + 1))
    return 0


def deadline(place: Place, limits: Dict[str, Any], boot: str) -> float:
    """The guard's deadline as it has saved it last, in seconds of uptime: it obeys no later end."""
    found = (-1, float("inf"))
    for name in ("renewal", "state"):
        words = place.text(os.path.join(place.folder, name)).split(" ")
        if len(words) == 7 and words[0] == str(limits["END"]) and words[6] == boot:
            with contextlib.suppress(ValueError):
                found = max(found, (int(words[1]), int(words[2]) + float(words[5])))
    return found[1]


def say_end(place: Place, seconds: int) -> None:
    """Where power-off ends no bill, the guard leaves early ends to the user's computer (ends.md E9)."""
    print("this instance ends in {} s".format(seconds))
    guard = place.text(os.path.join(place.folder, "guard.sh"), MOST_GUARD)
    if guard and "|| due=" not in guard:  # its loop asks for no early end
        print("your computer ends it then; while that is off or asleep, it bills on, also past its deadline")


def done(place: Place) -> int:
    """Ask the guard to end this instance soon; with a hold it waits to be pulled."""
    limits = read_limits(place.text(os.path.join(place.folder, "limits")))
    if limits is None:
        print("this instance has no limits; end it on your computer: gpu-shopper done NAME", file=sys.stderr)
        return 1
    boot, up = place.boot(), int(place.uptime())
    hold = min(limits["hold"], deadline(place, limits, boot) - up - limits["tick"])
    wait = int(max(NOTICE_TICKS * limits["tick"], hold)) + 1
    # An end that is there already becomes no later: what was pulled since would be waited for again.
    asked = re.fullmatch("{} {} ([0-9]{{1,15}}) done".format(limits["END"], re.escape(boot)),
                         place.text(os.path.join(place.folder, "end-done"), 120))  # fmt: skip
    if asked and int(asked.group(1)) <= up + wait:
        say_end(place, max(int(asked.group(1)) - up, 0))
        return 0
    words = (limits["END"], boot, up + wait, "done")
    is_kept = place.keep("done", "{} {}".format(boot, up))
    if not is_kept or not place.keep("end-done", " ".join(map(str, words))):
        print("cannot write in {}: are you root, is the disk full?".format(place.folder), file=sys.stderr)
        return 1
    say_end(place, wait)
    return 0


def status(place: Place, as_json: bool) -> int:
    """Print what the agent has found; 1 where no agent lives."""
    text = place.text(os.path.join(place.folder, "report.json"), MOST_REPORT + 1)
    try:
        report = json.loads(text)
        age = int(place.uptime()) - report["at"]
        lives = report["boot"] == place.boot() and place.lives(report["pid"], report["birth"])
        in_use = ["{} {} s ago".format(name, past + age) for name, past in report["in_use"].items() if past is not None]
        lines = ["in use:  " + (", ".join(in_use) or "not since the agent started"),
                 "idle:    {} s".format(report["idle_s"])]  # fmt: skip
        lines += ["unknown: {}: {}".format(row["signal"], row["why"]) for row in report["unknown"]]
        lines += ["ending:  {} in {} s".format(row["name"], row["at"] - report["at"] - age) for row in report["ends"]]
    except (ValueError, KeyError, TypeError, AttributeError):
        lives, age, lines = False, 0, []
    if as_json:
        print(text or "{}")
    else:
        print(
            "\n".join([*lines, "sampled {} s ago".format(age) if lives else "no agent is running: idle is not watched"])
        )
    return 0 if lives else 1


def ends_line(place: Place, mode: str, hold: int) -> str:
    """What the file `ends` of a run holds; of another life, or of none, upkeep.sh does not obey it."""
    limits = read_limits(place.text(os.path.join(place.folder, "limits")))
    life = limits["life"] if limits else 0
    if not life:
        print("this instance has no limits that it could end itself by: leave --end out", file=sys.stderr)
        sys.exit(1)
    return "{} {} {:d} {}".format(mode, hold, hold > 0, life)


def run(words: List[str], ends: str) -> int:
    """Start a command as a run, in the form of `gpu-shopper run`; prints its id. `ends` is written in the same step."""
    run_id = uuid.uuid4().hex[:8]
    runs = os.path.expanduser("~/.gpu-shopper/runs")
    folder, line = os.path.join(runs, run_id), words[0] if len(words) == 1 else " ".join(map(shlex.quote, words))
    os.umask(0o077)
    try:
        os.makedirs(folder)
        files = {"command": line + "\n", "status.new": " " * 7 + "\n", "out": "", "err": ""}
        for name, text in {**files, **({"ends": ends + "\n"} if ends else {})}.items():
            with open(os.path.join(folder, name), "x", encoding="utf-8", errors="surrogateescape") as file:
                file.write(text)
        with open(os.path.join(folder, "out"), "ab") as out, open(os.path.join(folder, "err"), "ab") as err:
            wrapper = [sys.executable, os.path.abspath(__file__), "wrap", "gpu-shopper-run", folder, line]
            null = subprocess.DEVNULL
            process = subprocess.Popen(wrapper, stdin=null, stdout=out, stderr=err, start_new_session=True)
    except OSError as error:
        shutil.rmtree(folder, ignore_errors=True)
        print("the run cannot be started: {}".format(error), file=sys.stderr)
        return 1
    while not os.path.exists(os.path.join(folder, "pid")):
        if process.poll() is not None:
            shutil.rmtree(folder, ignore_errors=True)
            print("the run did not start", file=sys.stderr)
            return 1
        time.sleep(0.05)
    print(run_id)
    return 0


def wrap(folder: str, line: str) -> int:
    """Run the command of a run, and write its status over blanks: that needs no room on a disk that is full by then."""
    with open(os.path.join(folder, "pid"), "w", encoding="ascii") as file:
        file.write("{}\n".format(os.getpid()))
    shell = os.environ.get("SHELL", "")
    code = subprocess.call([shell if os.access(shell, os.X_OK) else "/bin/sh", "-c", line])
    new = os.path.join(folder, "status.new")
    with open(new, "r+", encoding="ascii") as file:
        file.write("{:<7d}\n".format(code if code >= 0 else 128 - code))
    os.replace(new, os.path.join(folder, "status"))
    return 0


def arguments(words: List[str]) -> argparse.Namespace:
    parser = argparse.ArgumentParser(description="Measure whether this instance is in use.")
    parser.add_argument("--folder", default=os.path.dirname(os.path.abspath(__file__)), help=argparse.SUPPRESS)
    parser.add_argument("--root", default="/", help=argparse.SUPPRESS)
    commands = parser.add_subparsers(dest="command", required=True)
    for name in ("watch", "beat", "done", "version"):
        commands.add_parser(name)
    commands.add_parser("status").add_argument("--json", action="store_true")
    wrapped = commands.add_parser("wrap")
    for name in ("mark", "run_folder", "line"):
        wrapped.add_argument(name)
    starting = commands.add_parser("run")
    starting.add_argument("--end", choices=("always", "success"), help="end this instance after the run")
    starting.add_argument("--hold", type=int, default=0, metavar="S", help="wait so long for its files to be pulled")
    starting.add_argument("words", nargs="+", metavar="COMMAND")
    return parser.parse_args(words)


def main(words: List[str]) -> int:
    given = arguments(words)
    place = Place(given.folder, given.root)
    if given.command == "version":
        print(VERSION)
        return 0
    if given.command == "run":
        return run(given.words, ends_line(place, given.end, given.hold) if given.end else "")
    if given.command == "wrap":
        return wrap(given.run_folder, given.line)
    if given.command == "status":
        return status(place, given.json)
    return {"watch": watch, "beat": beat, "done": done}[given.command](place)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
