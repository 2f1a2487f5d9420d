"""Vast's terms: to the second, the disk in every state and in any size, by a month of 720 hours (vastai.md 15)."""

from __future__ import annotations

from gpushopper.core.cloud import Billing, BillingStart, StoppedBilling

BILLING = Billing(begins=BillingStart.RUNNING, granularity_s=1, stopped=StoppedBilling.STORAGE, month_hours=720)
