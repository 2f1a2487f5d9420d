"""Requests and responses of the local API, as plain dataclasses that daemon and client share.

Times are wall µs (integers), money is integer micro-dollars, ids are strings. The daemon validates requests with
pydantic (unknown fields refused, S31); the client ignores fields of responses that it does not know, because responses
only ever gain fields.

Each module is imported when one of its names is first asked for: making its dataclasses takes a command or a job of the
daemon longer than what it needs them for.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from gpushopper.wire.alert_channels import Channels, ChannelTest, ChannelView
    from gpushopper.wire.api.error import ErrorAnswer, ErrorView
    from gpushopper.wire.api.process import (
        Acknowledged,
        CostSummary,
        Health,
        KeyEnvironment,
        Providers,
        Ready,
        Stopping,
    )
    from gpushopper.wire.api.queries import (
        CostsBy,
        CostsQuery,
        CustodyQuery,
        EventsQuery,
        LoadsQuery,
        LogQuery,
        OneOfferQuery,
        SessionsQuery,
        WhyQuery,
    )
    from gpushopper.wire.bills import AccountBill, BillRow, Bills
    from gpushopper.wire.budgets import BudgetEnd, BudgetHolder, BudgetLimit, BudgetRequest, Budgets, BudgetView
    from gpushopper.wire.connection import ConnectionView
    from gpushopper.wire.custody import Custody, CustodyRow, SentRecorded, SentRequest, SentView
    from gpushopper.wire.deserialize import from_json
    from gpushopper.wire.money import (
        ConsumerName,
        Consumers,
        ConsumerView,
        CostForecast,
        CostGroup,
        CostRow,
        Costs,
        Rebuilt,
    )
    from gpushopper.wire.offers import BillingView, Inventory, MissingAccount, OfferGroup, OfferView
    from gpushopper.wire.plan import Plan, PlanAccount
    from gpushopper.wire.provider_log import ProviderLog
    from gpushopper.wire.report import Report, ReportAttempt, ReportRun
    from gpushopper.wire.requests import (
        AckRequest,
        AdoptRequest,
        EndRequest,
        ExtendRequest,
        ForgetRequest,
        LandedRequest,
        LimitsRequest,
        PlanRequest,
        ProvisionRequest,
        RestartRequest,
        RunEndRequest,
        SameAccountRequest,
        SearchRequest,
        TagsRequest,
    )
    from gpushopper.wire.responses import (
        Accepted,
        AdoptView,
        Alarms,
        AlarmView,
        AttemptView,
        Audit,
        AuditRow,
        CostParts,
        DaemonStatus,
        Events,
        EventView,
        ForgetRow,
        ForgetView,
        KeptOutputs,
        LandedAnswer,
        LandingView,
        LimitsView,
        ProviderStatus,
        PullView,
        SameAccountView,
        Sessions,
        SessionView,
        TrustedRow,
    )
    from gpushopper.wire.why import EndView, Loads, LoadView, SignalView, UseSpan, WhyView

PROTOCOL = 2
"""Increased only when an old client would misread a response."""

VERSION_HEADER = "X-Gpu-Shopper-Version"
REQUEST_HEADER = "X-Request-ID"
IDEMPOTENCY_HEADER = "Idempotency-Key"
KEYLESS_HEADER = "X-Gpu-Shopper-Keyless"
"""Providers whose key the daemon does not have: a client that finds one restarts it."""

__all__ = [
    "IDEMPOTENCY_HEADER",
    "KEYLESS_HEADER",
    "PROTOCOL",
    "REQUEST_HEADER",
    "VERSION_HEADER",
    "Accepted",
    "AccountBill",
    "AckRequest",
    "Acknowledged",
    "AdoptRequest",
    "AdoptView",
    "AlarmView",
    "Alarms",
    "AttemptView",
    "Audit",
    "AuditRow",
    "BillRow",
    "BillingView",
    "Bills",
    "BudgetEnd",
    "BudgetHolder",
    "BudgetLimit",
    "BudgetRequest",
    "BudgetView",
    "Budgets",
    "ChannelTest",
    "ChannelView",
    "Channels",
    "ConnectionView",
    "ConsumerName",
    "ConsumerView",
    "Consumers",
    "CostForecast",
    "CostGroup",
    "CostParts",
    "CostRow",
    "CostSummary",
    "Costs",
    "CostsBy",
    "CostsQuery",
    "Custody",
    "CustodyQuery",
    "CustodyRow",
    "DaemonStatus",
    "EndRequest",
    "EndView",
    "ErrorAnswer",
    "ErrorView",
    "EventView",
    "Events",
    "EventsQuery",
    "ExtendRequest",
    "ForgetRequest",
    "ForgetRow",
    "ForgetView",
    "Health",
    "Inventory",
    "KeptOutputs",
    "KeyEnvironment",
    "LandedAnswer",
    "LandedRequest",
    "LandingView",
    "LimitsRequest",
    "LimitsView",
    "LoadView",
    "Loads",
    "LoadsQuery",
    "LogQuery",
    "MissingAccount",
    "OfferGroup",
    "OfferView",
    "OneOfferQuery",
    "Plan",
    "PlanAccount",
    "PlanRequest",
    "ProviderLog",
    "ProviderStatus",
    "Providers",
    "ProvisionRequest",
    "PullView",
    "Ready",
    "Rebuilt",
    "Report",
    "ReportAttempt",
    "ReportRun",
    "RestartRequest",
    "RunEndRequest",
    "SameAccountRequest",
    "SameAccountView",
    "SearchRequest",
    "SentRecorded",
    "SentRequest",
    "SentView",
    "SessionView",
    "Sessions",
    "SessionsQuery",
    "SignalView",
    "Stopping",
    "TagsRequest",
    "TrustedRow",
    "UseSpan",
    "WhyQuery",
    "WhyView",
    "from_json",
]

_MODULE_OF = {
    name: module
    for module, names in {
        "alert_channels": "Channels ChannelTest ChannelView",
        "api.error": "ErrorAnswer ErrorView",
        "api.process": "Acknowledged CostSummary Health KeyEnvironment Providers Ready Stopping",
        "api.queries": "CostsBy CostsQuery CustodyQuery EventsQuery LoadsQuery LogQuery OneOfferQuery SessionsQuery "
        "WhyQuery",
        "bills": "AccountBill BillRow Bills",
        "budgets": "BudgetEnd BudgetHolder BudgetLimit BudgetRequest Budgets BudgetView",
        "connection": "ConnectionView",
        "custody": "Custody CustodyRow SentRecorded SentRequest SentView",
        "deserialize": "from_json",
        "money": "ConsumerName Consumers ConsumerView CostForecast CostGroup CostRow Costs Rebuilt",
        "offers": "BillingView Inventory MissingAccount OfferGroup OfferView",
        "plan": "Plan PlanAccount",
        "provider_log": "ProviderLog",
        "report": "Report ReportAttempt ReportRun",
        "requests": (
            "AckRequest AdoptRequest EndRequest ExtendRequest ForgetRequest LandedRequest LimitsRequest PlanRequest "
            "ProvisionRequest RestartRequest RunEndRequest SameAccountRequest SearchRequest TagsRequest"
        ),
        "responses": (
            "Accepted AdoptView Alarms AlarmView AttemptView Audit AuditRow CostParts DaemonStatus Events EventView "
            "ForgetRow ForgetView KeptOutputs LandedAnswer LandingView LimitsView ProviderStatus PullView "
            "SameAccountView Sessions SessionView TrustedRow"
        ),
        "why": "EndView LoadView Loads SignalView UseSpan WhyView",
    }.items()
    for name in names.split()
}
"""Where each name is defined."""

if not TYPE_CHECKING:  # types are checked by the imports above

    def __getattr__(name: str) -> Any:
        """A name that is asked for the first time; it is kept beside the others (PEP 562)."""
        if name not in _MODULE_OF:
            raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
        found = globals()[name] = getattr(import_module(f"{__name__}.{_MODULE_OF[name]}"), name)
        return found
