"""The services of docs/deploy: its README's commands run word for word, with processes in the place of containers."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.floors.tree import ROOT, text_of
from tests.needs import needs, needs_root
from tests.packages import compose
from tests.packages.test_contents import in_repository
from tests.sandbox_home import kill_groups

LIMIT_S = 400
BLOCK = re.compile(r"^```sh\n(.*?)^```", re.MULTILINE | re.DOTALL)
LOOPBACK_UP = (
    "import fcntl, socket, struct; fcntl.ioctl(socket.socket(), 0x8914, struct.pack('16sh22x', b'lo', 0x1 | 0x40))"
)
"""SIOCSIFFLAGS: a new network namespace has its loopback down."""
SCRAPED = """
import json, urllib.request
from tests import waiting
query = "http://127.0.0.1:9090/api/v1/query?query=up%7Bjob=%22gpu-shopper%22%7D==1"
def is_up():
    try:
        with urllib.request.urlopen(query) as answer:
            return json.load(answer)["data"]["result"]
    except OSError:
        return False
waiting.wait_until(is_up, timeout_s=90, every_s=0.5)
"""
"""Returns once Prometheus has scraped the daemon: every half minute, it says."""


def blocks(chapter: str) -> list[str]:
    """The shell blocks under a heading of the README there."""
    text = text_of(compose.DEPLOY / "README.md")
    return BLOCK.findall(text.split(f"\n## {chapter}\n")[1].split("\n## ")[0])


@pytest.mark.parametrize(
    ("file", "schema"), [("compose.yml", "compose-spec"), ("github-workflow.yml", "github-workflows")]
)
def test_it_keeps_to_its_schema(file: str, schema: str):
    """The schemas come with check-jsonschema, which is told to look nothing up."""
    check = [sys.executable, "-m", "check_jsonschema", "--builtin-schema", f"vendor.{schema}", "--no-cache"]
    done = subprocess.run([*check, str(compose.DEPLOY / file)], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr


@pytest.mark.parametrize("name", ["daemon", "sandbox"])
def test_our_services_can_do_little_and_write_nowhere_else(name: str):
    row = compose.service(name)
    assert (row["user"], row["read_only"], row["cap_drop"]) == (compose.image().user, True, ["ALL"])
    assert row["security_opt"] == ["no-new-privileges:true"] and row["init"]
    assert list(compose.mounts(name, Path("/v"))) == ["/data"]


def test_prometheus_gets_the_token_and_no_key():
    mounted = compose.mounts("prometheus", Path("/v"))
    assert [path.name for path in mounted.values()] == ["prometheus.yml", "alerts.yml", "prometheus", "metrics-token"]
    for inside, path in mounted.items():
        assert path.exists() or inside in ("/prometheus", "/etc/prometheus/gpu-shopper-token")
    assert "/etc/prometheus/gpu-shopper-token" in text_of(ROOT / "docs/metrics/prometheus.yml")


def test_the_file_with_the_token_is_not_kept_by_git_nor_sent_to_a_build():
    for name in (".gitignore", ".dockerignore"):
        assert "docs/deploy/metrics-token" in text_of(ROOT / name).splitlines()


def test_the_image_sets_what_the_daemon_is_started_with_elsewhere():
    from gpushopper.cli.process.daemon_process import SHARED_HEAP

    assert SHARED_HEAP.items() <= compose.image().variables.items()


def test_the_workflow_runs_what_is_run_here():
    text = text_of(compose.DEPLOY / "github-workflow.yml")
    assert "run: bash .ci/run\n" in text and "run: make packages\n" in text and "secrets." not in text


def test_every_shell_block_of_the_guide_is_run_by_a_test():
    """The server's in tests/packages/test_containers.py, the others here."""
    assert BLOCK.findall(text_of(compose.DEPLOY / "README.md")) == blocks("A server") + blocks("A container")


@pytest.fixture
def folder() -> Iterator[Path]:
    """Short: sockets lie below it."""
    made = Path(tempfile.mkdtemp(prefix="gs-", dir="/tmp"))
    yield made
    kill_groups(made)
    shutil.rmtree(made, ignore_errors=True)


@pytest.mark.proofs
@needs_root
@needs("prometheus", "unshare")
def test_the_commands_of_the_container_chapter_work(folder: Path):
    """In a network namespace, so that the ports of the guide are free; the clone is a copy, for the token's file."""
    clone = folder / "clone"
    for name in sorted(in_repository()):
        (clone / name).parent.mkdir(parents=True, exist_ok=True)
        shutil.copy2(ROOT / name, clone / name)
    programs = folder / "bin"
    programs.mkdir()
    docker = f'#!/bin/sh\nPYTHONPATH={clone} exec {sys.executable} -m tests.packages.fake_docker {folder} "$@"\n'
    (programs / "docker").write_text(docker)
    (programs / "make").write_text(f"#!/bin/sh\nexec {sys.executable} -m hatchling build -d dist\n")
    for program in programs.iterdir():
        program.chmod(0o755)
    script = "\n".join(["set -ex", f'{sys.executable} -c "{LOOPBACK_UP}"', *blocks("A container")])
    script += f"\n{sys.executable} -c '{SCRAPED}'\n"
    done = subprocess.run(
        ["unshare", "--net", "bash", "-c", script], cwd=clone, stdin=subprocess.DEVNULL, capture_output=True, text=True,
        env={**os.environ, "PATH": f"{programs}:{os.environ['PATH']}"}, timeout=LIMIT_S, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stdout[-2000:] + done.stderr[-3000:]
    assert "try  destroyed" in done.stdout
