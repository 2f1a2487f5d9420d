"""Channels that alerts are sent over: webhooks of several forms, the desktop, a command of the user's.

Each takes one message, is bounded in time, and returns an outcome; nothing that a receiver writes is kept. Not here:
when one is sent and tried again (`engine/alerts/`), and where addresses and keys come from (`secrets/`).
"""
