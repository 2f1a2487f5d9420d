"""Copies of the product with one safety rule removed, which the audit must find wrong.

    python -m tests.sim.variants CASE    run one case with the package found first on the path; 1 if it fails

A rule that is a number is removed by another policy; the others by a changed copy of the package.
"""

from __future__ import annotations

import shutil
import subprocess
import sys
from dataclasses import dataclass, replace
from pathlib import Path

import gpushopper
from gpushopper.core.policy import PAPER
from tests.sim.fault_cases import Case
from tests.sim.verdicts import run_case

ROOT = Path(gpushopper.__file__).parent.parent
STORY = "provision, run, end"
NO_LABELS = tuple(("create", word, None, {"count": 1}) for word in ("label_drop", "env_drop"))
SHORT_ABSENCE = (("list", "omit", "all,20s", {}), ("get", "404", None, {"count": 1}))

CASES: dict[str, tuple[Case | None, str]] = {
    "an error that carries the only handle": (Case("create", "error_with_id", "400", beside=NO_LABELS), STORY),
    "an error after the effect": (Case("create", "commit_then_500"), STORY),
    "a reply that never came": (Case("create", "commit_then_hang"), STORY),
    "not shown for a moment while it ends": (
        Case("destroy", "ack_noop", "1", since="ended", beside=SHORT_ABSENCE),
        STORY,
    ),
    "back from the dead": (Case("destroy", "zombie", "20m"), STORY),
    "later than any bound": (Case("create", "late", "30m"), STORY),
    "denied for half an hour": (None, "goes missing"),
}
ONE_ABSENCE = replace(PAPER, gone_observations=1, gone_window_s=0.0, absence_observations=1)


@dataclass(frozen=True, slots=True)
class Variant:
    """One rule removed by changing text of files, and the cases that must fail then."""

    changes: tuple[tuple[str, str, str], ...]
    """File, its text with the rule, its text without."""
    cases: tuple[str, ...]

    def copy_to(self, folder: Path) -> None:
        """Write the changed package, and what is needed to run a case with it."""
        skip = shutil.ignore_patterns("__pycache__")
        shutil.copytree(ROOT / "gpushopper", folder / "gpushopper", ignore=skip)
        shutil.copytree(ROOT / "tests" / "sim", folder / "tests" / "sim", ignore=skip)
        shutil.copy(ROOT / "tests" / "transport.py", folder / "tests" / "transport.py")
        for path, old, new in self.changes:
            target = folder / "gpushopper" / path
            text = target.read_text(encoding="utf-8")
            assert text.count(old) == 1, f"{path} no longer says {old!r} once: update the variant"
            target.write_text(text.replace(old, new), encoding="utf-8")


CREATE_ANSWER, CREATE_RESULTS = "providers/vast/create.py", "engine/account/create/create_results.py"
RECONCILE, UNKNOWN_INSTANCE = "core/listing/reconcile.py", "core/listing/unknown_instance.py"
MISSING = "core/listing/missing.py"

VARIANTS = {
    "id before success flag": Variant(
        (
            (
                CREATE_ANSWER,
                "    found = _ids(answer.body, 0)\n",
                "    found = _ids(answer.body, 0) if answer.status == 200 else []\n",
            ),
        ),
        ("an error that carries the only handle",),
    ),
    "an unknown outcome is uncertain": Variant(
        (
            (
                CREATE_RESULTS,
                "                tx.run([mark_uncertain(attempt, detail, now)])\n",
                '                tx.run([CloseAttempt(attempt, ReceiptKind.REFUSED, "refused", now.wall, {})])\n',
            ),
        ),
        ("an error after the effect", "a reply that never came"),
    ),
    "closed labels are recognised": Variant(
        (
            (
                RECONCILE,
                '    text = f"{session.name}: closed instance {row.instance_id} was seen again"\n',
                '    text = ""\n    if not text:\n        return []\n',
            ),
            (
                UNKNOWN_INSTANCE,
                "        if creator.state is State.CLOSED:\n",
                "        if creator.state is State.CLOSED:\n            return []\n",
            ),
        ),
        ("back from the dead", "later than any bound"),
    ),
    "absence never ends what is wanted": Variant(
        (
            (
                MISSING,
                "    if boot_is_over(attempt, now, policy):\n",
                "    if attempt.absence_count >= policy.gone_observations or boot_is_over(attempt, now, policy):\n",
            ),
        ),
        ("denied for half an hour",),
    ),
}


def run_in(folder: Path, case: str) -> subprocess.CompletedProcess[str]:
    """Run a case with the package of a folder, in a process of its own."""
    command = [sys.executable, "-m", "tests.sim.variants", case]
    return subprocess.run(
        command, cwd=folder, env={"PYTHONPATH": str(folder)}, capture_output=True, text=True, timeout=120, check=False
    )


def main(case: str) -> int:
    """Print which package this was, and what went wrong."""
    fault, scenario = CASES[case]
    verdict = run_case(fault, scenario)
    print(Path(gpushopper.__file__).parent.parent)
    print("\n".join(verdict.wrong))
    return 1 if verdict.wrong else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1]))
