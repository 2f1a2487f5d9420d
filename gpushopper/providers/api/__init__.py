"""The one place that talks HTTP: limits, pacing, and text that is safe to show (D17)."""

from gpushopper.providers.api.api_client import Api, Call, Failure, Limit
from gpushopper.providers.api.rate_limiter import Gap
from gpushopper.providers.api.replies import Reply
from gpushopper.providers.api.text import REDACTED, clean, plain

__all__ = ["REDACTED", "Api", "Call", "Failure", "Gap", "Limit", "Reply", "clean", "plain"]
