"""Times whole processes in turns: A B A B. Reads `{"rounds": n, "commands": [{"argv", "env"}]}`, prints the laps.

A process of its own with hardly an import: a child's peak memory is never reported below that of its parent.
"""

import json
import os
import sys
import time


def lap(argv: list[str], env: dict[str, str]) -> tuple[float, float, float, int]:
    """Run one command to its end: milliseconds, those of them on a core, peak megabytes, exit status."""
    quiet = [(os.POSIX_SPAWN_OPEN, number, os.devnull, os.O_RDWR, 0) for number in (0, 1, 2)]
    began = time.perf_counter()
    pid = os.posix_spawn(argv[0], argv, env, file_actions=quiet)
    _, status, used = os.wait4(pid, 0)
    took_ms = (time.perf_counter() - began) * 1000
    kilobytes = used.ru_maxrss / 1024 if sys.platform == "darwin" else used.ru_maxrss
    busy_ms = (used.ru_utime + used.ru_stime) * 1000
    return took_ms, busy_ms, kilobytes / 1024, os.waitstatus_to_exitcode(status)


def main() -> None:
    asked = json.load(sys.stdin)
    laps: list[list[tuple[float, float, float, int]]] = [[] for _ in asked["commands"]]
    for turn in range(-1, asked["rounds"]):
        for place, command in enumerate(asked["commands"]):
            measured = lap(command["argv"], command["env"])
            if turn >= 0:  # the first round warms the file cache
                laps[place].append(measured)
    json.dump(laps, sys.stdout)


if __name__ == "__main__":
    main()
