"""Renting from Python: `from gpushopper import Client`, for scripts and notebooks.

    from gpushopper import Client

    with Client().rent("4090", hours=2, idle="30m") as session:
        session.run("python train.py")

It requests sessions from the daemon as the commands do, and has the command line do what needs ssh.

Not here: rules, and anything that a command cannot do.
"""

from gpushopper.scripting.rental import Client
from gpushopper.scripting.session import Finished, Session

__all__ = ["Client", "Finished", "Session"]
