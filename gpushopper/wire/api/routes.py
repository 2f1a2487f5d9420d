"""The table of the local API: every route, once. Daemon, client and the OpenAPI document are made from it.

A row's annotation says what it takes and answers: `Route[query, body, answer]`, None where there is none. mypy holds
the daemon's handlers and the client's methods to it, and the daemon reads it when it runs (`daemon/api/dispatch.py`);
a command that sends a request imports none of these classes.
"""

from __future__ import annotations

from typing import Any, Generic, Literal, NamedTuple, TypeVar

from gpushopper import wire

Query = TypeVar("Query")
Body = TypeVar("Body")
Answer = TypeVar("Answer")

Who = Literal["owner", "member", "own"]
OWNER: Who = "owner"
"""Only the user that the daemon runs as; on a computer of one person, that is everybody who gets here."""
MEMBER: Who = "member"
"""Every member of a lab server too; what is others' is left out of the answer (`daemon/api/members/`)."""
OWN: Who = "own"
"""A member too, for a session that is charged to them."""

JSON = "application/json"
READ_LIMIT_S = 30.0
"""How long an answer from the daemon's own records may take."""
CLOUD_LIMIT_S = 90.0
"""A plan waits up to 20 s for an account's first reconcile, then reads the market (S17, S18)."""
REBUILD_LIMIT_S = 90.0
"""A million entries take some ten seconds."""
VERIFY_LIMIT_S = 60.0
"""Clouds are waited for, forty seconds in all."""


class Route(NamedTuple, Generic[Query, Body, Answer]):
    """One route. Parts of the path in braces are percent-encoded once, a slash in them too.

    `who` may send it. `status`: of the answer. `errors`: further HTTP statuses, beside those that any request can have
    (`COMMON_ERRORS`). `limit_s`: how long the client waits. `media`: the content type of the answer; but for JSON, it
    is the text itself.
    """

    method: str
    path: str
    summary: str
    who: Who
    status: int = 200
    errors: tuple[int, ...] = ()
    limit_s: float = READ_LIMIT_S
    media: str = JSON


COMMON_ERRORS = (400, 403, 413, 500, 503)
"""Malformed, another user's daemon, body too large, a bug, too many requests at once."""
COMMAND_ERRORS = (422, 507)
"""Of what is not a GET: an idempotency key that was used for another request; the disk is full."""

# ---- The daemon

HEALTH: Route[None, None, wire.Health] = Route("GET", "/health", "Whether the daemon is well.", MEMBER)
READY: Route[None, None, wire.Ready] = Route(
    "GET", "/ready", "Whether sessions may be rented: 200, or 503 with the same answer.", MEMBER, errors=(503,)
)
METRICS: Route[None, None, str] = Route(
    "GET", "/metrics", "What is measured, for Prometheus.", OWNER, media="text/plain; version=0.0.4; charset=utf-8"
)
OPENAPI: Route[None, None, dict[str, Any]] = Route(
    "GET", "/openapi.json", "This API as an OpenAPI 3.1 document.", MEMBER
)
STATUS: Route[None, None, wire.DaemonStatus] = Route(
    "GET", "/api/v1/status", "The daemon, its jobs, its accounts and what is open.", MEMBER
)
STOP: Route[None, None, wire.Stopping] = Route(
    "POST", "/api/v1/stop", "Stop the daemon; sessions go on.", OWNER, status=202
)

# ---- The market

INVENTORY: Route[wire.SearchRequest, None, wire.Inventory] = Route(
    "GET",
    "/api/v1/inventory",
    "Offers that fit, over all clouds.",
    MEMBER,
    errors=(404, 424, 502),
    limit_s=CLOUD_LIMIT_S,
)
OFFER: Route[wire.OneOfferQuery, None, wire.OfferView] = Route(
    "GET",
    "/api/v1/inventory/{offer}",
    "One offer by its id, such as `vast:123`, a minute old at most.",
    MEMBER,
    errors=(404, 424, 502),
    limit_s=CLOUD_LIMIT_S,
)
PLAN: Route[None, wire.PlanRequest, wire.Plan] = Route(
    "POST",
    "/api/v1/plan",
    "What would be rented, and the most it can cost; nothing is rented.",
    MEMBER,
    errors=(404, 409, 424, 502),
    limit_s=CLOUD_LIMIT_S,
)

# ---- Sessions

PROVISION: Route[None, wire.ProvisionRequest, wire.Accepted] = Route(
    "POST", "/api/v1/sessions", "Rent what a plan showed.", MEMBER, status=202, errors=(404, 409, 424, 502)
)
SESSIONS: Route[wire.SessionsQuery, None, wire.Sessions] = Route("GET", "/api/v1/sessions", "The sessions.", MEMBER)
SESSION: Route[None, None, wire.SessionView] = Route(
    "GET", "/api/v1/sessions/{ref}", "One session.", MEMBER, errors=(404,)
)
CONNECTION: Route[None, None, wire.ConnectionView] = Route(
    "GET",
    "/api/v1/sessions/{ref}/connection",
    "How to log in to its instance; the key's path, not the key.",
    OWN,
    errors=(404, 409),
)
WHY: Route[wire.WhyQuery, None, wire.WhyView] = Route(
    "GET", "/api/v1/sessions/{ref}/why", "What would end it, and when; what is known of its use.", OWN, errors=(404,)
)
LOADS: Route[wire.LoadsQuery, None, wire.Loads] = Route(
    "GET", "/api/v1/loads", "How busy the GPUs of the open sessions were, step by step.", MEMBER
)
REPORT: Route[None, None, wire.Report] = Route(
    "GET", "/api/v1/sessions/{ref}/report", "Everything about it, for a reader long after.", OWN, errors=(404,)
)
PROVIDER_LOG: Route[wire.LogQuery, None, wire.ProviderLog] = Route(
    "GET",
    "/api/v1/sessions/{ref}/provider-log",
    "The log that its cloud keeps of the container.",
    OWN,
    errors=(404, 409, 424, 502),
    limit_s=CLOUD_LIMIT_S,
)
EXTEND: Route[None, wire.ExtendRequest, wire.SessionView] = Route(
    "POST",
    "/api/v1/sessions/{ref}/extend",
    "Move its deadline, or show what would become of it.",
    OWN,
    errors=(404, 409, 424, 502),
)
SET_LIMITS: Route[None, wire.LimitsRequest, wire.SessionView] = Route(
    "PUT",
    "/api/v1/sessions/{ref}/limits",
    "Change what may end it early, and what is done before its end.",
    OWN,
    errors=(404, 409),
)
SET_TAGS: Route[None, wire.TagsRequest, wire.SessionView] = Route(
    "PUT", "/api/v1/sessions/{ref}/tags", "Give it tags, and take others away.", OWN, errors=(404, 409)
)
ADOPT: Route[None, wire.AdoptRequest, wire.AdoptView] = Route(
    "POST",
    "/api/v1/adoptions",
    "Make an instance that a person names by its id a session, or show what it would be.",
    OWNER,
    errors=(404, 409, 424, 502),
    limit_s=CLOUD_LIMIT_S,
)
FORGET: Route[None, wire.ForgetRequest, wire.ForgetView] = Route(
    "POST",
    "/api/v1/sessions/{ref}/forget",
    "Close an end that can never be proven, by ids that a person has typed; or show what that would be.",
    OWNER,
    errors=(404, 409),
)
RESTART: Route[None, wire.RestartRequest, wire.Accepted] = Route(
    "POST",
    "/api/v1/sessions/{ref}/restart",
    "Restart its instance, where its cloud can.",
    OWN,
    status=202,
    errors=(404, 409, 424, 502),
)
DONE: Route[None, wire.EndRequest, wire.Accepted] = Route(
    "POST",
    "/api/v1/sessions/{ref}/done",
    "End it; with `lands`, its results are brought home first.",
    OWN,
    status=202,
    errors=(404, 409),
)
DELETE: Route[None, wire.EndRequest, wire.Accepted] = Route(
    "DELETE", "/api/v1/sessions/{ref}", "End it at once.", OWN, status=202, errors=(404, 409)
)
SHUTDOWN: Route[None, wire.EndRequest, wire.Accepted] = Route(
    "POST", "/api/v1/shutdown", "End every session.", OWNER, status=202
)

# ---- Runs and results

ALLOW_RUN_END: Route[None, wire.RunEndRequest, wire.SessionView] = Route(
    "PUT",
    "/api/v1/sessions/{ref}/run-ends/{run}",
    "Allow that the end of a run ends the session.",
    OWN,
    errors=(404, 409),
)
WITHDRAW_RUN_END: Route[None, None, wire.SessionView] = Route(
    "DELETE",
    "/api/v1/sessions/{ref}/run-ends/{run}",
    "The end of a run does not end the session any more.",
    OWN,
    errors=(404, 409),
)
KEEP_OUTPUTS: Route[None, None, wire.KeptOutputs] = Route(
    "POST",
    "/api/v1/sessions/{ref}/keep-outputs",
    "Fetch the outputs of its runs now; what fails is in the answer.",
    OWN,
    errors=(404, 409),
)
LANDED: Route[None, wire.LandedRequest, wire.LandedAnswer] = Route(
    "POST", "/api/v1/sessions/{ref}/landed", "Say which folders have been pulled by hand.", OWN, errors=(404, 409)
)
RECORD_SENT: Route[None, wire.SentRequest, wire.SentRecorded] = Route(
    "POST", "/api/v1/sessions/{ref}/sent", "Record what is about to be sent to its instance.", OWN, errors=(404, 409)
)

# ---- Money

COSTS: Route[wire.CostsQuery, None, wire.Costs] = Route(
    "GET", "/api/v1/costs", "What was incurred in a span of time, and what is still to come.", MEMBER, errors=(404,)
)
COSTS_SUMMARY: Route[wire.CostsQuery, None, wire.CostSummary] = Route(
    "GET", "/api/v1/costs/summary", "The totals of that.", MEMBER, errors=(404,)
)
REBUILD_COSTS: Route[None, None, wire.Rebuilt] = Route(
    "POST",
    "/api/v1/costs/rebuild",
    "Make the sums by day and month anew from the ledger.",
    OWNER,
    limit_s=REBUILD_LIMIT_S,
)
VERIFY_COSTS: Route[None, None, wire.Bills] = Route(
    "POST",
    "/api/v1/costs/verify",
    "Read the clouds' bills now, and compare them with what was counted.",
    OWNER,
    limit_s=VERIFY_LIMIT_S,
)
BUDGETS: Route[None, None, wire.Budgets] = Route(
    "GET", "/api/v1/budgets", "What may be spent, and how that stands.", MEMBER
)
BUDGET: Route[None, None, wire.BudgetView] = Route(
    "GET", "/api/v1/budgets/{name}", "One budget.", MEMBER, errors=(404,)
)
SET_BUDGET: Route[None, wire.BudgetRequest, wire.BudgetView] = Route(
    "PUT", "/api/v1/budgets/{name}", "Create or change a budget.", OWNER, errors=(404, 409)
)
REMOVE_BUDGET: Route[None, None, wire.BudgetView] = Route(
    "DELETE", "/api/v1/budgets/{name}", "Remove a budget.", OWNER, errors=(404,)
)
CONSUMERS: Route[None, None, wire.Consumers] = Route(
    "GET", "/api/v1/consumers", "Whom sessions are charged to.", MEMBER
)
ADD_CONSUMER: Route[None, wire.ConsumerName, wire.ConsumerView] = Route(
    "POST", "/api/v1/consumers", "Record a consumer.", OWNER, status=201, errors=(409,)
)
CONSUMER: Route[None, None, wire.ConsumerView] = Route(
    "GET", "/api/v1/consumers/{name}", "One consumer, also by a former name.", MEMBER, errors=(404,)
)
RENAME_CONSUMER: Route[None, wire.ConsumerName, wire.ConsumerView] = Route(
    "PATCH", "/api/v1/consumers/{name}", "Give a consumer another name.", OWNER, errors=(404, 409)
)

# ---- Records and alarms

EVENTS: Route[wire.EventsQuery, None, wire.Events] = Route(
    "GET",
    "/api/v1/events",
    "The history after a cursor; to follow it, ask again with `after` = `next`.",
    MEMBER,
    errors=(404,),
)
CUSTODY: Route[wire.CustodyQuery, None, wire.Custody] = Route(
    "GET", "/api/v1/custody", "What was sent to which host.", OWN, errors=(404,)
)
ALARMS: Route[None, None, wire.Alarms] = Route("GET", "/api/v1/alarms", "The open alarms.", MEMBER)
ACKNOWLEDGE: Route[None, wire.AckRequest, wire.Acknowledged] = Route(
    "POST", "/api/v1/alarms/ack", "Acknowledge one alarm, or all.", OWNER, errors=(404,)
)
CHANNELS: Route[None, None, wire.Channels] = Route("GET", "/api/v1/channels", "Where alerts are sent.", OWNER)
TEST_CHANNEL: Route[None, None, wire.ChannelTest] = Route(
    "POST",
    "/api/v1/channels/{name}/test",
    "Send a test message over a channel, and wait for its receiver.",
    OWNER,
    errors=(404,),
    limit_s=CLOUD_LIMIT_S,
)

# ---- Accounts and keys

PROVIDERS: Route[None, None, wire.Providers] = Route(
    "GET", "/api/v1/providers", "The accounts, and whether they answer.", MEMBER
)
AUDIT: Route[None, None, wire.Audit] = Route(
    "GET",
    "/api/v1/audit",
    "Every instance on the accounts, compared with our records.",
    OWNER,
    errors=(424, 502),
    limit_s=CLOUD_LIMIT_S,
)
RELOAD_KEYS: Route[None, None, wire.Providers] = Route("POST", "/api/v1/keys/reload", "Read the keys again.", OWNER)
KEY_ENVIRONMENT: Route[None, None, wire.KeyEnvironment] = Route(
    "GET", "/api/v1/keys/environment", "Where the daemon looks for keys, and which it has; no key is sent.", OWNER
)
SAME_ACCOUNT: Route[None, wire.SameAccountRequest, wire.SameAccountView] = Route(
    "POST",
    "/api/v1/keys/same-account",
    "Trust the key of an account by ids that a person has typed, or show what that would be.",
    OWNER,
    errors=(404, 409, 424, 502),
)
