"""Live instances: processes in containers on this computer that stand behind the market's instances (S28).

`SupervisorPool` runs one supervisor process per running instance, which runs its ssh server and its container. Not
here: the state of an instance as the clouds show it, and its bill (`sandbox/market/`).
"""
