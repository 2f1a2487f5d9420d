"""Resolves GPU names as people type them: any spelling of a card, and no other card; similar names for an error."""

from __future__ import annotations

import difflib
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

MAX_GPUS = 64
"""The most GPUs that can be requested in one instance."""


class UnknownGpu(ValueError):
    """The GPU name matches none that is offered; `similar` has names like it."""

    def __init__(self, wanted: str, similar: Sequence[str]) -> None:
        super().__init__(wanted)
        self.wanted = wanted
        self.similar = tuple(similar)


@dataclass(frozen=True, slots=True)
class Model:
    """A GPU's name taken apart: `RTX 4070 Ti SUPER` is head `rtx`, number `4070`, variants `s` and `ti`.

    `form` is how the same chip is built in: `sxm`, `pcie`, `nvl`, of the RTX PRO cards also `ws` and `s`. A name
    without a number is its head alone.
    """

    head: str
    number: str
    variants: tuple[str, ...]
    form: str


@dataclass(frozen=True, slots=True)
class GpuRequest:
    """The value of `--gpu`: one of these names, and the number of GPUs where one was given (`A100:2`)."""

    names: tuple[str, ...]
    count: int | None


_VENDORS = re.compile(r"^(nvidia|geforce|tesla|quadro|amd|radeon|instinct)+")
# "A100-80GB", "RTX 3080 12G"; written onto letters only with "gb", for an A10G has no 10 GB.
_MEMORY = re.compile(r"(?:(?:^|(?<=[\s_./()-]))([0-9]{1,3})[\s_-]*g(?:i?b)?|(?<=[a-z])([0-9]{2,3})gi?b)(?![a-z0-9])")
_PARTS = re.compile(
    r"super|ti|sxm[0-9]?|pcie|nvl|hbm[0-9]e?|ada|generation|gen|laptop|mobile|maxq|workstation|server|edition"
    r"|blackwell|gpu|ws|[a-z]|[0-9]+"
)
_SAME = {
    "super": "s", "workstation": "ws", "server": "s", "mobile": "laptop", "generation": "", "gen": "", "edition": "",
    "blackwell": "", "gpu": "", "hbm2": "", "hbm3": "", "hbm2e": "", "hbm3e": "",
}  # fmt: skip
_FORMS = ("sxm", "pcie", "nvl")
_PRO_FORMS = ("ws", "s")


def gpu_token(name: str) -> str:
    """Letters and digits only, lower case: `RTX_4090`, `rtx 4090` and `RTX-4090` are one token."""
    return _VENDORS.sub("", re.sub(r"[^a-z0-9]", "", name.lower()))


def read_model(name: str) -> Model:
    """Take a name apart; an amount of memory in it is left out."""
    token = gpu_token(_MEMORY.sub(" ", name.lower()))
    found = re.fullmatch(r"([a-z]*)([0-9]+)([a-z0-9]*)", token)
    if found is None:
        return Model(token, "", (), "")
    head = found[1].removeprefix("q") if found[1] == "qrtx" else found[1]
    parts = [_SAME.get(part, part) for part in _PARTS.findall(found[3])]
    parts = ["sxm" if part.startswith("sxm") else part for part in parts if part]
    forms = (*_FORMS, *_PRO_FORMS) if head.endswith("pro") else _FORMS
    form = next((part for part in parts if part in forms), "")
    return Model(head, found[2], tuple(sorted(part for part in parts if part not in forms)), form)


def memory_of(wanted: str) -> int | None:
    """The memory of one GPU that a name includes, in GB: 80 of `A100-80GB`."""
    found = _MEMORY.search(wanted.lower())
    return int(found[1] or found[2]) if found else None


def has_memory(vram_mb: int, sizes: Iterable[int | None]) -> bool:
    """Whether a GPU has one of these sizes in GB (None: any). A "16 GB" T4 shows 15,360 MB, an 80 GB A100 81,920."""
    return any(size is None or size * 900 <= vram_mb <= size * 1075 for size in sizes)


def resolve_gpu(wanted: str, known: Iterable[str]) -> tuple[str, ...]:
    """The known names that match what was typed, sorted.

    Number and variants must be the same: `4080` is no `RTX 4080S`, `a10` no `A100`. The brand may be left out (`4090`
    is `RTX 4090`), and so may the form (`a100` is both `A100 SXM4` and `A100 PCIE`, but `h200` is `H200` where there
    is one beside `H200 NVL`). A form that was typed matches the same form, else a name without a form.

    Raises:
        UnknownGpu: nothing matches; has similar names.
    """
    typed = read_model(wanted)
    models = {name: read_model(name) for name in sorted(set(known))}
    alike = {n: m for n, m in models.items() if (m.number, m.variants) == (typed.number, typed.variants)}
    for head in (typed.head, f"rtx{typed.head}", f"gtx{typed.head}"):
        found = _of_form(typed.form, {name: m.form for name, m in alike.items() if m.head == head})
        if found and (typed.head or typed.number):
            return found
    if not typed.head and {m.head for m in models.values() if m.number == typed.number} == {"rtxa"} and alike:
        return tuple(alike)  # `4000` is an RTX A4000 where no other card has that number
    raise UnknownGpu(wanted, similar_names(wanted, models))


def _of_form(form: str, forms: Mapping[str, str]) -> tuple[str, ...]:
    same = tuple(name for name, its in forms.items() if its == form)
    return same or tuple(name for name, its in forms.items() if not form or not its)


def similar_names(wanted: str, known: Iterable[str], limit: int = 5) -> tuple[str, ...]:
    """The known names most like the one typed: by their numbers first, so that `4009` finds the 4090."""
    typed, token = read_model(wanted), gpu_token(wanted)

    def order(name: str) -> tuple[float, bool, float, str]:
        model = read_model(name)
        apart = _digits_apart(typed.number, model.number) if typed.number else 0
        ratio = difflib.SequenceMatcher(None, token, gpu_token(name)).ratio()
        return (apart, not model.head.endswith(typed.head), -ratio, name)

    ranked = sorted(order(name) for name in set(known))
    max_apart = min(max(len(typed.number) - 1, 1), 2)
    near = [name for apart, _, ratio, name in ranked if apart <= max_apart and (typed.number or -ratio >= 0.4)]
    return tuple(near[:limit])


def _digits_apart(one: str, other: str) -> float:
    """Edit distance of two numbers, 0.5 where the digits are only in another order."""
    if one != other and sorted(one) == sorted(other):
        return 0.5
    row = list(range(len(other) + 1))
    for index, digit in enumerate(one, 1):
        before, row[0] = row[0], index
        for at, its in enumerate(other, 1):
            before, row[at] = row[at], min(row[at] + 1, row[at - 1] + 1, before + (digit != its))
    return row[-1]


def parse_gpu_request(text: str) -> GpuRequest:
    """Read `RTX 4090`, `A100:2` or `a100,h100`.

    Raises:
        ValueError: a name is empty, a number is none, or two numbers differ; the text says which.
    """
    names, counts = [], set()
    for each in text.split(","):
        name, colon, number = each.partition(":")
        if not name.strip():
            raise ValueError("the name of a GPU is empty")
        if colon:
            counts.add(_read_count(each.strip(), number.strip()))
        names.append(name.strip())
    if len(counts) > 1:
        raise ValueError(f"{text} asks for {' and for '.join(map(str, sorted(counts)))} GPUs at once")
    return GpuRequest(tuple(dict.fromkeys(names)), counts.pop() if counts else None)


def _read_count(text: str, number: str) -> int:
    if not number.isascii() or not number.isdigit() or not 1 <= int(number[:9]) <= MAX_GPUS:
        raise ValueError(f"{text!r}: the number of GPUs after the colon is 1 to {MAX_GPUS}")
    return int(number)
