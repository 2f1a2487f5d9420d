"""HTTP for all providers: authentication, time limits, rate limits, retries of reads, redaction of foreign text (D17).

Not here: which calls a provider has and what its replies mean (`providers/vast/`).
"""

from gpushopper.providers.api.api_client import ApiClient, Call, TimeLimit
from gpushopper.providers.api.authentication import Authentication, basic, bearer, header
from gpushopper.providers.api.oauth2 import ClientCredentials
from gpushopper.providers.api.rate_limiter import RateLimit
from gpushopper.providers.api.replies import Failure, Reply
from gpushopper.providers.api.text import REDACTED, plain, redact_line

__all__ = [
    "REDACTED", "ApiClient", "Authentication", "Call", "ClientCredentials", "Failure", "RateLimit", "Reply",
    "TimeLimit", "basic", "bearer", "header", "plain", "redact_line",
]  # fmt: skip
