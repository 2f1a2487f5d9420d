"""Lines of a boot script that give the user's variables to runs and login shells, where a create carries none.

A container gets its variables with the create; a VM has no such thing. Secret ones are not among them: those come over
ssh, once the user who gave them is there to send them.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from gpushopper.core.model.shell_environment import INSTALL_VARIABLES, exports

# The variables have no line breaks, so that none of their lines can be the end of this text.
_INSTALL = """\
for U in {users}; do
eval H=~$U
[ -d "$H" ] || continue
(
HOME=$H
export HOME
{install}
) <<'END-VARIABLES'
{exports}END-VARIABLES
for f in .gpu-shopper .gpu-shopper/environment .profile .bashrc; do chown $U: "$H/$f"; done
done
"""


def run_environment(users: Iterable[str], variables: Mapping[str, str]) -> str:
    """The lines for each of these users that exists; each has files of its own, which no other user can read."""
    names = " ".join(dict.fromkeys(users))
    return _INSTALL.format(users=names, install=INSTALL_VARIABLES.strip("\n"), exports=exports(variables))
