"""Families of metrics from rows: the labels' values first, the measured value last."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from prometheus_client import Metric
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily

Rows = Iterable[tuple[str | float, ...]]


def counter(name: str, text: str, labels: Sequence[str], rows: Rows) -> Metric:
    """A counter; its samples are named `<name>_total`."""
    return _filled(CounterMetricFamily(name, text, labels=labels), rows)


def gauge(name: str, text: str, labels: Sequence[str], rows: Rows) -> Metric:
    """A gauge."""
    return _filled(GaugeMetricFamily(name, text, labels=labels), rows)


def _filled(family: CounterMetricFamily | GaugeMetricFamily, rows: Rows) -> Metric:
    for *values, measured in rows:
        family.add_metric([str(value) for value in values], float(measured))
    return family
