"""Access to instances over ssh: boot script, guard, heartbeat, ssh keys and connections (D7, D8, D15).

Not here: what the command line does over ssh (`cli/remote`), and what heartbeats mean (`core/lifecycle`).
"""
