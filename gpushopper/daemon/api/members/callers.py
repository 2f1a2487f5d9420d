"""Who sends a request: the owner, or a member of the lab, by the uid that the kernel gives for the connection (I22).

The owner is the user that the daemon runs as. A member is whom the owner's `[members]` names, and is one consumer.
"""

from __future__ import annotations

import pwd
import threading
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace

from gpushopper import config
from gpushopper.daemon.api.members.shown_offers import ShownOffers
from gpushopper.engine.requests.commands.idempotency import IdempotencyKey
from gpushopper.errors import Misconfigured, Refused
from gpushopper.paths import Home
from gpushopper.wire.api.routes import OWNER, Route

Admit = Callable[[str | None], "Caller"]
"""From the uid of a connection, as text, to who that is; None: the system does not tell it. Raises Refused."""


@dataclass(frozen=True, slots=True)
class Caller:
    """Who sends a request. `consumer`: whom a member's sessions are charged to; None for the owner."""

    consumer: str | None = None
    user: str = ""
    """A member's user name, for the log and for texts."""
    shown: ShownOffers = field(default_factory=ShownOffers, compare=False)
    """The offers that members were shown."""

    def own_key(self, key: IdempotencyKey | None) -> IdempotencyKey | None:
        """The idempotency key of a request, apart from the same word of anybody else."""
        return key if key is None or self.consumer is None else replace(key, key=f"{self.user}:{key.key}")

    def check_route(self, route: Route[object, object, object]) -> None:
        """Refuse a member what only the owner may.

        Raises:
            Refused: so it is.
        """
        if self.consumer is not None and route.who == OWNER:
            text = f"only the owner of this daemon may do that ({route.method} {route.path})"
            raise Refused(text, "ask the owner", code="owner_only")


def only_owner(uid: int) -> Admit:
    """For the owner's own socket: its mode admits nobody else, and nor does this, should the mode be changed."""

    def admit(peer: str | None) -> Caller:
        if peer is not None and peer != str(uid):
            raise Refused("this daemon belongs to another user", code="not_yours")
        return Caller()

    return admit


class MemberList:
    """For the members' socket: the owner, and whom the settings name as they are now; thread-safe.

    They are read again when their file changes, so that whoever is removed is refused at once. While the file cannot be
    read, every member is refused: it may have been changed to remove one.
    """

    def __init__(self, home: Home, uid: int) -> None:
        self._home = home
        self._uid = uid
        self._lock = threading.Lock()
        self._stamp: tuple[int, ...] | None = None
        self._members: Mapping[str, str] = {}
        self._problem = ""
        self._shown = ShownOffers()

    def __call__(self, peer: str | None) -> Caller:
        """Who has this uid.

        Raises:
            Refused: nobody that the settings name, or it cannot be told.
        """
        if peer is None or not peer.isdigit():
            raise Refused("this system does not tell who is asking", "use the daemon as its owner", code="not_yours")
        if peer == str(self._uid):
            return Caller()
        members, problem = self._read()
        user = _name_of(int(peer))
        if problem:
            raise Refused(f"the owner's settings cannot be read now: {problem}", "tell the owner", code="not_a_member")
        # A user may be called by digits: they are no uid of another one.
        consumer = members.get(peer, "" if user.isdigit() else members.get(user, ""))
        if not consumer:
            text = f"{user or 'you'} (uid {peer}) is no member here: the owner's settings name no such user"
            hint = f"ask the owner to run on the server: gpu-shopper config set members.{user or peer} NAME"
            raise Refused(text, hint, code="not_a_member")
        return Caller(consumer, user or f"uid {peer}", self._shown)

    def _read(self) -> tuple[Mapping[str, str], str]:
        with self._lock:
            stamp = config.stamp(self._home)
            if stamp != self._stamp:
                try:
                    self._members, self._problem = config.load(self._home).members, ""
                except Misconfigured as wrong:
                    self._members, self._problem = {}, wrong.message
                self._stamp = stamp
            return self._members, self._problem


def _name_of(uid: int) -> str:
    try:
        return pwd.getpwuid(uid).pw_name
    except KeyError:
        return ""
