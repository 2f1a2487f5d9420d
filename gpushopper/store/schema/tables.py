"""The tables and their columns as Peewee models, bound to no database.

Each query is executed on one Store's own connection, because a global bind crosses threads (measured). The schema
itself is in migrations.py; a test compares the two.
"""

from __future__ import annotations

import peewee

from gpushopper.core.model.attempt import DesiredState, Origin, State
from gpushopper.core.model.ends.run_end import RunEndMode
from gpushopper.store.schema import columns
from gpushopper.store.schema.columns import (
    DeadlineText,
    EnumText,
    JsonText,
    OffersText,
    OfferText,
    PairsText,
    Row,
    Text,
    optional_int,
)
from gpushopper.store.schema.record_tables import BalanceRow, BillRow, CompactionRow, SentItemRow


class MetaRow(Row):
    key = Text(primary_key=True)
    value = Text()

    class Meta:
        table_name = "meta"


class AccountRow(Row):
    provider = Text()
    account = Text()
    first_seen_at = peewee.IntegerField()
    recorded_at = peewee.IntegerField()
    cloud = Text()
    mark = Text()

    class Meta:
        table_name = "accounts"
        primary_key = peewee.CompositeKey("provider", "account")


class AccountKeyRow(Row):
    """A key, as a salted digest, that is proven to be of an account (store/account_keys.py)."""

    provider = Text()
    account = Text()
    key_digest = Text()
    proof = Text()
    recorded_at = peewee.IntegerField()

    class Meta:
        table_name = "account_keys"
        primary_key = peewee.CompositeKey("provider", "account", "key_digest")


class ConsumerRow(Row):
    name = Text(primary_key=True)
    created_at = peewee.IntegerField()
    renamed_to = Text(null=True)

    class Meta:
        table_name = "consumers"


class SessionRow(Row):
    """core.model.session.Session, column by column."""

    id = Text(primary_key=True)
    name = Text()
    consumer = Text()
    desired_state = EnumText(DesiredState)
    reason = Text()
    version = peewee.IntegerField()
    created_at = peewee.IntegerField()
    image = Text()
    disk_gb = peewee.FloatField()
    shortlist = OffersText()
    max_rate = optional_int()
    retries_left = peewee.IntegerField()
    duration_us = optional_int()
    deadline_at = optional_int()
    keep_stopped = peewee.BooleanField()
    max_duration_us = optional_int()
    max_duration_reason = Text()
    ended_at = optional_int()
    environment = PairsText()
    allow_unguarded = peewee.BooleanField()
    image_login = Text()
    allow_broken_guard = peewee.BooleanField()
    idle_us = optional_int()
    idle_when = Text()
    contact_us = optional_int()
    disuse_us = optional_int()
    hold_us = optional_int()
    land_for_us = optional_int()
    before_end = Text()
    pulls = PairsText()
    pull_max = optional_int()
    landing = Text()
    landing_at = optional_int()
    pulled_at = optional_int()
    pull_problem = Text()
    warned_at = optional_int()
    compacted_at = optional_int()

    class Meta:
        table_name = "sessions"


class AttemptRow(Row):
    """core.model.attempt.Attempt, column by column."""

    id = Text(primary_key=True)
    session_id = Text()
    ordinal = peewee.IntegerField()
    provider = Text()
    account = Text()
    label = Text()
    origin = EnumText(Origin)
    offer = OfferText()
    disk_gb = peewee.FloatField()
    state = EnumText(State)
    desired_state = EnumText(DesiredState)
    reason = Text()
    version = peewee.IntegerField()
    deadline = DeadlineText()
    hard_max_at = peewee.IntegerField()
    agreed_rate = peewee.IntegerField()
    reserve = peewee.IntegerField()
    guard_state = Text()
    prepared_at = peewee.IntegerField()
    state_changed_at = peewee.IntegerField()
    instance_id = Text(null=True)
    sent_at = optional_int()
    ready_at = optional_int()
    terminate_requested_at = optional_int()
    off_at = optional_int()
    closed_at = optional_int()
    current_rate = optional_int()
    provider_status = Text()
    progress = Text()
    ssh_host = Text(null=True)
    ssh_port = optional_int()
    last_seen_at = optional_int()
    missing_at = optional_int()
    billed_until = optional_int()
    is_gpu_billed = peewee.BooleanField()
    settle_elapsed_us = peewee.IntegerField()
    last_complete_list_boot = optional_int()
    absence_count = peewee.IntegerField()
    first_absence_boot = optional_int()
    last_absence_boot = optional_int()
    progress_boot = optional_int()
    interrupted_boot = optional_int()
    destroy_count = peewee.IntegerField()
    destroy_acknowledged = peewee.BooleanField()
    last_destroy_boot = optional_int()
    next_destroy_boot = optional_int()
    receipt = Text()
    probe_error = Text()
    heartbeat_at = optional_int()
    unreachable_since = optional_int()
    guard_renewal_seq = peewee.IntegerField()
    guard_deadline_at = optional_int()
    first_login_boot = optional_int()
    ssh_user = Text(null=True)
    is_running = peewee.BooleanField()
    is_storage_billed = peewee.BooleanField()
    made_by_key = Text()
    image = Text()
    ending_reason = Text()
    ending_at = optional_int()
    ending_heard_at = optional_int()
    silent_since = optional_int()
    self_ended_at = optional_int()
    idle_watch = Text()
    is_idle_noted = peewee.BooleanField()
    confirmed_limits = Text()
    confirmed_parts = Text()
    received_bytes = optional_int()
    sent_bytes = optional_int()
    hidden = columns.SpansText()
    unbooked_traffic = peewee.IntegerField()

    class Meta:
        table_name = "attempts"


class KnownInstanceRow(Row):
    """The recorded ownership of an instance id (core/listing/ownership.py)."""

    provider = Text()
    account = Text()
    instance_id = Text()
    label = Text(null=True)
    ownership = Text()
    seen_at = peewee.IntegerField()

    class Meta:
        table_name = "known_instances"
        primary_key = peewee.CompositeKey("provider", "account", "instance_id")


class LedgerRow(Row):
    id = peewee.AutoField()
    attempt_id = Text()
    kind = Text()
    from_at = peewee.IntegerField()
    to_at = peewee.IntegerField()
    micros = peewee.IntegerField()
    correction = peewee.BooleanField()
    reason = Text()

    class Meta:
        table_name = "ledger"


class EventRow(Row):
    id = peewee.AutoField()
    at = peewee.IntegerField()
    kind = Text()
    session_id = Text(null=True)
    attempt_id = Text(null=True)
    text = Text()
    data = JsonText()

    class Meta:
        table_name = "events"


class AlarmRow(Row):
    id = peewee.AutoField()
    kind = Text()
    subject = Text()
    text = Text()
    hint = Text()
    evidence = JsonText()
    raised_at = peewee.IntegerField()
    acknowledged_at = optional_int()
    cleared_at = optional_int()

    class Meta:
        table_name = "alarms"


class StoredResponseRow(Row):
    key = Text(primary_key=True)
    at = peewee.IntegerField()
    method = Text()
    path = Text()
    request_digest = Text()
    response_status = peewee.IntegerField()
    response_body = Text()

    class Meta:
        table_name = "idempotency_keys"


class RunEndRow(Row):
    """core.model.ends.run_end.RunEnd, column by column."""

    session_id = Text()
    run_id = Text()
    mode = EnumText(RunEndMode)
    with_pull = peewee.BooleanField()
    set_at = peewee.IntegerField()
    hold_us = optional_int()

    class Meta:
        table_name = "run_ends"
        primary_key = peewee.CompositeKey("session_id", "run_id")


class HeartbeatRow(Row):
    """core.model.ends.heartbeat_row.HeartbeatRow, column by column."""

    attempt_id = Text()
    at = peewee.IntegerField()
    answered = peewee.BooleanField()
    gpu_load = optional_int()
    gpu_memory_mb = optional_int()
    cpu_milli = optional_int()
    network_bps = optional_int()
    idle_s = optional_int()
    in_use = peewee.IntegerField()

    class Meta:
        table_name = "heartbeats"
        primary_key = peewee.CompositeKey("attempt_id", "at")


class SessionTagRow(Row):
    session_id = Text()
    key = Text()
    value = Text()

    class Meta:
        table_name = "session_tags"
        primary_key = peewee.CompositeKey("session_id", "key")


class RollupRow(Row):
    """What the ledger's entries say of one attempt, kind and span of time (store/money/rollups.py)."""

    span = Text()
    start_at = peewee.IntegerField()
    attempt_id = Text()
    kind = Text()
    micros = peewee.IntegerField()

    class Meta:
        table_name = "rollups"
        primary_key = peewee.CompositeKey("span", "start_at", "attempt_id", "kind")


class BudgetRow(Row):
    name = Text(primary_key=True)
    scope_kind = Text()
    scope = Text()
    daily = optional_int()
    monthly = optional_int()
    session = optional_int()
    at_80 = Text()
    at_100 = Text()
    created_at = peewee.IntegerField()
    changed_at = peewee.IntegerField()

    class Meta:
        table_name = "budgets"


class AlertRow(Row):
    """An alert on its way to one channel (store/outbox/)."""

    id = peewee.AutoField()
    event_id = peewee.IntegerField()
    channel = Text()
    state = Text()
    tries = peewee.IntegerField()
    problem = Text()
    done_at = optional_int()

    class Meta:
        table_name = "alerts"


TABLES: tuple[type[Row], ...] = (
    MetaRow, AccountRow, AccountKeyRow, ConsumerRow, SessionRow, AttemptRow, KnownInstanceRow, LedgerRow, EventRow,
    AlarmRow, StoredResponseRow, RunEndRow, HeartbeatRow, SessionTagRow, RollupRow, BudgetRow, AlertRow,
    BillRow, BalanceRow, SentItemRow, CompactionRow,
)  # fmt: skip
