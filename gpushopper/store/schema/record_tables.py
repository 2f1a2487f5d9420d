"""Tables of records beside sessions: clouds' bills, what was sent to whom, what is being compacted (tables.py)."""

from __future__ import annotations

import peewee

from gpushopper.core.model.records.sent_item import SentKind
from gpushopper.store.schema.columns import EnumText, Row, Text, optional_int


class BillRow(Row):
    """What a cloud has charged for an attempt's instance (store/money/bills.py)."""

    attempt_id = Text(primary_key=True)
    gpu = peewee.IntegerField()
    storage = peewee.IntegerField()
    traffic = peewee.IntegerField()
    other = peewee.IntegerField()
    until_at = optional_int()
    read_at = peewee.IntegerField()

    class Meta:
        table_name = "bills"


class BalanceRow(Row):
    provider = Text()
    account = Text()
    at = peewee.IntegerField()
    balance = peewee.IntegerField()

    class Meta:
        table_name = "balances"
        primary_key = peewee.CompositeKey("provider", "account", "at")


class SentItemRow(Row):
    """core.model.records.sent_item.SentItem, column by column."""

    id = peewee.AutoField()
    attempt_id = Text()
    at = peewee.IntegerField()
    kind = EnumText(SentKind)
    means = Text()
    name = Text()
    target = Text()

    class Meta:
        table_name = "sent_items"


class CompactionRow(Row):
    """The session that is being compacted, inside of the transaction that does (store/history/compaction.py)."""

    id = peewee.IntegerField(primary_key=True)
    session_id = Text(null=True)
    before_at = peewee.IntegerField()
    micros = peewee.IntegerField()

    class Meta:
        table_name = "compaction"
