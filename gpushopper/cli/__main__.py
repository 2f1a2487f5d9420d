"""Entry point `python -m gpushopper.cli`: the command line where the script `gpu-shopper` is not installed."""

from __future__ import annotations

from gpushopper.cli import run

run()
