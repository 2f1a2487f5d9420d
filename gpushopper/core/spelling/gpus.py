"""GPUs by any cloud's spelling: the canonical name of a card, and what a name that a person types can mean.

A spelling that is taken apart says model, form (SXM, PCIe, NVL) and memory; one that is not understood stays itself.
"""

from __future__ import annotations

import difflib
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache

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


_COUNT = re.compile(r"^\s*(?:(?:v[0-9]+_)?gpu_)?[0-9]{1,2}x[\s_]+")
"""How many there are: `gpu_8x_a100` (lambda.md 3), `v2_gpu_1x_5090` (bluelobster.md), `1x A100` (verda.md)."""
_SLICE = re.compile(r"\bmig[\s-]*([0-9])g(?:\.([0-9]{1,3})gb)?\b")
"""A part of a card: `MIG 1g.24gb` (runpod.md 12)."""
_VENDORS = re.compile(r"^(nvidia|geforce|tesla|quadro|amd|radeon|instinct)+")
# "A100-80GB", "RTX 3080 12G"; written onto letters only with "gb", for an A10G has no 10 GB.
_MEMORY = re.compile(r"(?:(?:^|(?<=[\s_./()-]))([0-9]{1,3})[\s_-]*g(?:i?b)?|(?<=[a-z])([0-9]{2,3})gi?b)(?![a-z0-9])")
_PARTS = re.compile(
    r"super|ti|sxm[0-9]?(?:ac)?|oam|pcie|nvl|hbm[0-9]e?|ada|sff|generation|gen|laptop|mobile|maxq|workstation|server"
    r"|edition|blackwell|gpu|ws|slice[0-9]|[a-z]|[0-9]+"
)
_SAME = {
    "super": "s", "workstation": "ws", "server": "s", "mobile": "laptop", "generation": "", "gen": "", "edition": "",
    "blackwell": "", "gpu": "", "hbm2": "", "hbm3": "", "hbm2e": "", "hbm3e": "",
    "oam": "",
}  # fmt: skip
_FORMS = ("sxm", "pcie", "nvl")
_PRO_FORMS = ("ws", "s")
_IN_FORMS = frozenset({"a100", "a800", "h100", "h800", "h200", "v100", "p100"})
"""Chips that are built in more than one form. Of any other card a form says nothing."""
_RTX_A = frozenset({"2000", "4000", "4500", "5000", "5500", "6000"})
"""`A4000` is an RTX A4000 (bluelobster.md), while an A40 is a card of its own."""
_BARE = ((re.compile(r"[2345]0[5-9]0"), "rtx"), (re.compile(r"(?:9[5-8]|10[5-8]|16[56])0"), "gtx"))
"""GeForce cards named by their number alone."""


def gpu_token(name: str) -> str:
    """Letters and digits only, lower case: `RTX_4090`, `rtx 4090` and `RTX-4090` are one token."""
    return _VENDORS.sub("", re.sub(r"[^a-z0-9]", "", name.lower()))


def read_model(name: str) -> Model:
    """Take a name apart; an amount of memory in it is left out."""
    lower = _SLICE.sub(r" slice\1 ", _COUNT.sub("", name.lower()))
    token = gpu_token(_MEMORY.sub(" ", lower))
    found = re.fullmatch(r"([a-z]*)([0-9]+)([a-z0-9]*)", token)
    if found is None:
        return Model(token, "", (), "")
    head = found[1].removeprefix("q") if found[1] == "qrtx" else found[1]
    parts = [_SAME.get(part, part) for part in _PARTS.findall(found[3])]
    parts = ["sxm" if part.startswith("sxm") else part for part in parts if part]
    forms = (*_FORMS, *_PRO_FORMS) if head.endswith("pro") else _FORMS
    form = next((part for part in parts if part in forms), "")
    if not head.endswith("pro") and head + found[2] not in _IN_FORMS:
        form = ""
    if (head, found[2], form) == ("h", "100", "") and "hbm3" in token:
        form = "sxm"  # as its driver calls it; the others name their form
    if head == "a" and found[2] in _RTX_A:
        head = "rtxa"
    if not head:
        head = next((name for numbers, name in _BARE if numbers.fullmatch(found[2])), "")
    return Model(head, found[2], tuple(sorted(part for part in parts if part not in forms)), form)


def memory_of(wanted: str) -> int | None:
    """The memory of one GPU that a name includes, in GB: 80 of `A100-80GB`."""
    part = _SLICE.search(wanted.lower())
    if part is not None and part[2]:
        return int(part[2])
    found = _MEMORY.search(_SLICE.sub(" ", _COUNT.sub("", wanted.lower())))
    return int(found[1] or found[2]) if found else None


def has_memory(vram_mb: int, sizes: Iterable[int | None]) -> bool:
    """Whether a GPU has one of these sizes in GB (None: any). A "16 GB" T4 shows 15,360 MB, an 80 GB A100 81,920."""
    return any(size is None or size * 900 <= vram_mb <= size * 1075 for size in sizes)


@dataclass(frozen=True, slots=True)
class Gpu:
    """A card, the same for all clouds' spellings: `H100`, form `SXM`, 80 GB. None: the memory is not known."""

    model: str
    form: str = ""
    vram_gb: int | None = None

    @property
    def name(self) -> str:
        """`H100 SXM`."""
        return f"{self.model} {self.form}".rstrip()


_HEADS = {"rtx": "RTX ", "gtx": "GTX ", "rtxa": "RTX A", "rtxpro": "RTX PRO "}
_FORM_NAMES = {"sxm": "SXM", "pcie": "PCIe", "nvl": "NVL", "ws": "WS", "s": "Server"}
_VARIANT_NAMES = {"ti": " Ti", "sff": " SFF", "ada": " Ada", "d": " D", "laptop": " Laptop", "maxq": " Max-Q"}
_SIZES = (4, 6, 8, 10, 11, 12, 16, 20, 24, 32, 40, 48, 64, 80, 94, 96, 141, 180, 192, 268, 288)


@lru_cache(maxsize=4096)
def canonical(spelling: str, vram_mb: int | None = None) -> Gpu:
    """The card that a cloud or a driver calls so; one that is not understood keeps its spelling.

    `vram_mb` is what the cloud says of its memory, where the name does not.
    """
    vram = memory_of(spelling) or (None if vram_mb is None else _size_of(vram_mb))
    parsed = read_model(spelling)
    if not parsed.number:
        return Gpu(" ".join(spelling.split()), "", vram)
    head = parsed.head
    form = "sxm" if (head, parsed.number, parsed.form) == ("h", "200", "") else parsed.form
    text = _HEADS.get(head, head.upper()) + parsed.number
    # In the order in which the makers write them: RTX 4070 Ti SUPER, A10G, RTX 4000 SFF Ada.
    for variant in sorted(parsed.variants, key=lambda each: (each == "s", each == "ada", each)):
        text += _variant_name(variant, is_geforce=head in ("rtx", "gtx"))
    return Gpu(text, _FORM_NAMES.get(form, form), vram)


def _variant_name(variant: str, *, is_geforce: bool) -> str:
    if variant == "s" and is_geforce:
        return " SUPER"
    if variant.startswith("slice"):
        return f" MIG {variant.removeprefix('slice')}g"
    if variant == "d" and not is_geforce:
        return "D"
    return _VARIANT_NAMES.get(variant, variant.upper())


def _size_of(vram_mb: int) -> int:
    """The memory that a card is sold with, GB: cards of 24 GB show 23,034 to 24,576 MB."""
    near = [size for size in _SIZES if has_memory(vram_mb, [size])]
    return min(near, key=lambda size: abs(size * 1024 - vram_mb), default=round(vram_mb / 1024))


def is_same_spelled(one: str, other: str) -> bool:
    """Whether two spellings of a cloud are one card; a form that only one of them names counts as the same."""
    mine, theirs = canonical(one), canonical(other)
    return mine.model.lower() == theirs.model.lower() and (mine.form == theirs.form or "" in (mine.form, theirs.form))


_BRANDS = re.compile(r"nvidia|geforce|quadro|tesla|rtx|gtx")
_CHIP = re.compile(r"(?<![a-z0-9])([a-z]{0,2})(\d{1,4})(?!\d|\s*gb)")
_VARIANTS = {
    "ti": r"(?<![a-z])ti(?![a-z])",
    "super": r"(?<![a-z])s(uper)?(?![a-z])",
    "ada": r"(?<![a-z])ada",
    "pro": r"\bpro\b",
}


def is_same_gpu(shown: str, offered: str) -> bool:
    """Whether a driver's and a cloud's GPU name can mean one card; a name without a number matches any.

    Memory, brand and words that we do not know are left out: `A100 PCIE` is `NVIDIA A100 80GB PCIe`. Ti, Super and the
    like are not, nor a form, where both names have one.
    """
    one, other = _chip(shown), _chip(offered)
    if one is None or other is None:
        return True
    forms = {read_model(shown).form, read_model(offered).form} & set(_FORMS)
    return one == other and len(forms) < 2


def _chip(name: str) -> tuple[str, frozenset[str]] | None:
    text = _BRANDS.sub(" ", _COUNT.sub("", name.lower()))
    number = _CHIP.search(text)
    if number is None:
        return None
    variants = {word for word, form in _VARIANTS.items() if re.search(form, text)}
    # Of the PRO cards S is the server edition: a form, not another chip.
    return number[1] + number[2], frozenset(variants - {"super"} if "pro" in variants else variants)


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
        pair = (token, gpu_token(name)) if typed.head else (typed.number, model.number)
        ratio = difflib.SequenceMatcher(None, *pair).ratio()
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
