"""Makes alerts of events, durably, and sends them on threads of their own: nothing else ever waits for a receiver.

Not here: which events those are (`core/alerts/`), how one is sent (`notify/`), and its rows (`store/outbox/`).
"""
