"""The oracle: what the user asked for against what the market did. It never reads the product's database.

The one exception is named: receipts, which are compared with the market because they claim to be evidence (I5).
"""

from __future__ import annotations

from collections import Counter
from typing import Any

from gpushopper.core.timing.clock_snapshot import us
from gpushopper.sandbox.market.model import BOOT, DestroyRecord, Instance, Phase
from gpushopper.store import sessions
from tests.sim.story import Story, Wish

ENDS = ("gone", "gone_later", "gone_for_a_while", "stopped")
UNKNOWN_LATENESS = us(600)
"""A create that takes effect later than flight and list lag together is beyond the stated bound (D6)."""


def audit(story: Story, *, must_run: tuple[str, ...] = ()) -> list[str]:
    """Everything that is wrong now, as sentences; nothing when all is well."""
    story.world.market.settle()
    found = _living(story) + _killed(story) + _creates(story) + _overlaps(story) + _receipts(story)
    found += [f"{name} is wanted and nothing of it lives" for name in must_run if not _healthy_now(story, name)]
    return found + story.notes


def audit_deeds(story: Story) -> list[str]:
    """What may not have happened at any time, whatever is still to come."""
    story.world.market.settle()
    return _killed(story) + _creates(story) + _overlaps(story) + _receipts(story)


def wish_of(story: Story, instance: Instance) -> Wish | None:
    """Whose instance it is."""
    named = (w for w in story.wishes.values() if w.disk_gb == instance.spec.disk_gb)
    return None if instance.spec.foreign else next(named, None)


def is_healthy(instance: Instance, at: int) -> bool:
    """Whether the market delivers what was ordered; an offline host may come back, so it counts (F24)."""
    spec = instance.spec
    if spec.born_stopped or spec.stuck_in is not None or spec.price_factor != 1.0:
        return False
    return instance.phase_at(at) in (*BOOT, Phase.RUNNING, Phase.OFFLINE)


def _healthy_now(story: Story, name: str) -> list[Instance]:
    return [i for i in story.instances(name) if i.exists and is_healthy(i, story.now)]


def _living(story: Story) -> list[str]:
    """No unwanted instance lives, and no wanted session has two."""
    found = []
    alive: Counter[str] = Counter()
    for instance in story.world.market.existing_instances():
        if instance.spec.foreign:
            continue
        wish = wish_of(story, instance)
        if wish is None or not _may_live(story, wish):
            found.append(f"unwanted {instance.id} ({wish.name if wish else 'nobody'}) lives")
        else:
            alive[wish.name] += 1
    return found + [f"{name} has {count} instances" for name, count in alive.items() if count > 1]


def _may_live(story: Story, wish: Wish) -> bool:
    """Whether it may still be there: not ended, and its last attempt's time not up; each has its own (S19)."""
    if wish.gave_up or wish.ended_at is not None:
        return False
    ids = {instance.id for instance in story.instances(wish.name)}
    sent = max((c.at for c in story.world.market.creates if ids & set(c.ids)), default=wish.asked_at)
    return story.now <= sent + wish.duration_us + us(60)


def _killed(story: Story) -> list[str]:
    """No wanted and healthy instance was destroyed, and no stranger's ever (I8, I28).

    Not wanted: what the provider said it had refused (S11), and what came later than any stated bound (D6).
    """
    found = []
    for seen in story.world.market.destroys:
        instance = story.world.market.instances.get(seen.id)
        if instance is None:
            continue
        if instance.spec.foreign:
            found.append(f"a stranger's {seen.id} was asked to end")
        elif seen.effect in ENDS and _was_wanted(story, instance, seen):
            found.append(f"wanted {seen.id} was ended ({seen.effect})")
    return found


def _was_wanted(story: Story, instance: Instance, seen: DestroyRecord) -> bool:
    wish = wish_of(story, instance)
    at = seen.at - 1
    if wish is None or not wish.is_wanted(seen.at) or not is_healthy(instance, at):
        return False
    asked = [c.at for c in story.world.market.creates if _label(instance) in (c.label, c.env_label)]
    if (asked and instance.created_at - asked[0] > UNKNOWN_LATENESS) or _was_lied_to(story, _label(instance)):
        return False
    twins = (i for i in story.instances(wish.name) if i.id != instance.id and _label(i) == _label(instance))
    return not any(is_healthy(twin, at) for twin in twins)


def _label(instance: Instance) -> str | None:
    return dict(instance.spec.env).get("GS_LABEL") or instance.spec.label


def _creates(story: Story) -> list[str]:
    """At most one create request per label (I2)."""
    count = Counter(seen.label or seen.env_label for seen in story.world.market.creates)
    return [f"{number} creates of {label}" for label, number in count.items() if number > 1]


def _overlaps(story: Story) -> list[str]:
    """No other instance of the session was there when a create took effect (F10)."""
    found = []
    for seen in story.world.market.creates:
        for number in seen.ids[:1]:
            made = story.world.market.instances[number]
            wish = wish_of(story, made)
            if wish is None:
                continue
            for other in story.instances(wish.name):
                phase = other.phase_at(seen.at - 1)
                if _label(other) != _label(made) and phase not in (None, Phase.GONE):
                    found.append(f"{made.id} was made while {other.id} was {phase}")
    return found


def _receipts(story: Story) -> list[str]:
    """No attempt is closed without a receipt, and none said gone of what was there, even for a moment (I5)."""
    read = story.receipts()
    bare = [a for a in sessions.load_attempts(story.world.store, open_only=False) if not a.is_open and not a.receipt]
    found = [f"attempt {attempt.ordinal} is gone without a receipt" for attempt in bare]
    for receipt in read:
        if receipt["kind"] == "refused" and _was_lied_to(story, receipt["label"]):
            continue  # a definite refusal that was untrue: the sweep's to find (S11)
        found += [
            f"{i.id} was closed as {receipt['kind']} while it was {i.phase_at(receipt['read_at'])}"
            for i in story.world.market.instances.values()
            if _is_named(i, receipt) and i.phase_at(receipt["read_at"]) not in (None, Phase.GONE)
        ]
    return found


def _is_named(instance: Instance, receipt: dict[str, Any]) -> bool:
    if receipt["instance_id"] is not None:
        return str(instance.id) == receipt["instance_id"]
    return _label(instance) == receipt["label"]


def _was_lied_to(story: Story, label: str | None) -> bool:
    """Whether a definite refusal that named no instance was the answer to a create that acted."""
    seen = [c for c in story.world.market.creates if label in (c.label, c.env_label)]
    return any(
        c.effect.startswith("created") and c.reply.startswith("4") and "invalid_price" not in c.reply for c in seen
    )
