"""`python -m gpushopper.sandbox.live FOLDER`: supervise one live instance, told on stdin (see `orders`)."""

from __future__ import annotations

import asyncio
import sys
from pathlib import Path

from gpushopper.sandbox.live.supervisor import say, supervise


def main() -> int:
    """Run until the container or the market has ended."""
    try:
        asyncio.run(supervise(Path(sys.argv[1])))
    except (OSError, ValueError) as error:
        say(failed=str(error))
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
