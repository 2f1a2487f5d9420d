"""The rules for one attempt: clock, sightings, boot failure, heartbeats and guard, destroy, proof of the end, failover.

Each takes values and returns actions. Not here: rules over a whole list of an account (`core/listing/`).
"""
