"""`python -m gpushopper.sandbox.live FOLDER`: supervise one live instance (stdin: see `supervisor_messages`)."""

from __future__ import annotations

import asyncio
import sys
from pathlib import Path

from gpushopper.sandbox.live.supervisor import send_message, supervise


def main() -> int:
    """Run until the container has exited or the sandbox has closed stdin; return the exit status."""
    try:
        asyncio.run(supervise(Path(sys.argv[1])))
    except (OSError, ValueError) as error:
        send_message(failed=str(error))
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
