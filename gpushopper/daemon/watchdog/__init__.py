"""The second watcher, a one-shot job: two lists of each account, what is overdue in both is ended (ends.md E10).

It uses neither lock, database nor daemon, so that it runs beside a daemon or where none ever ran. Not here: what may be
ended (`core/listing/watchdog.py`).
"""
