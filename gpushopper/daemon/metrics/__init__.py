"""Metrics in Prometheus's text format: what is counted while the daemon runs, and what the records say at each scrape.

Not here: where calls are observed (`engine/metrics/`), and the rules and dashboard that read them (`docs/metrics/`).
"""
