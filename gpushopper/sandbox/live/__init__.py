"""Live instances: contained processes on this computer behind the market's instances (S28).

The market's `Keeper` runs one *supervisor* (`python -m gpushopper.sandbox.live`) per running instance. The
supervisor serves ssh on loopback and has a *container* (`... .live.container`) build the namespaces and hold PID 1.
Each watches the pipe to the one above: whoever ends, by `kill -9` too, takes everything below along.

Inside, the root folder is the instance's disk (`<home>/market/live/<id>/disk`), which outlives the container. The
system's programs are bound over it, read-only; root inside is an unprivileged user outside, without the right to
mount, to restart the computer, or to touch any process that is not the instance's. The network is shared: loopback
is how the instance reaches its provider.

Names of images ask for gaps, in the sandbox alone: `ubuntu:22.04-nocurl-nopython` has neither. See `images.GAPS`.
"""
