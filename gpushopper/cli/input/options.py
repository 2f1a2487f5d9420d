"""Declarations of options that several commands share: search filters, duration, variables, --yes, --dry-run."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from gpushopper.cli.app import App
from gpushopper.cli.input.durations import DOLLARS, GIGABYTES, LIMIT, LONGEST_SPAN, SPAN, Hours, Number, parse_until
from gpushopper.core.policy import MIN_DURATION_S
from gpushopper.core.spelling.gpus import MAX_GPUS, GpuRequest, parse_gpu_request
from gpushopper.core.timing.clock_snapshot import HOUR, SECOND
from gpushopper.errors import UsageError

if TYPE_CHECKING:
    from gpushopper.config import Config
    from gpushopper.wire import SearchRequest

SEARCH = (
    click.option(
        "-g",
        "--gpu",
        "--gpu-type",
        "gpu",
        multiple=True,
        metavar="NAME[:N]",
        help="GPU, for instance 'RTX 4090', h100 or a100:2; a,b or repeated: any of them.",
    ),
    click.option("-p", "--provider", metavar="NAME", help="Only this cloud."),
    click.option("--account", metavar="NAME", help="Only this account."),
    click.option("--gpus", type=click.IntRange(1, MAX_GPUS), metavar="N", help="Exact number of GPUs."),
    click.option("--min-gpus", type=click.IntRange(1, MAX_GPUS), metavar="N", help="Minimum number of GPUs."),
    click.option("--min-vram", "vram", type=Number(0), metavar="GB", help="Memory of one GPU."),
    click.option("--max-price", "max_price", type=DOLLARS, metavar="$/HR", help="Highest price, disk included."),
    click.option("--min-reliability", type=Number(0, 1), metavar="0..1", help="The cloud's own score, at least."),
    click.option("--min-cuda", type=Number(0), metavar="VERSION", help="CUDA version the host supports, at least."),
    click.option(
        "--region",
        "--location",
        "region",
        multiple=True,
        metavar="PLACE",
        help="EU, Europe, a country by name or code, or a city; repeated: any of them.",
    ),
    click.option("--disk", type=Number(1), metavar="GB", help="Disk size (default 20)."),
    click.option("--cpus", type=Number(0), metavar="N", help="vCPU of the whole instance, at least."),
    click.option("--ram", type=Number(0), metavar="GB", help="Memory beside the GPU's, at least."),
    click.option("--verified", is_flag=True, default=None, help="Only hosts that the cloud has verified."),
    click.option("--exclude-host", multiple=True, metavar="HOST", help="Not this host; may be repeated."),
)

_HOURS = Hours()
DURATION = (
    click.option("-t", "--hours", type=_HOURS, metavar="N", help="Hours until it ends (default 2)."),
    click.option("--for", "span", type=SPAN, metavar="SPAN", help="The same as 90m, 1h30m, 2d."),
    click.option("--until", metavar="TIME", help="End at 18:00, or at an RFC 3339 time."),
)
EXTENSION = (
    click.option("-t", "--hours", type=_HOURS, metavar="N", help="Hours to add (default 1)."),
    click.option("--for", "span", type=SPAN, metavar="SPAN", help="The same as 90m, 1h30m, 2d."),
    click.option("--until", metavar="TIME", help="End at 18:00, or at an RFC 3339 time."),
)

VARIABLES = (
    click.option("-e", "--env", "plain", multiple=True, metavar="K=V", help="Set an environment variable there."),
    click.option(
        "--secret-env", "secret", multiple=True, metavar="K", help="Set a variable to its value here, unseen."
    ),
    click.option(
        "--env-file", "env_files", multiple=True, type=click.Path(), metavar="FILE",
        help="Set the variables in FILE (docker's format), unseen.",
    ),
)  # fmt: skip

LIMITS = (
    click.option("--idle", type=LIMIT, metavar="SPAN", help="End it after 30m without use; off by default."),
    click.option("--idle-when", type=click.Choice(["any", "gpu"]), help="What counts as use: any, or the GPUs alone."),
    click.option("--contact", type=LIMIT, metavar="SPAN", help="End it after 4h without use and contact, or: off."),
    click.option("--hold", type=LIMIT, metavar="SPAN", help="Keep it at most 2h for results to be pulled."),
)
"""What may end a session before its deadline."""

LANDING = (
    click.option("--pull", "pulls", multiple=True, metavar="DIR:LOCAL", help="Bring DIR home to LOCAL before it ends."),
    click.option("--pull-max", type=GIGABYTES, metavar="GB", help="Stop that at so much (default 50)."),
    click.option("--before-end", metavar="CMD", help="Run CMD, or the script @FILE, there before it ends."),
    click.option("--land-for", type=SPAN, metavar="SPAN", help="Begin that so long before the deadline (default 15m)."),
)
"""What happens before a session ends."""


def landing_fields(given: dict[str, Any]) -> dict[str, Any]:
    """The fields of a provision request that LANDING gives; folders here become absolute.

    Raises:
        UsageError: a pair of folders, or the script, cannot be used.
    """
    return {
        "pulls": [_pull_pair(word) for word in given["pulls"]],
        "pull_max": given["pull_max"],
        "before_end": _before_end(given["before_end"] or ""),
        "land_for_us": given["land_for"],
    }


def changed_landing_fields(given: dict[str, Any]) -> dict[str, Any]:
    """The same of a change: None leaves a field as it is; `off` switches folders or the script off.

    Raises:
        UsageError: as for `landing_fields`.
    """
    pulls, script = given["pulls"], given["before_end"]
    if "off" in pulls and len(pulls) > 1:
        raise UsageError("--pull off names no folder", "leave the others out, or name them all")
    return {
        "pulls": [_pull_pair(word) for word in pulls if word != "off"] if pulls else None,
        "pull_max": given["pull_max"],
        "before_end": None if script is None else "" if script == "off" else _before_end(script),
        "land_for_us": given["land_for"],
    }


def _pull_pair(word: str) -> tuple[str, str]:
    there, colon, here = word.rpartition(":")
    if not colon or not there or not here:
        raise UsageError(f"--pull {word} names no two folders", "for instance: --pull out:results", code="bad_pull")
    return there, str(Path(here).expanduser().absolute())


def _before_end(word: str) -> str:
    if not word.startswith("@"):
        return word
    try:
        return Path(word[1:]).expanduser().read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        why = (error.strerror or str(error)).lower() if isinstance(error, OSError) else "it is no text"
        raise UsageError(
            f"--before-end {word}: {why}", "name a file here, or a command there", code="bad_hook"
        ) from error


PULL_MAX = click.option(
    "--pull-max", type=GIGABYTES, default="50", show_default=True, metavar="GB", help="Stop a pull at so much."
)

YES = click.option("-y", "--yes", is_flag=True, help="Do not ask for confirmation.")
DRY_RUN = click.option("--dry-run", is_flag=True, help="Print what would be done, and do nothing.")


def load_settings(app: App) -> Config:
    """The user's settings, and the project file of the current folder."""
    from gpushopper import config

    return config.load(app.home, project_from=Path.cwd())


def search_request(
    defaults: Any, given: dict[str, Any], *, sort: str, limit: int, offset: int = 0, group_by: str | None = None
) -> SearchRequest:
    """The search request: each filter from its option, else from the settings, else the built-in default."""
    from gpushopper.wire import SearchRequest

    def pick(name: str, otherwise: Any) -> Any:
        for value in (given.get(name), getattr(defaults, name, None)):
            if value not in (None, ()):
                return value
        return otherwise

    if given.get("account") and given.get("provider"):
        raise UsageError("an account is at one cloud", "give one of --account and --provider")
    gpu, exact_gpus = _gpus(given, pick("gpu", None), defaults)
    return SearchRequest(
        gpu=gpu,
        provider=given.get("account") or pick("provider", None),
        min_gpus=given.get("min_gpus"),
        exact_gpus=exact_gpus,
        min_vram_gb=pick("vram", 0),
        max_rate=pick("max_price", None),
        min_reliability=pick("min_reliability", 0),
        min_cuda=pick("min_cuda", 0),
        regions=list(pick("region", ())),
        disk_gb=pick("disk", 20),
        cpus=pick("cpus", 0),
        ram_gb=pick("ram", 0),
        verified=pick("verified", False),
        exclude_hosts=list(pick("exclude_host", ())),
        sort=sort,
        limit=limit,
        offset=offset,
        group_by=group_by,
    )


def _gpus(given: dict[str, Any], named: str | tuple[str, ...] | None, defaults: Any) -> tuple[str | None, int | None]:
    """The GPU names, comma-separated, and the exact number of GPUs; options override the settings.

    Raises:
        UsageError: a name is empty, or two different numbers were typed.
    """
    if named is None:
        request = GpuRequest((), None)
    else:
        try:
            request = parse_gpu_request(named if isinstance(named, str) else ",".join(named))
        except ValueError as error:
            raise UsageError(str(error), "for instance: --gpu 'RTX 4090', --gpu a100,h100, --gpu a100:2") from None
    typed = {count for count in (given.get("gpus"), request.count if given.get("gpu") else None) if count is not None}
    if len(typed) > 1 or (typed and given.get("min_gpus") is not None):
        raise UsageError("two different numbers of GPUs", "give one of --gpus N, --min-gpus N and --gpu NAME:N")
    otherwise = None if given.get("min_gpus") is not None else request.count or getattr(defaults, "gpus", None)
    return ",".join(request.names) or None, typed.pop() if typed else otherwise


def duration_or_deadline(
    app: App, hours: float | None, span: int | None, until: str | None
) -> tuple[int | None, int | None]:
    """The duration in µs or the deadline in wall µs, as the options give it; neither if none was given."""
    if sum(value is not None for value in (hours, span, until)) > 1:
        raise UsageError("give one of --hours, --for and --until", "leave the others out")
    if until is not None:
        now = app.now().wall
        at = parse_until(until, now)
        _check_minimum(at - now)
        return None, at
    if hours is not None:
        if hours > LONGEST_SPAN / HOUR:
            raise UsageError(f"{hours:g} hours is too long", "write 1.5, or --for 90m")
        span = round(hours * HOUR)
    if span is not None:
        _check_minimum(span)
    return span, None


def _check_minimum(length: int) -> None:
    if length < MIN_DURATION_S * SECOND:
        raise UsageError("less than a minute is too short", "use 1m or more", code="too_short")
