"""Options that several commands share: what to search for, how long, whether to ask."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from gpushopper.cli.app import App
from gpushopper.cli.input.durations import DOLLARS, LONGEST_SPAN, SPAN, Hours, Number, parse_until
from gpushopper.core.model.gpu_names import MAX_GPUS, GpuRequest, parse_gpu_request
from gpushopper.core.policy import MIN_DURATION_S
from gpushopper.core.timing.clock_snapshot import HOUR, SECOND
from gpushopper.errors import UsageError

if TYPE_CHECKING:
    from gpushopper.config import Config
    from gpushopper.wire import SearchRequest

SEARCH = (
    click.option(
        "-g", "--gpu", "--gpu-type", "gpu", multiple=True, metavar="NAME[:N]",
        help="GPU, for instance 'RTX 4090', h100 or a100:2; a,b or given again: one of them.",
    ),
    click.option("-p", "--provider", metavar="NAME", help="Only this cloud."),
    click.option("--gpus", type=click.IntRange(1, MAX_GPUS), metavar="N", help="GPUs in one instance, exactly."),
    click.option("--min-gpus", type=click.IntRange(1, MAX_GPUS), metavar="N", help="GPUs in one instance, at least."),
    click.option("--min-vram", "vram", type=Number(0), metavar="GB", help="Memory of one GPU."),
    click.option("--max-price", "max_price", type=DOLLARS, metavar="$/HR", help="Dearest price, disk included."),
    click.option("--min-reliability", type=Number(0, 1), metavar="0..1", help="The cloud's own score."),
    click.option("--min-cuda", type=Number(0), metavar="VERSION", help="Highest CUDA the host can run."),
    click.option("--region", multiple=True, metavar="CODE", help="Only here; may be given several times."),
    click.option("--disk", type=Number(1), metavar="GB", help="Disk to rent (default 20)."),
)

_HOURS = Hours()
LIFE = (
    click.option("-t", "--hours", type=_HOURS, metavar="N", help="For so many hours (default 2)."),
    click.option("--for", "span", type=SPAN, metavar="SPAN", help="For 90m, 1h30m, 2d."),
    click.option("--until", metavar="TIME", help="Until 18:00, or an RFC 3339 time."),
)
MORE_LIFE = (
    click.option("-t", "--hours", type=_HOURS, metavar="N", help="So many hours more (default 1)."),
    click.option("--for", "span", type=SPAN, metavar="SPAN", help="Longer by 90m, 1h30m, 2d."),
    click.option("--until", metavar="TIME", help="Until 18:00, or an RFC 3339 time."),
)

VARIABLES = (
    click.option("-e", "--env", "plain", multiple=True, metavar="K=V", help="Set a variable there."),
    click.option(
        "--secret-env", "secret", multiple=True, metavar="K", help="Set a variable there to its value here, unseen."
    ),
)

YES = click.option("-y", "--yes", is_flag=True, help="Do not ask.")
DRY_RUN = click.option("--dry-run", is_flag=True, help="Say what would be done, and do nothing.")


def settings(app: App) -> Config:
    """The user's settings, with the project file of this folder."""
    from gpushopper import config

    return config.load(app.home, project_from=Path.cwd())


def search_request(defaults: Any, given: dict[str, Any], *, sort: str, limit: int) -> SearchRequest:
    """What to search for: the flags, then the settings' defaults, then ours."""
    from gpushopper.wire import SearchRequest

    def pick(name: str, otherwise: Any) -> Any:
        for value in (given.get(name), getattr(defaults, name, None)):
            if value not in (None, ()):
                return value
        return otherwise

    gpu, exact_gpus = _gpus(given, pick("gpu", None), defaults)
    return SearchRequest(
        gpu=gpu,
        provider=pick("provider", None),
        min_gpus=given.get("min_gpus"),
        exact_gpus=exact_gpus,
        min_vram_gb=pick("vram", 0),
        max_rate=pick("max_price", None),
        min_reliability=pick("min_reliability", 0),
        min_cuda=pick("min_cuda", 0),
        regions=list(pick("region", ())),
        disk_gb=pick("disk", 20),
        sort=sort,
        limit=limit,
    )


def _gpus(given: dict[str, Any], named: str | tuple[str, ...] | None, defaults: Any) -> tuple[str | None, int | None]:
    """Names of GPUs with commas between, and the exact number of them, what was typed before what is set.

    Raises:
        UsageError: a name is empty, or two numbers were typed that differ.
    """
    if named is None:
        wish = GpuRequest((), None)
    else:
        try:
            wish = parse_gpu_request(named if isinstance(named, str) else ",".join(named))
        except ValueError as error:
            raise UsageError(str(error), "for instance: --gpu 'RTX 4090', --gpu a100,h100, --gpu a100:2") from None
    typed = {count for count in (given.get("gpus"), wish.count if given.get("gpu") else None) if count is not None}
    if len(typed) > 1 or (typed and given.get("min_gpus") is not None):
        raise UsageError("two different numbers of GPUs", "give one of --gpus N, --min-gpus N and --gpu NAME:N")
    otherwise = None if given.get("min_gpus") is not None else wish.count or getattr(defaults, "gpus", None)
    return ",".join(wish.names) or None, typed.pop() if typed else otherwise


def life(app: App, hours: float | None, span: int | None, until: str | None) -> tuple[int | None, int | None]:
    """Length in µs, or end in wall µs; neither when nothing was said."""
    if sum(value is not None for value in (hours, span, until)) > 1:
        raise UsageError("give one of --hours, --for and --until", "leave the others out")
    if until is not None:
        now = app.now().wall
        at = parse_until(until, now)
        _refuse_short(at - now)
        return None, at
    if hours is not None:
        if hours > LONGEST_SPAN / HOUR:
            raise UsageError(f"{hours:g} hours are not a time to rent for", "write 1.5, or --for 90m")
        span = round(hours * HOUR)
    if span is not None:
        _refuse_short(span)
    return span, None


def _refuse_short(length: int) -> None:
    if length < MIN_DURATION_S * SECOND:
        raise UsageError("less than a minute is no time to rent for", "ask for 1m or more", code="too_short")
