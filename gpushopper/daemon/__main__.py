"""Entry point of the daemon's process and its jobs: `python -m gpushopper.daemon` (see command_line.py)."""

from __future__ import annotations

import logging
import os
import sys

TERMINAL_ONLY = ("rich", "httpx._main")
"""What structlog and httpx import for use at a terminal where it is installed: an eighth of what this process imports.

Both do without where it is not to be had, which None says in `sys.modules`. Nothing here prints tables.
"""


def main() -> int:
    """Run without the libraries for terminals; the exit status."""
    for name in TERMINAL_ONLY:
        sys.modules.setdefault(name, None)  # type: ignore[arg-type]
    from gpushopper.daemon import command_line

    return command_line.main()


if __name__ == "__main__":
    code = main()
    logging.shutdown()
    sys.stdout.flush()
    # Not sys.exit: that would wait for provider calls that hang. All that must be durable is committed (I19).
    os._exit(code)
