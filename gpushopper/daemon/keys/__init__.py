"""Keys of clouds and logins at registries, as the daemon reads, watches and stores them.

Not here: where they may be stored and in which form (`gpushopper.secrets`).
"""
