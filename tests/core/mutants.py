"""Break each safety rule of core on purpose and expect red: `python -m tests.core.mutants [word]`."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from queue import SimpleQueue

from tests.core.mutation import Mutation
from tests.core.mutations import MUTATIONS

ROOT = Path(__file__).parents[2]
WORKERS = 2
LIMIT_S = 120
OF_CONFTEST = ("conftest", "reporting", "needs", "spread", "waiting")
"""The conftest of all tests, and what it imports."""
GREEN, RED, NONSENSE = 0, 1, 99


def copy_tree(top: Path) -> Path:
    """A copy in which pytest finds the package, the tests of core and their settings, and nothing else."""
    ignore = shutil.ignore_patterns("__pycache__", "sandbox", "cli")
    shutil.copytree(ROOT / "gpushopper", top / "gpushopper", ignore=ignore)
    shutil.copytree(ROOT / "tests" / "core", top / "tests" / "core", ignore=ignore)
    for name in ("pyproject.toml", *(f"tests/{module}.py" for module in OF_CONFTEST)):
        shutil.copy(ROOT / name, top / name)
    return top


def run_tests(top: Path, names: Sequence[str]) -> int:
    """pytest's exit code in that copy: 0 green, 1 red, anything else did not run."""
    files = [f"tests/core/test_{name}.py" for name in names] or ["tests/core"]
    command = [sys.executable, "-m", "pytest", "-x", "-q", "-p", "no:cacheprovider", *files]
    env = {**os.environ, "PYTHONDONTWRITEBYTECODE": "1", "PYTHONPATH": str(top)}
    done = subprocess.run(command, cwd=top, env=env, capture_output=True, check=False, timeout=LIMIT_S)
    # A name that does not exist is a mistake in the list, not a rule that was noticed to be broken.
    return NONSENSE if b"NameError" in done.stdout or b"UnboundLocalError" in done.stdout else done.returncode


def places(one: Mutation) -> int:
    """How often the text to be broken stands in its module; anything but once is a mistake in the list."""
    return _file(ROOT, one).read_text().count(one.old)


def _file(top: Path, one: Mutation) -> Path:
    """The module of core with this name, whatever its folder."""
    (path,) = (top / "gpushopper" / "core").rglob(f"{one.module}.py")
    return path


def verdict_on(top: Path, one: Mutation) -> str:
    path = _file(top, one)
    whole = path.read_text()
    path.write_text(whole.replace(one.old, one.new))
    try:
        compile(path.read_text(), str(path), "exec")
        code = run_tests(top, one.tests.split())
    except SyntaxError:
        return "BROKEN"
    except subprocess.TimeoutExpired:
        return "killed"
    finally:
        path.write_text(whole)
    return {RED: "killed", GREEN: "SURVIVED"}.get(code, "BROKEN")


def try_all(todo: Sequence[Mutation], tops: Sequence[Path]) -> list[str]:
    """The verdicts, in order; each copy is used by one run at a time."""
    free: SimpleQueue[Path] = SimpleQueue()
    for top in tops:
        free.put(top)

    def work(one: Mutation) -> str:
        top = free.get()
        try:
            return verdict_on(top, one)
        finally:
            free.put(top)

    with ThreadPoolExecutor(len(tops)) as pool:
        return list(pool.map(work, todo))


def main(words: Sequence[str]) -> int:
    todo = [one for one in MUTATIONS if all(word in f"{one.module} {one.rule} {one.tests}" for word in words)]
    misplaced = [f"{one.module}: {places(one)} times: {one.old}" for one in MUTATIONS if places(one) != 1]
    if misplaced:
        print("\n".join(["the list is out of date:", *misplaced]))
        return 2
    with tempfile.TemporaryDirectory(prefix="gs-mutants-") as folder:
        tops = [copy_tree(Path(folder) / str(n)) for n in range(WORKERS)]
        if run_tests(tops[0], []) != GREEN:
            print("the plain copy is not green")
            return 2
        verdicts = try_all(todo, tops)
    for one, verdict in zip(todo, verdicts, strict=True):
        print(f"{verdict:9} {one.module:10} {one.rule}")
    killed = verdicts.count("killed")
    print(f"{killed} of {len(todo)} mutants killed")
    return 0 if killed == len(todo) else 1


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
