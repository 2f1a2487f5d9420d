"""What Tab completes of consumers, budgets and tags: what a running daemon knows; it starts none."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from click.shell_completion import ShellComplete

from gpushopper.cli import new_app, root
from tests.cli.in_process import Inside

RENT = ("provision", "--gpu", "RTX 4090", "--hours", "1", "-y", "--no-wait")


def completed(home: Path, *words: str) -> list[str]:
    """What the shell is told for the last of these words."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("GPU_SHOPPER_HOME", str(home))
        complete = ShellComplete(root, {"obj": new_app()}, "gpu-shopper", "_X")
        return [item.value for item in complete.get_completions(["--sandbox", *words[:-1]], words[-1])]


@pytest.fixture
def tagged(inside: Inside) -> Iterator[Path]:
    rented = inside(*RENT, "--name", "tagged", "-c", "tabby", "--tag", "tab=one")
    assert rented.code == 0, rented.err
    assert inside("budget", "set", "tablimit", "--consumer", "tabby", "--daily", "50").code == 0
    yield inside.home
    inside("budget", "rm", "tablimit")
    inside("shutdown", "tagged", "-y")


def test_tab_completes_consumers_budgets_and_tags_which_may_be_changed_after_renting(tagged: Path, inside: Inside):
    assert completed(tagged, "costs", "show", "--consumer", "tab") == ["tabby"]
    assert completed(tagged, "costs", "--tag", "tab") == ["tab", "tab=one"]
    assert completed(tagged, "provision", "--tag", "tab") == ["tab=one"]
    assert completed(tagged, "provision", "-c", "tab") == ["tabby"]
    assert completed(tagged, "consumers", "show", "tab") == ["tabby"]
    assert completed(tagged, "budget", "set", "tab") == ["tablimit"]
    assert completed(tagged, "budget", "rm", "x") == []
    changed = inside("set", "tagged", "--tag", "tab=two", "--tag", "more=yes")
    assert changed.code == 0 and changed.out == "tagged: tagged more=yes, tab=two\n", changed
    assert inside("set", "tagged", "--untag", "more").out == "tagged: tagged tab=two\n"
    assert inside("set", "tagged", "--untag", "more").code == 2
    assert inside("set", "tagged", "--tag", "tab").code == 2
    assert '"tab": "two"' in inside("--json", "set", "tagged", "--tag", "tab=two").out
    assert completed(tagged, "provision", "--tag", "tab") == ["tab=two"]


def test_tab_starts_no_daemon(tmp_path: Path):
    assert completed(tmp_path, "budget", "show", "") == []
    assert not list(tmp_path.rglob("daemon*"))
