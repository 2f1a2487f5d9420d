"""Run a command and carry so many bytes each way, then lose the connection (status 255), or hang for good."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
from pathlib import Path


def carry(source: int, target: int, left: int, is_over: threading.Event) -> int:
    """Carry bytes until the end or the limit; how many."""
    total = 0
    try:
        while piece := os.read(source, min(65536, left - total) or 1):
            if total >= left:
                is_over.set()
                break
            while piece:
                written = os.write(target, piece)
                piece, total = piece[written:], total + written
    except OSError:
        pass
    return total


def main() -> int:
    file = Path(sys.argv[1])
    limit, then = file.read_text().split()
    process = subprocess.Popen(sys.argv[2:], stdin=subprocess.PIPE, stdout=subprocess.PIPE)
    assert process.stdin and process.stdout
    for handle in (0, 1):
        os.set_blocking(handle, True)  # rsync hands over sockets that do not wait
    is_over, counts = threading.Event(), [0, 0]

    def up() -> None:
        counts[0] = carry(0, process.stdin.fileno(), int(limit), is_over)  # type: ignore[union-attr]
        if not is_over.is_set():
            process.stdin.close()  # type: ignore[union-attr]

    def down() -> None:
        counts[1] = carry(process.stdout.fileno(), 1, int(limit), is_over)  # type: ignore[union-attr]
        is_ended.set()

    is_ended = threading.Event()
    for work in (up, down):
        threading.Thread(target=work, daemon=True).start()
    while not is_over.is_set() and not is_ended.is_set():
        is_over.wait(0.01)
    with file.with_suffix(".count").open("a") as out:
        out.write(f"{sum(counts)}\n")
    if is_over.is_set() and then == "hang":
        file.with_suffix(".pids").write_text(f"{os.getpid()} {process.pid}\n")
        signal.pause()
    if is_over.is_set():
        process.kill()
        os.write(2, b"Connection reset by peer\n")
        os._exit(255)
    os._exit(process.wait())


if __name__ == "__main__":
    main()
