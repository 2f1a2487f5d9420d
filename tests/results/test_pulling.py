"""Pulls from an instance that works, changes files, is cut off, or lies: nothing lands outside the new folder (E8)."""

from __future__ import annotations

import io
import os
import tarfile
from pathlib import Path

import pytest

from gpushopper.core.model.ends.landed import LandingOrder, LandingProgress
from gpushopper.errors import DiskFull, ShopperError
from gpushopper.remote.landing import pull_all
from gpushopper.results.link import Link, LinkLost
from gpushopper.results.pulling import Progress, Pull, Pulled, PullRequest
from gpushopper.results.to_disk import to_disk
from tests.cli.far_side import Far
from tests.needs import needs

TIME = 1_700_000_000


class Instance:
    """An instance with a folder `out`, whose programs may be replaced."""

    def __init__(self, top: Path) -> None:
        self.far, self.local = Far(top), top / "home"
        self.out, self.seen = self.far.home / "out", []
        self.out.mkdir()
        # Programs that a test replaces come before those of the system, which our scripts look for first.
        self.ssh, programs = self.far.bin / "near", self.far.top / "farbin"
        self.ssh.write_text(
            f"#!/bin/sh\nsed 's|^PATH=.*|PATH={programs}:/usr/bin:/bin|' | {self.far.bin / 'ssh'} \"$@\"\n"
        )
        self.ssh.chmod(0o755)

    def write(self, name: str, content: bytes = b"1", time: int = TIME) -> Path:
        path = self.out / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content)
        os.utime(path, (time, time))
        return path

    def replace(self, program: str, script: str) -> None:
        path = self.far.top / "farbin" / program
        path.unlink(missing_ok=True)
        path.write_text(f"#!/bin/sh\n{script}\n")
        path.chmod(0o755)

    def without_checksums(self) -> None:
        """Let scripts find what they need, but no program for checksums."""
        programs = self.far.top / "farbin"
        for name in ("head", "tail"):
            (programs / name).symlink_to(f"/usr/bin/{name}")
        self.ssh.write_text(self.ssh.read_text().replace(":/usr/bin:/bin", ""))

    def link(self, must_stop=lambda: False) -> Link:
        return Link((str(self.ssh), "--", "far"), {"PATH": "/usr/bin:/bin"}, must_stop)

    def pull(self, **more) -> Pulled:
        most, free = more.pop("most", 10**9), more.pop("free", lambda path: 10**12)
        request = PullRequest("s1", "train", "out", str(self.local), most)
        return Pull(self.link(**more), request, self.seen.append, free).perform()

    def home(self) -> dict[str, bytes]:
        files = [path for path in self.local.rglob("*") if path.is_file() and not path.is_symlink()]
        return {str(path.relative_to(self.local)): path.read_bytes() for path in files}


@pytest.fixture
def instance(tmp_path: Path) -> Instance:
    return Instance(tmp_path)


def test_results_land_in_a_new_folder_verified_and_replace_nothing(instance: Instance):
    instance.write("a", b"1")
    instance.write("sub/odd \n name\\", b"2" * 5000)
    (instance.out / "sub" / "link").symlink_to("../a")
    os.link(instance.out / "a", instance.out / "hard")
    (instance.local / "train-out").mkdir(parents=True)
    (instance.local / "train-out" / "mine").write_bytes(b"mine")
    done = instance.pull()
    assert done.folder == str(instance.local / "train-out-2") and done.checksum == "sha256"
    assert (done.files, done.bytes, done.left_out, done.changed) == (3, 5002, [], [])
    assert os.readlink(instance.local / "train-out-2" / "sub" / "link") == "../a"
    assert instance.home() == {
        "train-out/mine": b"mine", "train-out-2/a": b"1", "train-out-2/hard": b"1",
        "train-out-2/sub/odd \n name\\": b"2" * 5000,
    }  # fmt: skip
    assert instance.seen[-1] == Progress(3, 5002, 3, 5002)


def test_all_of_it_is_on_the_disk_before_and_after_it_has_its_name(instance: Instance):
    """Its instance is destroyed then: what was only in memory would be lost with this computer's power."""
    instance.write("sub/a", b"1" * 5000)
    (instance.out / "link").symlink_to("sub/a")
    seen: list[tuple[str, list[str]]] = []

    def write(folder: bytes) -> None:
        to_disk(folder)
        found = sorted(path.name for path in instance.local.rglob("*") if not path.name.endswith(".partial"))
        seen.append((os.path.basename(os.fsdecode(folder)), found))

    Pull(instance.link(), PullRequest("s1", "train", "out", str(instance.local)), write=write).perform()
    (partial, before), (local, after) = seen
    assert partial.endswith(".partial") and before == ["a", "link", "sub"]
    assert local == "home" and after == ["a", "link", "sub", "train-out"]


def test_a_disk_that_takes_not_all_of_it_has_no_results(instance: Instance):
    instance.write("a")

    def fail(folder: bytes) -> None:
        raise OSError(5, "Input/output error", folder)

    with pytest.raises(ShopperError, match="input/output error"):
        Pull(instance.link(), PullRequest("s1", "train", "out", str(instance.local)), write=fail).perform()
    assert [path.suffix for path in instance.local.iterdir()] == [".partial"]
    with pytest.raises(OSError):
        to_disk(os.fsencode(instance.local / "missing"))


def test_links_out_devices_and_setuid_stay_there(instance: Instance):
    instance.write("a").chmod(0o6777)
    (instance.out / "up").symlink_to("../..")
    (instance.out / "root").symlink_to("/etc")
    os.mkfifo(instance.out / "pipe")
    done = instance.pull()
    assert sorted(done.left_out) == ["pipe", "root", "up"]
    assert os.listdir(done.folder) == ["a"]
    assert os.stat(os.path.join(done.folder, "a")).st_mode & 0o7777 == 0o755


def test_a_cut_link_keeps_what_arrived_and_the_next_pull_goes_on(instance: Instance):
    for number in range(20):
        instance.write(f"f{number:02}", bytes(20_000))
    with instance.far.thin(250_000), pytest.raises(LinkLost):
        instance.pull()
    (partial,) = instance.local.iterdir()
    kept = [path for path in partial.iterdir() if not path.name.startswith(".gs-")]
    assert partial.name.endswith(".partial") and 5 < len(kept) < 20
    instance.seen.clear()
    done = instance.pull()
    assert done.files == 20 and instance.seen[0].files == len(kept)
    assert os.listdir(instance.local) == ["train-out"] and len(os.listdir(done.folder)) == 20


def cut(instance: Instance, content: bytes, at: int = 2_000_000) -> Path:
    """A large file `big`, whose first copy was cut off after about `at` bytes; what has arrived of it."""
    instance.write("big", content)
    with instance.far.thin(at), pytest.raises(LinkLost):
        instance.pull()
    (part,) = instance.local.glob("*.partial/.gs-*.part")
    assert 0 < part.stat().st_size < len(content)
    return part


def is_big(done: Pulled, content: bytes) -> bool:
    """Whether `big` is this; a word, for pytest would compare megabytes line by line."""
    return (Path(done.folder) / "big").read_bytes() == content


@pytest.mark.parametrize("programs", ["system", pytest.param("busybox", marks=needs("busybox"))])
def test_a_file_that_was_cut_off_goes_on_from_where_it_was(instance: Instance, programs: str):
    content = os.urandom(3_000_000)
    if programs == "busybox":
        for name in ("head", "tail", "sha256sum"):
            instance.replace(name, f'exec busybox {name} "$@"')
    instance.write("small")
    had = cut(instance, content).stat().st_size
    with instance.far.thin(3_000_000 - had + 100_000) as carried:
        done = instance.pull()
    assert is_big(done, content) and done.files == 2
    assert int(carried.read_text().split()[-1]) < 2_000_000
    assert (Path(done.folder) / "big").stat().st_mtime == TIME


def test_a_cut_file_that_begins_otherwise_there_now_is_copied_anew(instance: Instance):
    part, other = cut(instance, os.urandom(3_000_000)), os.urandom(3_000_000)
    assert part.stat().st_size > 1_000_000
    instance.write("big", other)  # of the same size and time
    done = instance.pull()
    assert is_big(done, other)


def test_a_cut_file_that_changes_while_it_goes_on_is_never_mixed(instance: Instance):
    content = os.urandom(3_000_000)
    cut(instance, content)
    other = instance.write("other", bytes(3_000_000))
    instance.replace("tail", f"/bin/cp -p '{other}' '{instance.out / 'big'}'; exec /usr/bin/tail \"$@\"")
    done = instance.pull()
    assert is_big(done, bytes(3_000_000))


def test_without_a_checksum_program_there_a_cut_file_is_copied_anew(instance: Instance):
    content = os.urandom(3_000_000)
    part = cut(instance, content)
    part.write_bytes(bytes(1_500_000))
    instance.without_checksums()
    done = instance.pull()
    assert is_big(done, content) and done.checksum == ""


def test_more_than_the_rest_is_no_file(instance: Instance):
    had = cut(instance, os.urandom(3_000_000)).stat().st_size
    instance.replace("tail", "exec /bin/cat /dev/zero")
    instance.replace("head", f'[ "$2" = {had} ] || exec /bin/cat; exec /usr/bin/head "$@"')
    with pytest.raises(ShopperError, match="more than it has listed"):
        instance.pull()


def test_a_file_from_before_1970_lands_and_a_time_that_no_system_knows_is_no_list(instance: Instance):
    instance.write("old", time=-5)
    done = instance.pull()
    assert (done.files, done.changed) == (1, []) and os.stat(os.path.join(done.folder, "old")).st_mtime == -5
    instance.replace("stat", "for x; do :; done; printf '81a4 1 %s %s//\\n' 99999999999999999999 \"$x\"")
    with pytest.raises(ShopperError, match="cannot be read"):
        instance.pull()


def test_what_has_arrived_of_several_folders_is_not_copied_again(instance: Instance):
    """Nor is there a second folder of it: a link that breaks again and again would fill the disk here."""
    instance.write("a", b"1" * 5000)
    order = LandingOrder("s1", "train", (("out", str(instance.local)), ("logs", str(instance.local))))
    seen: list[LandingProgress] = []
    for _ in range(2):
        with pytest.raises(ShopperError, match="cannot be read there"):
            pull_all(instance.link(), order, seen.append)
        assert [name.endswith(".partial") for name in sorted(os.listdir(instance.local))] == [True]
    (instance.far.home / "logs").mkdir()
    instance.replace("tar", "exit 1")
    first, second = pull_all(instance.link(), order, seen.append)
    assert (first.folder, first.files) == (str(instance.local / "train-out"), 1) and second.files == 0
    assert sorted(os.listdir(instance.local)) == ["train-logs", "train-out"]


def test_without_a_checksum_program_there_nothing_has_landed_and_no_try_adds_a_folder(instance: Instance):
    instance.write("a")
    instance.without_checksums()
    order = LandingOrder("s1", "train", (("out", str(instance.local)),))
    for _ in range(2):
        with pytest.raises(ShopperError, match="no checksum program"):
            pull_all(instance.link(), order, lambda progress: None)
    (name,) = os.listdir(instance.local)
    assert name.endswith(".partial")


def test_two_pulls_never_fill_one_folder(instance: Instance):
    instance.write("a")
    problems: list[str] = []

    def second(progress: Progress) -> None:
        if not problems:
            problems.append("")
            try:
                instance.pull()
            except ShopperError as error:
                problems.append(error.message)

    request = PullRequest("s1", "train", "out", str(instance.local), 10**9)
    done = Pull(instance.link(), request, second, lambda path: 10**12).perform()
    assert done.files == 1 and "another pull" in problems[1]
    assert instance.pull().folder.endswith("-2"), "the lock ends with its pull"


def test_a_file_that_never_stands_still_is_copied_three_times_and_named(instance: Instance):
    log, calls = instance.write("log"), instance.far.top / "calls"
    instance.write("still")
    instance.replace("tar", f"echo x >>'{calls}'; echo more >>'{log}'; /bin/tar \"$@\"; echo more >>'{log}'")
    done = instance.pull()
    assert done.changed == ["log"] and (Path(done.folder) / "still").exists() and (Path(done.folder) / "log").exists()
    assert calls.read_text() == "x\n" * 3


def test_a_file_that_arrives_otherwise_than_it_is_there_is_no_result(instance: Instance):
    instance.write("a", b"right")
    lie(instance, member("./a", content=b"wrong"))
    with pytest.raises(ShopperError, match="another checksum"):
        instance.pull()
    assert [path.suffix for path in instance.local.iterdir()] == [".partial"]


def test_what_is_too_much_is_stopped(instance: Instance):
    instance.write("big", bytes(300_000))
    with pytest.raises(ShopperError, match="--pull-max"):
        instance.pull(most=100_000)
    with pytest.raises(DiskFull, match="2 GB"):
        instance.pull(free=lambda path: 10**9)
    with pytest.raises(LinkLost, match="stopped"):
        instance.pull(must_stop=lambda: True)


def test_a_folder_that_is_not_there_is_named(instance: Instance):
    instance.out.rmdir()
    with pytest.raises(ShopperError, match="cannot be read there"):
        instance.pull()


def member(name: str, kind: bytes = tarfile.REGTYPE, target: str = "", content: bytes = b""):
    info = tarfile.TarInfo(name)
    info.type, info.linkname, info.mode, info.mtime = kind, target, 0o6755, TIME
    return info, content


def lie(instance: Instance, *members: tuple[tarfile.TarInfo, bytes], then: str = "") -> None:
    """Let its tar answer with these members, whatever it is asked for."""
    out = io.BytesIO()
    with tarfile.open(fileobj=out, mode="w") as archive:
        for info, content in members:
            info.size = len(content)
            archive.addfile(info, io.BytesIO(content))
    (instance.far.top / "lie.tar").write_bytes(out.getvalue())
    instance.replace("tar", f"/bin/cat '{instance.far.top / 'lie.tar'}'\n{then}")


def test_a_hostile_archive_writes_nothing_outside(instance: Instance, tmp_path: Path):
    outside = tmp_path / "outside"
    outside.mkdir()
    instance.write("a", b"1")
    instance.write("sub/b", b"2")
    lie(
        instance,
        member(f"{outside}/abs", content=b"evil"),
        member("../../up", content=b"evil"),
        member("../outside/a", content=b"evil"),
        member("./sub", tarfile.SYMTYPE, str(outside)),
        member("./sub/b", tarfile.SYMTYPE, str(outside)),
        member("./a", tarfile.LNKTYPE, "/etc/passwd"),
        member("./a", tarfile.CHRTYPE),
        member("x" * 5000, content=b"evil"),
        member("./extra", content=b"evil"),
        member("./a", content=b"1"),
        member("./a", content=b"twice"),
        member("./sub/b", content=b"2"),
    )
    done = instance.pull()
    assert os.listdir(outside) == [] and not (tmp_path / "up").exists()
    assert instance.home() == {"train-out/a": b"1", "train-out/sub/b": b"2"} and done.files == 2
    assert (Path(done.folder) / "a").stat().st_mode & 0o7000 == 0


def test_an_endless_archive_is_stopped(instance: Instance):
    instance.write("a", b"1")
    lie(
        instance,
        member("./other", content=bytes(4_000_000)),
        then=f"while :; do cat '{instance.far.top}/lie.tar'; done",
    )
    with pytest.raises(ShopperError, match="more than it has listed"):
        instance.pull()


def test_a_listing_with_paths_outside_copies_nothing(instance: Instance):
    instance.write("a")
    instance.replace("find", "[ \"$2\" = -type ] || printf '81a4 1 1 ./../../up//\\n'")
    with pytest.raises(ShopperError, match="invalid"):
        instance.pull()
    assert not instance.local.exists()
