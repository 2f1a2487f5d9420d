"""Rules of costs by time, each broken on purpose (mutations.py)."""

from __future__ import annotations

from tests.core.mutation import Mutation

M = Mutation
COSTS = (
    M("pro_rata", "return -(-micros * elapsed // span)", "return micros * elapsed // span",
      "I14: what is counted up to a moment is too little", "ledger"),
    M("pro_rata", "yield before, cut, so_far - spent", "yield before, cut, so_far", "I14: a share is counted twice",
      "pro_rata"),
    M("pro_rata", "range(hour_of(from_at) + HOUR, to_at, HOUR)", "range(hour_of(from_at), to_at, HOUR)",
      "F115: an entry that begins before itself", "pro_rata"),
    M("pro_rata", "start_at <= from_at < end_at", "start_at <= from_at <= end_at",
      "F115: a minimum at midnight counts for two days", "pro_rata"),
    M("pro_rata", "(min(max(at, from_at), to_at) - from_at", "(at - from_at", "F115: what lies outside a period counts",
      "pro_rata"),
    M("ledger", "hours = hours_within(start, until)", "hours = ()", "F115: an entry spans days", "pro_rata"),
    M("ledger", "min(now_wall, attempt.last_seen_at)", "now_wall",
      "S19: GPU time that a sighting shows later is lost", "pro_rata"),
    M("ledger", "or attempt.off_at is not None:\n        return None\n    until = hour_of",
      "or False:\n        return None\n    until = hour_of", "I14: costs run on after the end", "pro_rata"),
    M("ledger", "return until if until > attempt.billed_until else None", "return until",
      "I14: hours are entered again and again", "pro_rata"),
    M("ledger", "return max(start, seen_at), min(until, gone_at)", "return start, start",
      "S19: what ran unseen costs nothing", "ledger"),
    M("ledger", "return max(start, seen_at), min(until, gone_at)", "return start, min(until, gone_at)",
      "S19: time that was seen booting costs GPU time", "ledger"),
    M("ledger", "return max(start, seen_at), min(until, gone_at)", "return max(start, seen_at), until",
      "F131: a disk that is left costs GPU time", "ledger"),
    M("ledger", "        gone_at = attempt.missing_at\n", "        pass\n", "an id that never existed costs GPU time",
      "ledger"),
    M("ledger", " or attempt.ready_at is not None or attempt.offer", " or attempt.offer",
      "F23: a stopped instance costs GPU time", "ledger"),
    M("rollup", "while to_at > period.end_at:", "while False:", "F115: an entry over midnight is one day's",
      "cost_window"),
    M("rollup", "if not self._last.holds(wall):", "if self._last.end_at == 0:", "F115: every day is the first",
      "cost_window"),
    M("window", "begin = calendar.at(begin).end_at", "begin = calendar.at(begin).start_at",
      "a part of a day counts as a whole one", "cost_window"),
    M("window", "edges = (Window(window.start_at, begin), Window(end, window.end_at))",
      "edges = (Window(window.start_at, begin),)", "the last part of a window is left out", "cost_window"),
    M("window", "if not found.edges:", "if found.whole is not None:", "a part of a month is read day by day no more",
      "cost_window"),
    M("window", "return self.first <= wall < self.last", "return self.first <= wall <= self.last",
      "a window has its end", "cost_window"),
    M("forecast", "return min(rest, cost_over", "return max(rest, cost_over", "more is to come than by the deadline",
      "forecast"),
    M("forecast", "or attempt.off_at is not None:\n        return 0", "or False:\n        return 0",
      "what is off burns money", "forecast"),
)  # fmt: skip
"""Which tests must notice is the last value of each."""
