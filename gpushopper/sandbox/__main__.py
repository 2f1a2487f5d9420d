"""Command line of the sandbox process (`python -m gpushopper.sandbox`): serve the clouds, print the ledger, or try out.

`python -m gpushopper.sandbox --home HOME [--paper|--live] [--seed N] [--boot-seconds X]
[--rate-gaps on|off] [--clouds A,B] [--port [CLOUD=]P]` prints one line on stdout when all dialects answer:
`{"ready": true, ...}` followed
by the fields of `GET /status`; a start that fails says why on stderr and exits 1, or 6 when live instances cannot be
contained on this computer (see `gpushopper.sandbox.live`). `python -m gpushopper.sandbox ledger --home
HOME` prints the ledger, also while no server runs; `contain --home FOLDER` tries to contain a live instance in a new
folder, and leaves nothing. SIGTERM, SIGINT or `POST /stop` end it gracefully; the
market goes on from its file at the next start, and time passed meanwhile has passed on the market too.
"""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Sequence
from pathlib import Path

from gpushopper.sandbox.clock import SandboxClock
from gpushopper.sandbox.dialects import BUILT_IN, choose
from gpushopper.sandbox.live.containment_check import containment_problem
from gpushopper.sandbox.market import ground_truth
from gpushopper.sandbox.persistence import MARKET_FILE, load_state
from gpushopper.sandbox.server import MARKET_DIR, CannotContain, CannotStart, SandboxServer


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one command and return its exit status: 0, 1 cannot start or read, 2 usage, 6 cannot contain instances."""
    options = _parser().parse_args(arguments)
    home = Path(options.home).absolute()
    try:
        if options.command == "contain":
            return _check_containment(home)
        return _print_ledger(home) if options.command == "ledger" else _serve(home, options)
    except (CannotStart, OSError) as error:
        sys.stderr.write(f"{error}\n")
        return 6 if isinstance(error, CannotContain) else 1


def _parser() -> argparse.ArgumentParser:
    what = "Serve the simulated clouds, or print their ledger."
    parser = argparse.ArgumentParser(prog="python -m gpushopper.sandbox", description=what)
    parser.add_argument("command", nargs="?", choices=("serve", "ledger", "contain"), default="serve")
    parser.add_argument("--home", required=True, help="folder of this sandbox; the market is kept in it")
    parser.add_argument("--seed", type=int, help="supply and times follow from it (a new market: 1)")
    parser.add_argument("--boot-seconds", type=float, help="from create to running, about (default 4)")
    parser.add_argument("--rate-gaps", choices=("on", "off"), help="enforce the providers' minimum gaps")
    kind = parser.add_mutually_exclusive_group()
    kind.add_argument("--paper", dest="live", action="store_const", const=False, help="instances are state only")
    kind.add_argument("--live", action="store_const", const=True, help="instances run on this computer")
    parser.add_argument("--clouds", metavar="A,B", help=f"serve these only, of {','.join(BUILT_IN)} (default: all)")
    what = "TCP port of a cloud, by default of the first; may be repeated (default: the last one)"
    parser.add_argument("--port", metavar="[CLOUD=]P", action="append", default=[], help=what)
    return parser


def _serve(home: Path, options: argparse.Namespace) -> int:
    sandbox = SandboxServer(home)
    gaps = None if options.rate_gaps is None else options.rate_gaps == "on"
    try:
        clouds = tuple(BUILT_IN) if options.clouds is None else choose(options.clouds, BUILT_IN)
        ports = dict(_port(text, clouds) for text in options.port)
    except ValueError as error:
        raise CannotStart(str(error)) from error
    sandbox.obey_signals()
    try:
        status = sandbox.open(
            seed=options.seed,
            boot_seconds=options.boot_seconds,
            rate_gaps=gaps,
            clouds=clouds,
            ports=ports,
            live=options.live,
        )
        sys.stdout.write(json.dumps({"ready": True, **status}) + "\n")
        sys.stdout.flush()
        sandbox.wait()
    finally:
        sandbox.close()
    return 0


def _port(text: str, clouds: Sequence[str]) -> tuple[str, int]:
    """Return cloud and port of `CLOUD=P` or `P`; raises ValueError."""
    name, _, port = text.rpartition("=")
    if (name or clouds[0]) not in clouds or not port.isdecimal():
        raise ValueError(f"not a port of a cloud that is served: {text}")
    return name or clouds[0], int(port)


def _print_ledger(home: Path) -> int:
    """Print the ledger from the market file, whether or not a server runs."""
    path = home / MARKET_DIR / MARKET_FILE
    if not path.exists():
        raise CannotStart(f"no market in {home}")
    state = load_state(path, SandboxClock(path.parent))
    sys.stdout.write(json.dumps(ground_truth.build_ledger(state.market), indent=2) + "\n")
    return 0


def _check_containment(folder: Path) -> int:
    """Whether live instances can run here; why not goes to stderr."""
    if (problem := containment_problem(folder)) is not None:
        raise CannotContain(problem)
    return 0


if __name__ == "__main__":
    sys.exit(main())
