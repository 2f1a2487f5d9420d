"""What each setting means, in one line: shown by `config show -o wide`, and in `docs/configuration.md`."""

from __future__ import annotations

import re

_GROUPS = re.compile(r"^(defaults|providers|accounts|alerts|members)\.[^.]+")
"""Keys whose second word is a name: of a command, a cloud, an account, a channel, a user of the lab's group."""

TEXTS = {
    "brakes.open_sessions": "sessions that may be open at the same time",
    "brakes.creates_per_hour": "instances that may be requested within an hour, failed ones included",
    "brakes.dollars_per_hour": "what all open sessions together may cost an hour",
    "money.time_zone": "zone in which days and months of costs and budgets begin; without it, this computer's",
    "policy.name": "set of time limits; any other than real is for the sandbox alone",
    "keys.keyring": "whether keys are looked for in the system's keyring",
    "keys.keyring_seconds": "how long the keyring may take to answer, in seconds",
    "client.host": "server whose daemon commands use over ssh, as --host; without it, this computer's",
    "daemon.group": "group of this computer whose members may use the daemon; without it, nobody but its owner",
    "daemon.group_folder": "folder of the socket that this group uses",
    "members.*": "consumer that this user of the group rents as; the user's name on the server, or its uid",
    "metrics.port": "port on this computer for Prometheus; without it, none is opened",
    "defaults.*.gpu": "GPU, spelt as for --gpu; commas between several",
    "defaults.*.provider": "only this cloud or account",
    "defaults.*.gpus": "number of GPUs, exactly",
    "defaults.*.vram": "memory of one GPU, in GB, at least",
    "defaults.*.max_price": "highest price an hour, disk included",
    "defaults.*.min_reliability": "the cloud's own score of the host, from 0 to 1, at least",
    "defaults.*.min_cuda": "CUDA version that the host supports, at least",
    "defaults.*.region": "EU, countries or cities",
    "defaults.*.disk": "size of the disk, in GB; 20 where nothing is said",
    "defaults.*.cpus": "vCPU of the whole instance, at least",
    "defaults.*.ram": "memory beside the GPU's, in GB, at least",
    "defaults.*.verified": "whether only hosts that the cloud has verified are taken",
    "defaults.*.exclude_host": "hosts that are never taken, by their ids",
    "defaults.*.sort": "order of offers: price, value, vram or reliability",
    "defaults.*.limit": "number of offers that are shown",
    "defaults.*.image": "container image; at clouds that rent VMs, the operating system",
    "defaults.*.hours": "duration of a session, in hours; 2 where nothing is said, 12 at most without a reason",
    "defaults.*.retries": "further offers that are tried where one fails; 2 where nothing is said",
    "defaults.*.consumer": "who is charged; your user name where nothing is said",
    "providers.*.endpoint": "address of the cloud's API, in place of the real one",
    "providers.*.enabled": "whether the cloud is used at all",
    "accounts.*.cloud": "cloud at which this further account is; needed",
    "accounts.*.enabled": "whether the account is used at all",
    "alerts.*.kind": "how the channel is spoken to; notify add sets it",
    "alerts.*.on": "what the channel is told: topics, or kinds of alarm",
    "alerts.*.command": "of the kind command: the program and its words",
    "alerts.*.enabled": "whether the channel is told anything",
}  # fmt: skip
"""By key; a section of which there are several has `*` in the place of its name."""


def about(key: str) -> str:
    """What a setting means; empty for a key that nobody has described."""
    return TEXTS.get(_GROUPS.sub(r"\1.*", key), "")
