"""`python -m gpushopper.cli`: the command line without its script."""

from __future__ import annotations

import sys

from gpushopper.cli import main

sys.exit(main())
