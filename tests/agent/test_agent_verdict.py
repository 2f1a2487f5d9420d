"""Is an instance in use? The agent's rules, by value (ends.md E1-E3)."""

from __future__ import annotations

import pytest

from tests.agent.fixture_root import LIMITS, load_agent

AGENT = load_agent()
PROCESS = (7, 100)
TICK_S = 10


def sample(at: float = 1000, **changed):
    """Write what an idle instance shows."""
    idle = {
        "boot": "b", "at": at, "wall": 1_800_000_000 + at, "unknown": {}, "processes": {PROCESS: (5.0, 9.0)},
        "ours": 0.0, "group": None, "traffic": ((at, 0),), "sizes": {"r": 10}, "terminals": {"0": 5.0},
        "gpus": ({"name": "A100", "load": 0},),
    }  # fmt: skip
    return AGENT.Sample(**{**idle, **changed})


LATER = {
    "gpu": {"gpus": ({"name": "A", "load": 0}, {"name": "B", "load": 3})},
    "cpu": {"processes": {PROCESS: (6.0, 10.0)}},
    "network": {"traffic": ((950, 0), (1010, 6_000_000))},
    "output": {"sizes": {"r": 11}},
    "terminal": {"terminals": {"0": 13.0}},
}
JUST_BELOW = {
    "gpu": {"gpus": ({"name": "A", "load": 2},)},
    "cpu": {"processes": {PROCESS: (5.9, 9.9)}},
    "network": {"traffic": ((950, 0), (1010, 5_900_000))},
    "output": {"sizes": {"r": 10}},
    "terminal": {"terminals": {}},
}


@pytest.mark.parametrize("signal", LATER)
def test_each_signal_alone_is_use_and_just_below_it_is_none(signal: str):
    assert AGENT.verdict(sample(), sample(1010, **LATER[signal])).active == (signal,)
    assert AGENT.verdict(sample(), sample(1010, **JUST_BELOW[signal])).active == ()


@pytest.mark.parametrize("signal", LATER)
def test_gpu_alone_looks_at_nothing_else(signal: str):
    later = sample(1010, **{"unknown": {"cpu": "?"}, **LATER[signal]})
    assert idle_after(sample(), later, when="gpu") == (0 if signal == "gpu" else TICK_S)
    assert idle_after(sample(), sample(1010, unknown={"gpu": "?"}), when="gpu") == 0


@pytest.mark.parametrize(
    ("name", "before", "now"),
    [
        ("a child that ended was waited for", {}, {"processes": {PROCESS: (5.0, 10.0)}}),
        ("a new process", {}, {"processes": {PROCESS: (5.0, 9.0), (8, 200): (1.0, 1.0)}}),
        ("a process of the same number", {}, {"processes": {(7, 900): (1.0, 1.0)}}),
        ("a large process ended, another works", {"processes": {PROCESS: (900.0, 900.0), (8, 1): (0.0, 0.0)}},
         {"processes": {(8, 1): (1.0, 1.0)}}),
        ("only the cgroup has seen it", {"group": 50.0}, {"group": 51.5, "ours": 0.4}),
    ],
)  # fmt: skip
def test_processor_time_is_found_wherever_it_is_counted(name: str, before: dict, now: dict):
    assert AGENT.verdict(sample(**before), sample(1010, **now)).active == ("cpu",), name


def test_what_we_use_ourselves_is_no_use():
    assert AGENT.verdict(sample(group=50.0), sample(1010, group=59.0, ours=8.5)).active == ()


def idle_after(*samples, when: str = "any") -> float:
    idle = AGENT.Idle()
    for one in samples:
        idle.step(one, when, 60)
    return idle.idle_s


def test_idle_time_is_the_sum_of_measured_intervals():
    assert idle_after(sample(1000)) == 0
    assert idle_after(sample(1000), sample(1010), sample(1025)) == 25


@pytest.mark.parametrize("signal", LATER)
def test_use_starts_it_again(signal: str):
    # A download of the last minute counts until it is a minute ago.
    assert idle_after(sample(990), sample(1000), sample(1010, **LATER[signal])) == 0


@pytest.mark.parametrize(
    ("why", "last"),
    [
        ("a signal is unknown", sample(1010, unknown={"gpu": "hangs"})),
        ("not measured for 61 s", sample(1061)),
        ("the clock goes back", sample(999)),
        ("suspended: one clock has stood still", sample(1010, wall=1_800_000_000 + 1071)),
        ("the wall clock was set back", sample(1010, wall=1_700_000_000)),
        ("rebooted", sample(1010, boot="c")),
        ("no boot id", sample(1010, boot="")),
    ],
)
def test_unknown_is_never_idle(why: str, last):
    assert idle_after(sample(990), sample(1000), last) == 0, why
    after = last._replace(at=last.at + TICK_S, wall=last.wall + TICK_S, unknown={})
    # The interval that begins with an unknown sample was not measured either.
    expected = 0 if last.unknown or not last.boot else TICK_S
    assert idle_after(sample(990), sample(1000), last, after) == expected, why


def test_what_was_unknown_before_is_not_taken_for_use():
    """Without an earlier count, all a process ever used would look like use of the last seconds."""
    before = sample(unknown={"cpu": "not visible"}, processes={})
    assert AGENT.verdict(before, sample(1010)).active == ()


def test_a_long_gap_does_not_thin_out_the_traffic_after_it():
    idle = AGENT.Idle()
    for one in (sample(1000), sample(5000, traffic=((1000, 0), (5000, 0)))):
        idle.step(one, "any", 60)
    assert idle.before.traffic == ((5000, 0),)


@pytest.mark.parametrize(
    ("idle_s", "silent_s", "changed", "ends"),
    [
        (59, 0, {}, []), (60, 0, {}, ["idle"]), (9999, 9999, {"idle": 0}, []),
        (100, 99, {"idle": 0, "contact": 100}, []), (99, 100, {"idle": 0, "contact": 100}, []),
        (100, 100, {"idle": 0, "contact": 100}, ["contact"]),
        (20, 100, {"idle": 0, "contact": 100, "disuse": 20}, ["contact"]),
        (19, 100, {"idle": 0, "contact": 100, "disuse": 20}, []),
        (0, 99_999, {"idle": 0, "contact": 100}, []),
    ],
)  # fmt: skip
def test_an_early_end_is_due_only_after_its_whole_limit(idle_s: int, silent_s: int, changed: dict, ends: list[str]):
    assert AGENT.early_ends(AGENT.read_limits(LIMITS) | changed, idle_s, silent_s) == ends


@pytest.mark.parametrize(
    "text",
    ["", "garbage", LIMITS.replace("idle=60", "idle=-60"), LIMITS.replace("idle=60", "idle="),
     LIMITS.replace("when=any", "when=never"), LIMITS.replace("tick=10", "tick=0"), LIMITS.replace(" warn=300", ""),
     LIMITS.replace("END=", "END=x"), LIMITS.replace("stale=60", "stale=1e3"), LIMITS + "0" * 400, "\0" * 300,
     LIMITS.replace("idle=60", "idle=٦٠")],
)  # fmt: skip
def test_damaged_limits_limit_nothing(text: str):
    assert AGENT.read_limits(text) is None


def test_limits_are_read_in_any_order_and_with_words_of_later_versions():
    words = LIMITS.split()
    assert AGENT.read_limits(" ".join([*words[::-1], "later=1"])) == AGENT.read_limits(LIMITS)
    assert AGENT.read_limits(LIMITS)["idle"] == 60
