"""What `provision` does on a fresh instance, and what it refuses before anything is rented."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from gpushopper.cli import new_app
from gpushopper.cli.remote import session_setup
from gpushopper.client import JsonObject
from gpushopper.errors import ShopperError
from tests.cli.conftest import Shell
from tests.cli.ssh_stage import Stage

pytestmark = pytest.mark.proofs

SECRET = "canary of 'mine'"
Apply = Callable[..., None]


@pytest.fixture
def apply(stage: Stage, monkeypatch: pytest.MonkeyPatch) -> Apply:
    """Set the stage's session up, as after it became ready."""
    monkeypatch.setenv("TOKEN", SECRET)

    def run(**given: Any) -> None:
        wanted = session_setup.read(
            {"plain": (), "secret": (), "env_files": (), "setup": None, "onstart": None, **given}
        )
        session_setup.apply(new_app(), JsonObject(stage.session()), wanted)  # type: ignore[arg-type]

    return run


@pytest.fixture
def script(tmp_path: Path) -> Callable[[str], str]:
    def write(text: str) -> str:
        path = tmp_path / "script"
        path.write_text(text)
        return str(path)

    return write


def test_variables_are_known_to_runs_and_to_login_shells(stage: Stage, apply: Apply):
    (stage.host.home / ".bashrc").write_text('[ -z "$PS1" ] && return\n')
    apply(plain=("A=x y",), secret=("TOKEN",))
    show = 'printf "%s|%s" "$A" "$TOKEN"'
    assert stage("run", "train", "--", show).out == f"x y|{SECRET}"
    assert stage("ssh", "train", "--", "bash", "-lc", show).out == f"x y|{SECRET}"
    assert stage("ssh", "train", "--", "sh", "-lc", show).out == f"x y|{SECRET}"
    assert stage("ssh", "train", "--", "bash", "-ic", show).out == f"x y|{SECRET}"
    kept = stage.host.home / ".gpu-shopper" / "environment"
    assert kept.stat().st_mode & 0o777 == 0o600
    assert (stage.host.home / ".bashrc").read_text().endswith("&& return\n")


def test_doing_it_again_leaves_one_line(stage: Stage, apply: Apply):
    apply(plain=("A=1",))
    first = (stage.host.home / ".profile").read_text()
    apply(plain=("A=2",))
    assert (stage.host.home / ".profile").read_text() == first
    assert stage("run", "train", "--", 'echo "$A"').out == "2\n"


def test_a_profile_that_cannot_be_read_is_left_as_it_is(stage: Stage, apply: Apply):
    (stage.host.home / ".profile").write_text("one\ntwo\n")
    broken = stage.host.home / "bin" / "cat"
    broken.write_text('#!/bin/sh\ncase "$*" in *.profile) echo one; exit 1 ;; esac\nexec /bin/cat "$@"\n')
    broken.chmod(0o755)
    with pytest.raises(ShopperError, match="continues and bills"):
        apply(plain=("A=1",))
    assert (stage.host.home / ".profile").read_text() == "one\ntwo\n"


def test_the_setup_is_waited_for_and_shown(
    stage: Stage, apply: Apply, script: Callable[[str], str], capfdbinary: pytest.CaptureFixture[bytes]
):
    apply(setup=script('#!/bin/sh\necho preparing; echo with care >&2; echo "$TOKEN" >seen\n'), secret=("TOKEN",))
    out, err = capfdbinary.readouterr()
    assert out == b"" and b"preparing\n" in err and b"with care\n" in err
    assert (stage.host.home / "seen").read_text() == f"{SECRET}\n"


def test_a_setup_without_a_first_line_runs_too(stage: Stage, apply: Apply, script: Callable[[str], str]):
    apply(setup=script("echo done >seen\n"))
    assert (stage.host.home / "seen").read_text() == "done\n"


def test_a_failed_setup_says_that_the_session_bills(stage: Stage, apply: Apply, script: Callable[[str], str]):
    with pytest.raises(ShopperError, match="status 7; train continues and bills") as error:
        apply(setup=script("#!/bin/sh\nexit 7\n"), onstart=script("#!/bin/sh\nexit 7\n"))
    assert error.value.exit_code == 125 and error.value.code == "setup_failed"
    assert "shutdown train" in error.value.hint
    assert [path.name for path in stage.runs()] == ["setup"]


def test_the_start_script_is_left_running(
    stage: Stage, apply: Apply, script: Callable[[str], str], wait_until: Callable[..., None]
):
    apply(onstart=script("#!/bin/sh\necho serving\nuntil [ -f go ]; do sleep 0.1; done; touch went\n"))
    assert stage("logs", "train", "onstart").out in ("serving\n", "")
    (stage.host.home / "go").touch()
    wait_until((stage.host.home / "went").exists, timeout_s=60)


def test_an_unreachable_instance_is_reported(stage: Stage, apply: Apply):
    stage.remote.forget_attempt("attempt1")
    stage.host.stop()
    with pytest.raises(ShopperError, match=r"cannot be reached.*continues and bills") as error:
        apply(plain=("A=1",))
    assert error.value.exit_code == 125


# ---- before anything is rented

RENT = ("provision", "-g", "4090", "--yes")


@pytest.mark.parametrize(
    ("words", "said"),
    [(("--setup", "/nonexistent"), "cannot be read"), (("--onstart", "/dev/null"), "is empty"),
     (("--env", "A"), "no value"), (("--secret-env", "NOT_SET"), "no such variable"),
     (("-e", "A=x\ny"), "line break"), (("-e", "1A=x"), "not a variable name"), (("-e", "GS_LABEL=x"), "are ours")],
)  # fmt: skip
def test_an_unreadable_setup_file_is_refused_before_renting(gs: Shell, words: tuple[str, ...], said: str):
    found = gs(*RENT, *words)
    assert found.code == 2 and said in found.err
    assert not (gs.home / "run").exists()


@pytest.mark.parametrize(
    ("words", "said"), [((), "simulated instance: no shell"), (("--no-wait",), "leave --no-wait out")]
)
def test_where_it_cannot_be_done_nothing_is_rented(market: Shell, words: tuple[str, ...], said: str):
    before = len(market("sandbox", "ledger", "--json").json["creates"])
    found = market(*RENT, "--env", "A=1", *words)
    assert found.code == 2 and said in found.err
    assert len(market("sandbox", "ledger", "--json").json["creates"]) == before


def test_ssh_refuses_a_simulated_instance(market: Shell):
    rented = market(*RENT, "--name", "onpaper", "--for", "30m")
    assert rented.code == 0, rented.err
    for words in (("ssh", "onpaper"), ("run", "onpaper", "--", "true")):
        found = market(*words)
        assert found.code == 125 and "simulated instance: no shell" in found.err
    assert market("shutdown", "onpaper", "--yes").code == 0
    found = market("ssh", "onpaper")
    assert found.code == 125 and "ended" in found.err
