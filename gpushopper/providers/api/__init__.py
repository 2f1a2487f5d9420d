"""HTTP for all providers: total time limits, rate limits, retries of reads, and redaction of foreign text (D17).

Not here: which calls a provider has and what its replies mean (`providers/vast/`).
"""

from gpushopper.providers.api.api_client import ApiClient, Call, Failure, TimeLimit
from gpushopper.providers.api.rate_limiter import RateLimit
from gpushopper.providers.api.replies import Reply
from gpushopper.providers.api.text import REDACTED, plain, redact_line

__all__ = ["REDACTED", "ApiClient", "Call", "Failure", "RateLimit", "Reply", "TimeLimit", "plain", "redact_line"]
