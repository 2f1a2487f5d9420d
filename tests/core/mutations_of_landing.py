"""Mutations of core/lifecycle/ends/landing.py: results that are lost, ends that wait for ever, pulls that never end."""

from __future__ import annotations

from tests.core.mutation import Mutation

M = Mutation
LANDING = (
    M("landing", "return last\n    return min(last, session.landing_at + session.hold_us)",
      "return last\n    return session.landing_at + session.hold_us", "E7: a landing passes the deadline", "landing"),
    M("landing", "last = min(attempt.deadline.wall, attempt.hard_max_at)", "last = attempt.hard_max_at",
      "E7: a landing passes the deadline", "landing"),
    M("landing", "if is_near and not session.landing:", "if is_near:", "E7: a landing begins anew at each step",
      "landing"),
    M("landing", "is_near = now.wall >= attempt.deadline.wall - land_for_us(session, policy)", "is_near = False",
      "E7: nothing is pulled before the deadline", "landing"),
    M("landing", "if session.landing == USER and now.wall >= landing_until(session, attempt):",
      "if session.landing and now.wall >= landing_until(session, attempt):",
      "E7: the deadline's landing ends it before its time", "landing"),
    M("landing", "if session.landing == USER and now.wall >= landing_until(session, attempt):", "if False:",
      "E7: a user's end waits for ever", "landing"),
    M("landing", 'if attempt.ending_reason in allowed and session.landing in ("", DEADLINE, BUDGET):',
      'if session.landing in ("", DEADLINE, BUDGET):',
      "E5: results are pulled for an end that nothing allows", "landing"),
    M("landing", 'session.landing in ("", DEADLINE, BUDGET):', "not session.landing:",
      "E7: work that ended after a landing had begun is not pulled", "landing"),
    M("landing", "return [UpdateSession(session, fields)] if waits else []", "return []",
      "E7: it waits for results that nobody wants", "landing"),
    M("landing", "is_withdrawn = session.landing in WHY and not attempt.ending_reason", "is_withdrawn = False",
      "E7: a withdrawn end goes on landing", "landing"),
    M("landing", "is_withdrawn = session.landing in WHY and not attempt.ending_reason",
      "is_withdrawn = not attempt.ending_reason", "E7: a user's end is forgotten", "landing"),
    M("landing", "and session.pulled_at is None\n\n\ndef counts_by_hand", "\n\n\ndef counts_by_hand",
      "E7: the same is pulled again and again", "landing"),
    M("landing", "is_all = {there for there, _ in session.pulls} <= pulled.theirs", "is_all = True",
      "E7: a part counts as all", "landing"),
    M("landing", "and pulled.began_at >= session.landing_at + hook_us(session, policy)", "",
      "E7: what was pulled before the work ended counts", "landing"),
    M("landing", "return us(hook_s(session, policy) + HOOK_MARGIN_S) if session.before_end else 0", "return 0",
      "E7: what was pulled before the hook ended counts", "landing"),
    M("landing", "if not is_pull_due(session, attempt):\n        return []\n    cleared",
      "if False:\n        pass\n    cleared",
      "E7: a late pull ends what was withdrawn", "landing"),
    M("landing", "if session.landing == USER:\n        actions.append", "if session.landing:\n        actions.append",
      "E7: the daemon ends what is to end itself, or at its deadline", "landing"),
    M("landing", "if session.landing == USER:\n        actions.append", "if False:\n        actions.append",
      "E7: a user's end never comes", "landing"),
    M("landing", 'fields = {"pulled_at": None, "pull_problem": ""} if goes_on else NOT_LANDING', "fields = NOT_LANDING",
      "E7: other folders forget that it ends", "landing"),
    M("landing", 'if not session.pulls or session.pulled_at is not None:\n        return ""',
      'if True:\n        return ""',
      "E7: what is lost is not said", "landing"),
)  # fmt: skip
"""Each breaks one rule of ends.md E7."""
