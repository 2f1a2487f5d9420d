"""Fifty followers of the history, as `events --follow` asks: a cursor, twice a second. Ends when stdin closes."""

from __future__ import annotations

import http.client
import json
import socket
import sys
import threading

PACE_S = 0.5


class Connection(http.client.HTTPConnection):
    """One request over the daemon's socket."""

    def __init__(self, path: str) -> None:
        super().__init__("daemon", timeout=10)
        self._path = path

    def connect(self) -> None:
        self.sock = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        self.sock.settimeout(self.timeout)
        self.sock.connect(self._path)


def follow(path: str, over: threading.Event, answers: list[int]) -> None:
    """Poll from a cursor until told to stop; the count of answers goes into the list."""
    after = count = 0
    while not over.wait(PACE_S):
        connection = Connection(path)
        try:
            connection.request("GET", f"/api/v1/events?after={after}", headers={"Connection": "close"})
            reply = connection.getresponse()
            if reply.status == 200:
                after, count = json.loads(reply.read())["next"], count + 1
        except (OSError, http.client.HTTPException):
            continue
        finally:
            connection.close()
    answers.append(count)


def main() -> None:
    path, many = sys.argv[1], int(sys.argv[2])
    over = threading.Event()
    answers: list[int] = []
    threads = [threading.Thread(target=follow, args=(path, over, answers)) for _ in range(many)]
    for thread in threads:
        thread.start()
    print("ready", flush=True)
    sys.stdin.read()
    over.set()
    for thread in threads:
        thread.join()
    print(json.dumps({"watchers": len(answers), "answers": sum(answers), "least": min(answers)}))


if __name__ == "__main__":
    main()
