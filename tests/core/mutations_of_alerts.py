"""Mutations of the rules about alerts: one that is never told, told to whom it should not, or tried for ever."""

from __future__ import annotations

from tests.core.mutation import Mutation

M = Mutation
ALERTS = (
    M("alert", "alert.about != channel and", "", "alerts: a channel is told of its own failure", "alerts"),
    M("alert", "(alert.topic.value in on or alert.kind in on)", "True",
      "alerts: everybody is told everything", "alerts"),
    M("alert", " or alert.kind in on", "", "alerts: a kind of alarm that was named is not told", "alerts"),
    M("alert", '    "ending_withdrawn": Topic.ENDS_SOON,\n', "", "alerts: nobody hears that it goes on", "alerts"),
    M("alert", "Topic.BUDGETS if alarm.startswith(_BUDGETS) else Topic.ALARMS", "Topic.ALARMS",
      "alerts: budgets are not told", "alerts"),
    M("delivery", "if tries >= MOST_REFUSALS else Verdict.AGAIN", "if False else Verdict.AGAIN",
      "alerts: one that is refused blocks all others for ever", "alerts"),
    M("delivery", "if tries >= MOST_TRIES else Verdict.AGAIN", "if False else Verdict.AGAIN",
      "alerts: a dead receiver is tried for ever", "alerts"),
    M("delivery", "return Verdict.GIVE_UP_ALL if", "return Verdict.GIVE_UP if",
      "alerts: each that waits takes three days more", "alerts"),
    M("delivery", "min(max(doubled, outcome.pause_s), LONGEST_PAUSE_S)", "max(doubled, outcome.pause_s)",
      "alerts: a receiver decides how long it is not told", "alerts"),
    M("delivery", "max(doubled, outcome.pause_s)", "doubled",
      "alerts: a receiver that asks for time gets none", "alerts"),
    M("run_seen", "run.id in told or", "", "a run that ended is told again and again", "alerts"),
    M("run_seen", "[: max(MOST_TOLD - len(told), 0)]", "", "I18: a host fills the history with runs", "alerts"),
    M("run_seen", " or run.id.startswith(JUPYTER)", "", "a Jupyter server counts as a run", "alerts"),
)  # fmt: skip
