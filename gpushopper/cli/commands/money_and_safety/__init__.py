"""Costs and monitoring: `costs`, `status`, `alarms`, `audit`, `events`.

Not here: the reminder of open alarms under other commands (`cli/output/alarm_reminder.py`).
"""
