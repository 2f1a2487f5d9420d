"""Live instances: processes in containers on this computer that stand behind the market's instances (S28).

`SupervisorPool` runs one *supervisor* (`python -m gpushopper.sandbox.live`) per running instance. The supervisor serves
ssh on loopback and starts a *container* process (`... .live.instance.container`), which builds namespaces and PID 1.
Each watches the pipe to the one above: when one ends, also by `kill -9`, everything below it ends too.

Inside, the root folder is the instance's disk (`<home>/market/live/<id>/disk`), which is kept when the container exits.
The system's programs are mounted over it, read-only; root inside is an unprivileged user outside, who may not mount,
reboot the computer, or signal any process that is not the instance's. The network is shared: the instance reaches its
provider on loopback.

Words in an image's name remove programs, in the sandbox only: `ubuntu:22.04-nocurl-nopython` has neither (see
`images.GAPS`).
"""
