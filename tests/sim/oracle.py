"""The oracle: compares what the user requested with what the market did; it never reads the product's database.

The one exception is named: receipts, which are compared with the market because they claim to be evidence (I5).
"""

from __future__ import annotations

from collections import Counter
from typing import Any

from gpushopper.core.timing.clock_snapshot import us
from gpushopper.sandbox.market.model import BOOT, DestroyRecord, Instance, Phase
from gpushopper.store import sessions
from tests.sim.story import ExpectedSession, Story

ENDS = ("gone", "gone_later", "gone_for_a_while", "stopped")
MAX_LATENESS_US = us(600)
"""A create that takes effect later than flight and list lag together is beyond the stated bound (D6)."""


def audit(story: Story, *, must_run: tuple[str, ...] = ()) -> list[str]:
    """Everything that is wrong now, as sentences; nothing when all is well."""
    story.world.market.settle()
    found = _wrongly_alive(story) + _wrongly_destroyed(story) + _creates(story) + _overlaps(story) + _receipts(story)
    found += [f"{name} is wanted and nothing of it lives" for name in must_run if not _healthy_now(story, name)]
    return found + story.notes


def audit_history(story: Story) -> list[str]:
    """What must not have happened at any time, whatever follows."""
    story.world.market.settle()
    return _wrongly_destroyed(story) + _creates(story) + _overlaps(story) + _receipts(story)


def expected_session_of(story: Story, instance: Instance) -> ExpectedSession | None:
    """The session whose instance this is; None for a foreign one."""
    matching = (one for one in story.expected.values() if one.disk_gb == instance.spec.disk_gb)
    return None if instance.spec.foreign else next(matching, None)


def is_healthy(instance: Instance, at: int) -> bool:
    """Whether the market delivers what was ordered; an offline host may come back, so it counts (F24)."""
    spec = instance.spec
    if spec.born_stopped or spec.stuck_in is not None or spec.price_factor != 1.0:
        return False
    return instance.phase_at(at) in (*BOOT, Phase.RUNNING, Phase.OFFLINE)


def _healthy_now(story: Story, name: str) -> list[Instance]:
    return [i for i in story.instances(name) if i.exists and is_healthy(i, story.now)]


def _wrongly_alive(story: Story) -> list[str]:
    """No unwanted instance lives, and no wanted session has two."""
    found = []
    alive: Counter[str] = Counter()
    for instance in story.world.market.existing_instances():
        if instance.spec.foreign:
            continue
        expected = expected_session_of(story, instance)
        if expected is None or not _may_live(story, expected):
            found.append(f"unwanted {instance.id} ({expected.name if expected else 'no session'}) lives")
        else:
            alive[expected.name] += 1
    return found + [f"{name} has {count} instances" for name, count in alive.items() if count > 1]


def _may_live(story: Story, expected: ExpectedSession) -> bool:
    """Whether it may still be there: not ended, and its last attempt's time not up; each has its own (S19)."""
    if expected.gave_up or expected.ended_at is not None:
        return False
    ids = {instance.cloud_id for instance in story.instances(expected.name)}
    sent = max((c.at for c in story.world.market.creates if ids & set(c.cloud_ids)), default=expected.requested_at)
    return story.now <= sent + expected.duration_us + us(60)


def _wrongly_destroyed(story: Story) -> list[str]:
    """No wanted and healthy instance was destroyed, and never a foreign one (I8, I28).

    Not counted as wanted: what the provider said it had refused (S11), and what came later than any stated bound (D6).
    """
    found = []
    for seen in story.world.market.destroys:
        instance = story.world.market.named(seen.cloud_id)
        if instance is None:
            continue
        if instance.spec.foreign:
            found.append(f"foreign {seen.cloud_id} was sent a destroy")
        elif seen.effect in ENDS and _was_wanted(story, instance, seen):
            found.append(f"wanted {seen.cloud_id} was ended ({seen.effect})")
    return found


def _was_wanted(story: Story, instance: Instance, seen: DestroyRecord) -> bool:
    expected = expected_session_of(story, instance)
    at = seen.at - 1
    if expected is None or not expected.is_wanted(seen.at) or not is_healthy(instance, at):
        return False
    creates = [c.at for c in story.world.market.creates if _label(instance) in (c.label, c.env_label)]
    is_too_late = bool(creates) and instance.created_at - creates[0] > MAX_LATENESS_US
    if is_too_late or _was_falsely_refused(story, _label(instance)):
        return False
    duplicates = (i for i in story.instances(expected.name) if i.id != instance.id and _label(i) == _label(instance))
    return not any(is_healthy(duplicate, at) for duplicate in duplicates)


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
        for cloud_id in seen.cloud_ids[:1]:
            made = story.world.market.named(cloud_id)
            assert made is not None
            expected = expected_session_of(story, made)
            if expected is None:
                continue
            for other in story.instances(expected.name):
                phase = other.phase_at(seen.at - 1)
                if _label(other) != _label(made) and phase not in (None, Phase.GONE):
                    found.append(f"{made.id} was made while {other.id} was {phase}")
    return found


def _receipts(story: Story) -> list[str]:
    """No attempt is closed without a receipt, and no receipt was written while its instance existed (I5)."""
    read = story.receipts()
    bare = [a for a in sessions.load_attempts(story.world.store, open_only=False) if not a.is_open and not a.receipt]
    found = [f"attempt {attempt.ordinal} is closed without a receipt" for attempt in bare]
    for receipt in read:
        if receipt["kind"] == "refused" and _was_falsely_refused(story, receipt["label"]):
            continue  # a definite refusal that was untrue: its label is recognised later (S11)
        found += [
            f"{i.id} was closed as {receipt['kind']} while it was {i.phase_at(receipt['read_at'])}"
            for i in story.world.market.instances.values()
            if _is_subject_of(i, receipt) and i.phase_at(receipt["read_at"]) not in (None, Phase.GONE)
        ]
    return found


def _is_subject_of(instance: Instance, receipt: dict[str, Any]) -> bool:
    if receipt["instance_id"] is not None:
        return instance.cloud_id == receipt["instance_id"]
    return _label(instance) == receipt["label"]


def _was_falsely_refused(story: Story, label: str | None) -> bool:
    """Whether a create that took effect was answered with a definite refusal that named no instance."""
    seen = [c for c in story.world.market.creates if label in (c.label, c.env_label)]
    return any(c.effect.startswith("created") and _refuses(c.reply) for c in seen)


def _refuses(reply: str) -> bool:
    """Whether a create was refused, by its status or, at some clouds, by an error that has the status 200."""
    status, _, error = reply.partition(" ")
    if status == "200":
        return error not in ("", "garbage", "no_id")
    return status.startswith("4") and "invalid_price" not in error
