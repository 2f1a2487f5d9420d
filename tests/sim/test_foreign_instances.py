"""Foreign instances are never touched, whatever their labels (acceptance 7; I3, I28, F20, F21, F118, F119)."""

from __future__ import annotations

from gpushopper.core.model.label import HARD_MAX_FROM, Label, make_label, parse_label
from tests.sim.oracle import audit
from tests.sim.story import Story

NUMBER = 50


def almost_our_label(label: str, number: int) -> str:
    """A label that is not ours: cut, extended, in capitals, with another check or another installation."""
    head, installation, attempt, hour_and_check = label.split("-")
    hour, check = hour_and_check[:4], hour_and_check[4:]
    other = installation[::-1] if installation[::-1] != installation else "a" * 10
    wrong = "aaaa" if check != "aaaa" else "bbbb"
    shapes = (
        label[:-1],
        f"{label}x",
        f"x{label}",
        label.upper(),
        f"{head}-{installation}-{attempt}-{hour}{wrong}",
        f"{head}-{installation}-{attempt}-aaaa{check}",
        # Long past the hard maximum that it names.
        make_label(other, attempt, HARD_MAX_FROM),
        Label(1, other, attempt).text,
        f"{head}-{installation}-",
        f" {label}",
        f"{label}\n",
        f"gs1{label[3:]}",
        f"gs3{label[3:]}",
        "",
        make_label("b" * 10, f"{number:016d}".translate(str.maketrans("0123456789", "abcdefghij")), HARD_MAX_FROM),
    )
    return shapes[number % len(shapes)]


def test_fifty_foreign_instances_are_only_listed() -> None:
    with Story() as story:
        story.start().ready()
        names = ["a", "b", "c", "d"]
        for name in names:
            story.provision(name)
            assert story.until_running(name)
        labels = [i.label or "" for i in story.world.market.existing_instances()]
        copied = [almost_our_label(labels[number % len(labels)], number) for number in range(NUMBER)]
        foreign_instances = [story.world.launch_foreign(label) for label in copied]
        installation = story.world.engine.ctx.installation.id
        for foreign in foreign_instances:
            owner = parse_label(foreign.label)
            assert owner is None or owner.installation != installation
        story.run_for(1200)
        rows = story.world.requests.audit().rows
        story.world.executor.transport.charged_s = 0.0
        assert {r.instance_id for r in rows if r.kind == "foreign"} == {str(s.id) for s in foreign_instances}
        assert {r.instance_id for r in rows if r.kind == "ours"} == {
            str(i.id) for name in names for i in story.instances(name)
        }
        story.end(*names)
        assert story.until_ended()
        story.finish()
        touched = [d for d in story.world.market.destroys if d.cloud_id in {s.cloud_id for s in foreign_instances}]
        assert touched == []
        assert all(s.exists for s in foreign_instances)
        print(f"\n{NUMBER} foreign, 0 destroys; 4 of ours ended, {len(story.world.market.destroys)} destroys")
        assert audit(story) == []
