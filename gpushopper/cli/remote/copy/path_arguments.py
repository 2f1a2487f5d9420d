"""Parse the SRC and DST arguments of `cp`: which side each path is on (`NAME:PATH`), `-`, trailing slashes."""

from __future__ import annotations

from typing import NamedTuple

from gpushopper.cli.remote.ssh_connection import to_bytes
from gpushopper.errors import UsageError

EXAMPLE = "for instance: gpu-shopper cp data.tar train:data.tar"
STREAM = b"-"
"""Standard input as a source, standard output as a target."""


class PathArgument(NamedTuple):
    """A path here (`session` is None), or on a session's instance (`session` is "" if nothing precedes the colon)."""

    session: str | None
    path: bytes

    @property
    def is_stream(self) -> bool:
        return self.session is None and self.path == STREAM


class CopyArguments(NamedTuple):
    """The paths of a copy; the sources are all on one side, the target is on the other."""

    sources: tuple[PathArgument, ...]
    target: PathArgument
    is_upload: bool

    @property
    def session(self) -> str | None:
        """The session that is named; empty if nothing precedes the colon, which is refused later."""
        return self.target.session if self.is_upload else self.sources[0].session


def to_text(path: bytes) -> str:
    """A path for people; the inverse of `ssh_connection.to_bytes`."""
    return path.decode("utf-8", "surrogateescape")


def parse_argument(word: str) -> PathArgument:
    """`NAME:PATH` is on an instance, everything else here; `./a:b` is a local file with a colon in its name."""
    name, colon, path = word.partition(":")
    if not colon or "/" in name:
        if not word:
            raise UsageError("an empty path", EXAMPLE)
        return PathArgument(None, to_bytes(word))
    return PathArgument(name, to_bytes(path))


def parse_arguments(words: tuple[str, ...]) -> CopyArguments:
    """Parse all arguments; the last one is the target.

    Raises:
        UsageError: not exactly one side is on an instance, or the sources are on several.
    """
    places = [parse_argument(word) for word in words]
    sources, target = tuple(places[:-1]), places[-1]
    if not sources:
        raise UsageError("a source and a target are needed", EXAMPLE)
    origins = {place.session for place in sources}
    if len(origins) > 1:
        raise UsageError("all sources must be on one side, and on one instance", EXAMPLE)
    if (target.session is None) == (None in origins):
        raise UsageError("one of SRC and DST is NAME:PATH", EXAMPLE)
    if len(sources) > 1 and any(place.is_stream for place in places):
        raise UsageError("- can be the only source, or the target of one source", "copy the others separately")
    return CopyArguments(sources, target, target.session is not None)


def from_home(path: bytes) -> bytes:
    """A path on the instance: relative paths start in the home folder, as `~` does."""
    if path == b"~" or path.startswith(b"~/"):
        path = path[2:].lstrip(b"/")
    return path or b"."


def option_safe(path: bytes) -> bytes:
    """The path so that no program takes it for an option or for standard input, and without a trailing slash."""
    return (path if path.startswith(b"/") else b"./" + path).rstrip(b"/") or b"/"


def last_name(path: bytes) -> bytes:
    """The name that a source gets in a target folder; "" if the path ends in no name (`.`, `..`, `/`)."""
    name = path.rstrip(b"/").rpartition(b"/")[2]
    return b"" if name in (b".", b"..") else name


def folder_of(path: bytes) -> bytes:
    """The parent folder of a path."""
    bare = path.rstrip(b"/") if path.strip(b"/") else path[:1]
    head, slash, _ = bare.rpartition(b"/")
    return head or (b"/" if slash else b".")


def below(folder: bytes, name: bytes) -> bytes:
    """The path of a name in a folder."""
    return folder + name if folder.endswith(b"/") else folder + b"/" + name
