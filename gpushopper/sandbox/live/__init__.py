"""Live instances: processes in containers on this computer that stand behind the market's instances (S28).

`SupervisorPool` runs one supervisor process per running instance, which runs its ssh server and its container. A
virtual machine is a container whose PID 1 boots: cloud-init once (`cloud_init.py`), then units and cron at every boot
(`instance/inside/vm/`). Its user and root are one where an ordinary user runs the sandbox, who has a single id to map.
Not here: the state of an instance as the clouds show it, and its bill (`sandbox/market/`).
"""
