"""What exists, as frozen values: money, offers, sessions, attempts, instances, heartbeats, the actions rules return.

Also the parsing of names that people and providers write. Not here: what follows from a value (`core/lifecycle/`,
`core/listing/`, `core/spending/`).
"""
