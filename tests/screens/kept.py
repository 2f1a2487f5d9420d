"""docs/screens: each screen in a file, the widths one after the other. `python -m tests.screens.kept` writes them."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from pathlib import Path

from tests.floors.tree import ROOT
from tests.screens.colors import with_table
from tests.screens.scenes import Typed, a_day, many_end
from tests.screens.setting_up import first_day

FOLDER = ROOT / "docs" / "screens"
WIDTHS = (60, 80, 160)
STORIES = (a_day, many_end, first_day)
HEAD = "=" * 8


def block(width: int, typed: Sequence[Typed]) -> str:
    """One width of one screen, as it stands in the file."""
    lines = "\n".join(f"$ gpu-shopper {line}\n{shown}" for line, shown in typed)
    return f"{HEAD} {width} columns {HEAD}\n\n{lines}"


def read(path: Path) -> dict[int, str]:
    """The blocks of a file by their width."""
    found = {}
    for part in path.read_text(encoding="utf-8").split(f"{HEAD} ")[1:]:
        width, _, text = part.partition(" ")
        found[int(width)] = f"{HEAD} {width} {text}".rstrip("\n") + "\n"
    return found


def blocks(width: int, shown: Mapping[str, Sequence[Typed]]) -> dict[str, str]:
    """By screen."""
    return {name: block(width, typed).rstrip("\n") + "\n" for name, typed in shown.items()}


def write() -> None:
    """Make all of them anew."""
    texts: dict[str, list[str]] = defaultdict(list)
    for width in WIDTHS:
        for day in (story(width) for story in STORIES):
            for name, text in blocks(width, day.shown).items():
                texts[name].append(text)
    FOLDER.mkdir(exist_ok=True)
    for former in FOLDER.glob("*.txt"):
        former.unlink()
    guide = FOLDER / "README.md"
    guide.write_text(with_table(guide.read_text(encoding="utf-8")), encoding="utf-8")
    for name, parts in texts.items():
        (FOLDER / f"{name}.txt").write_text("\n".join(parts), encoding="utf-8")


if __name__ == "__main__":
    write()
