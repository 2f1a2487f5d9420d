"""Calls to the provider and to instances: when one may start, which are in flight, when one times out.

Not here: what calls carry and what their results mean; that is each part's own.
"""
