"""Mutations of core/lifecycle/ends: an early end that is guessed, one that is lost, a limit that is not watched."""

from __future__ import annotations

from tests.core.mutation import Mutation

M = Mutation
ENDS = (
    # heard ends
    M("early_end", "if reason in may_act and left_s == 0 and", "if left_s == 0 and",
      "E5: an end without a row is acted on", "early_end"),
    M("early_end", "if reason in may_act and left_s == 0 and", "if reason in may_act and",
      "E5: acted on before its time", "early_end"),
    M("early_end", "is_known = attempt.ending_reason == reason", "is_known = True",
      "E5: acted on when it is heard for the first time", "early_end"),
    M("early_end", "obeyed < wanted // SECOND * SECOND:", "False:", "E5: a limit that was raised ends it", "early_end"),
    M("early_end", "key=lambda end: (end[0] not in may_act, end[1])", "key=lambda end: end[1]",
      "E4: a false end hides a true one", "early_end"),
    M("early_end", "if attempt.ending_reason not in allowed | {DONE} or", "if",
      "E5: silence after an end without a row ends it", "early_end"),
    M("early_end", "is_absent = attempt.state is State.MISSING and attempt.absence_count > 0", "is_absent = True",
      "E5: silence alone ends it", "early_end"),
    M("early_end", "return is_absent and attempt.silent_since is not None and", "return is_absent and",
      "E5: absence alone ends it", "early_end"),
    M("early_end", " and attempt.heartbeat_at == heard_at", "", "E5: an end that was withdrawn ends it", "early_end"),
    M("early_end", "or now.wall < at:", "or False:", "E5: absent before the time of its end", "early_end"),
    M("early_end", "if at - heard_at > us(policy.heartbeat_interval_s + policy.heartbeat_timeout_s):", "if False:",
      "E5: an end that was heard long before", "early_end"),
    M("early_end", "if any(run.session_id == session.id for run in runs):", "if any(runs):",
      "E5: another session's run ends it", "early_end"),
    M("early_end", 'or limit_of(attempt.confirmed_limits, "idle") is not None:', "or False:",
      "E5: a limit that is off here and not there yet", "early_end"),
    # ended by itself
    M("self_ended", "or not attempt.is_wanted or not allowed:", "or not attempt.is_wanted:",
      "E5: any absence stops the books", "self_ended"),
    M("self_ended", "or attempt.absence_count < policy.self_ended_observations:", "or False:",
      "E5: one absence will do", "self_ended"),
    M("self_ended", "return last - first >= window and", "return", "E5: three absences at once", "self_ended"),
    M("self_ended", " and now.wall - silent >= window", "", "E5: it was heard a moment ago", "self_ended"),
    M("self_ended", "ended_at = now.wall - (now.boot - (attempt.first_absence_boot or now.boot))",
      "ended_at = now.wall", "E5: books stop too late", "self_ended"),
    M("missing", "ended_at = attempt.self_ended_at  # nothing has shown it since", "pass",
      "E5: the receipt bills what the books did not", "self_ended"),
    M("sightings", '"self_ended_at": None,', "", "E5: a sighting does not revive it", "self_ended"),
    M("reachability", "if attempt.self_ended_at is not None:  # it has billed all along", "if False:",
      "E5: a heartbeat does not revive it", "self_ended"),
    M("clock_rules", "actions += heard or on_absent_and_silent(session, attempt, allowed, now, policy)", "pass",
      "E5: nothing is concluded", "self_ended"),
    # limits
    M("limits_line", "return kind in _ENDS_BY_ITSELF", "return True", "E9: who destroys it is not said", "limits_line"),
    M("limits_line", "else max(span_us // SECOND, 1)", "else span_us // SECOND", "a limit of no time is off",
      "limits_line"),
    M("limits_line", "or not guard.knows_ends or", "or", "a guard that knows no ends gets parts", "limits_line"),
    M("limits_line", "or guard.parts != checksum", "", "an instance that lost its parts stays without", "limits_line"),
    # watching
    M("idle_watch", "or agent.age_s > policy.agent_stale_s:", "or False:", "E1: a frozen agent counts as a watch",
      "idle_watch"),
    M("idle_watch", 'if agent.unknown else ""', 'if False else ""', "E1: what is not measured counts as idle",
      "idle_watch"),
    M("idle_watch", "if not why or not is_asked:", "if True:", "E1: a limit nobody watches raises no alarm",
      "idle_watch"),
    M("own_network", "or len(by_ssh) > 1", "or by_ssh", "F127: one silent host means offline", "own_network"),
    M("own_network", "if by_ssh and (has_list", "if (has_list", "F127: a cloud's outage means offline", "own_network"),
    M("reachability", "if is_offline and failure.kind is not", "if False and failure.kind is not",
      "F127: our own outage is counted as theirs", "own_network"),
    M("reachability", "if failure.kind in (ProbeFailureKind.LOCAL, ProbeFailureKind.MALFORMED):", "if False:",
      "F127: what we cannot do is its silence", "own_network"),
)  # fmt: skip
"""Each breaks one rule of ends.md or F127."""
