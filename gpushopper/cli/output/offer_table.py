"""The columns of the table of offers, in `inventory` and in a plan's shortlist; an id begins with its account."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

from gpushopper.cli.app import App
from gpushopper.cli.output import tables
from gpushopper.cli.output.text_format import per_gb, rate, when
from gpushopper.core.timing.duration_text import span

if TYPE_CHECKING:
    from gpushopper.wire import MissingAccount, OfferGroup

ALLOW = "--allow-unguarded"
_STATES = {"failed": "did not answer", "throttled": "limits our searches", "left_out": "is left out", "above_cap": ""}
COLUMNS = (
    tables.Column("ID", lambda o: o.key),
    tables.Column("GPU", lambda o: o.gpu, whole=True),
    tables.Column("COUNT", lambda o: o.gpu_count, right=True),
    tables.Column("VRAM", lambda o: vram(o.vram_mb), right=True),
    tables.Column("$/HR", lambda o: rate(o.rate), right=True),
    tables.Column("REGION", lambda o: o.region or "-", spare=2),
    tables.Column("RELIABILITY", lambda o: _known(o.reliability, "{:.1%}"), right=True, brief="REL", spare=3),
    tables.Column("CUDA", lambda o: _known(o.cuda, "{:g}"), right=True, spare=1),
    tables.Column("CLOUD", lambda o: o.provider, wide=True),
    tables.Column("DISK", lambda o: f"{o.disk_gb:.0f} GB", right=True, wide=True),
    tables.Column("CPU", lambda o: _known(o.cpu_cores, "{:g}"), right=True, wide=True),
    tables.Column("RAM", lambda o: "-" if o.ram_mb is None else vram(o.ram_mb), right=True, wide=True),
    tables.Column("UP/GB", lambda o: per_gb(o.upload_gb), right=True, wide=True),
    tables.Column("DOWN/GB", lambda o: per_gb(o.download_gb), right=True, wide=True),
    tables.Column("VERIFIED", lambda o: {None: "-", True: "yes", False: "no"}[o.verified], wide=True),
    tables.Column("HOST", lambda o: o.host_id or "-", wide=True),
    tables.Column("STOCK", lambda o: 1 if o.is_single else _known(o.stock, "{}"), right=True, wide=True),
    tables.Column("AGE", lambda o: span(o.age_us), right=True, wide=True),
)


def _stock(group: OfferGroup) -> str:
    """How many of a group can be rented; a hyphen where its clouds say nothing of any offer in it."""
    if group.is_stock_known:
        return str(group.stock)
    return f"{group.stock} or more" if group.stock else "-"


def group_columns(group_by: str) -> tuple[tables.Column, ...]:
    """The columns of grouped offers; the first says what they are grouped by."""
    return (tables.Column(group_by.upper(), lambda g: g.name), *_GROUP_COLUMNS)


_GROUP_COLUMNS = (
    tables.Column("OFFERS", lambda g: g.count, right=True),
    tables.Column("FROM $/HR", lambda g: rate(g.rate), right=True),
    tables.Column("GB/$", lambda g: f"{g.best_value:.0f}", right=True),
    tables.Column("STOCK", _stock, right=True),
    tables.Column("CHEAPEST", lambda g: g.offer, wide=True),
    tables.Column("BEST VALUE", lambda g: g.best_value_offer, wide=True),
)


def _known(value: float | None, form: str) -> str:
    """A number, or a hyphen for one that the cloud does not say."""
    return "-" if value is None else form.format(value)


def note_unstated(app: App, unstated: Mapping[str, int]) -> None:
    """One line on stderr about the offers left out because their cloud does not say what a filter asks for."""
    if unstated:
        counts = ", ".join(f"{name}: {count}" for name, count in sorted(unstated.items()))
        app.note(f"Offers left out because their cloud does not say what a filter asks for: {counts}.")


def note_missing(app: App, missing: Sequence[MissingAccount]) -> None:
    """One line on stderr for each account whose offers are missing, and why; also beside JSON."""
    for each in missing:
        why = each.reason
        for begins, instead in ((f"{each.provider} ", "it "), (f"instances of {each.provider} ", "its instances ")):
            if why.startswith(begins):
                why = f"{instead}{why.removeprefix(begins)}"
        text = f"{each.provider} {_STATES.get(each.state, each.state)}".rstrip()
        if each.reason.startswith(f"{each.provider} refuses "):  # which is an answer
            text, _, why = each.reason.partition(": ")
        until = "" if each.until_at is None else when(each.until_at, app.now().wall)
        text += f": again {until}" if until and each.state == "throttled" else f": {why}{until and f', until {until}'}"
        if each.age_us is not None:
            text += f"; its offers are {span(each.age_us)} old"
        app.note(text + (f"; {_hint(app, each.hint)}" if each.hint else ""))


def _hint(app: App, hint: str) -> str:
    """The hint; where a flag would let the account in, the command to paste, unless that has variables."""
    command = app.again_with(ALLOW) if ALLOW in hint and not {"-e", "--env"} & set(app.words) else ""
    return f"to include it: {command}" if command else hint


def vram(megabytes: int) -> str:
    """Memory in whole GB."""
    return f"{megabytes / 1024:.0f} GB"
