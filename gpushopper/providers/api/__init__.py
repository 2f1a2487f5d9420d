"""The one place that talks HTTP: limits, pacing, and text that is safe to show (D17)."""

from gpushopper.providers.api.calls import Api, Call, Failure, Limit
from gpushopper.providers.api.pacing import Gap
from gpushopper.providers.api.replies import Reply
from gpushopper.providers.api.text import REDACTED, plain, redact_line

__all__ = ["REDACTED", "Api", "Call", "Failure", "Gap", "Limit", "Reply", "plain", "redact_line"]
