"""The texts of `gpu-shopper help TOPIC`. Lines are at most 76 characters, so that no terminal of 80 wraps them."""

from __future__ import annotations

EXIT_CODES = """\
0    done
1    cancelled by you, or an unexpected failure
2    the command line is wrong
3    no such session, offer or name
4    a key, the configuration or the home folder cannot be used
5    no daemon answers
6    a safety rule or a budget says no
7    nothing on the market fits, or no cloud answered
8    accepted, but not verified in time: it may still bill
9    the check worked and found problems (doctor, status, audit,
     costs --verify, notify test); watchdog: it ended or reported something
124  not in time (wait)
125  ssh, run: a failure on this side, not the remote command's
130  interrupted; what continues without this command is printed

ssh and run pass on the exit status of the remote command. A reader that
leaves early (| head) changes no status. With --json an error is one object
on stderr: {"error": {"code", "message", "hint", "exit"}}; codes are stable.
"""

ENVIRONMENT = """\
GPU_SHOPPER_HOME       one folder for settings, records and keys
GPU_SHOPPER_HOST       a lab server's daemon, as --host; local: none
GPU_SHOPPER_<KEY>      a setting, such as GPU_SHOPPER_MAX_PRICE=0.50;
                       all: gpu-shopper config
GPU_SHOPPER_DEBUG=1    tracebacks in place of one-line errors
{credentials}
NO_COLOR, CLICOLOR=0   no colour; TERM=dumb, too
FORCE_COLOR            colour in a pipe, too; CLICOLOR_FORCE=1, too
COLUMNS                the width of tables at a terminal
VISUAL, EDITOR         what config edit opens
TZ                     the zone of the times that are printed

An option outranks a variable, a variable the project's .gpu-shopper.toml,
that one config.toml. The daemon keeps the keys that it was started with.
"""

FORMATTING = """\
-o table   for people (the default): aligned, in a narrow terminal without
           its least important columns
-o wide    all columns
-o name    names or ids only, one a line; -q is the same
-o json    one document, with "schema": 1; --json is the same
-o jsonl   one object a line; of events -f and ls -w as they come
-o csv     the rows of a table for a spreadsheet, money in dollars
--json=A,B these fields of each row, with -o csv too; --json= lists them
--progress steps on stderr: auto, plain, json (an object a line) or none
--color    auto, always or never

The answer goes to stdout, everything else to stderr. Money is given twice,
as *_micros (millionths of a dollar) and *_usd (text); times as RFC 3339 in
UTC, in fields that end in _at; spans in fields that end in _seconds. A
schema only gains fields; docs/schemas has that of every command.

Letters in the fields guards and by say who ends an instance at its
deadline: D this computer, I the instance itself, P its cloud's timer;
D+I is both.
"""

SAFETY = """\
Every session has a deadline (2 h unless you say otherwise, 12 h at most
unless you give a reason), which is stored before anything is rented.

At the deadline three can end it, shown under GUARDS in ls:
  daemon    on this computer
  instance  itself, by its own key, if this computer never comes back
  cloud     by its own timer
A cloud whose instances cannot end their bill is used only with
--allow-unguarded.

off        the cloud no longer lists the instance
destroyed  a receipt proves it: the cloud acknowledged the destroy, and its
           list and a read of the instance lacked it several times

See what may still bill: gpu-shopper status. What would end a session:
gpu-shopper why NAME. Everything on your accounts, ours or not:
gpu-shopper audit. A second watcher on another computer: gpu-shopper watchdog
"""

TOPICS = {
    "exit-codes": ("What an exit status says.", EXIT_CODES),
    "environment": ("Variables that are read.", ENVIRONMENT),
    "formatting": ("Output for people and for programs.", FORMATTING),
    "safety": ("What ends a rental, and how that is proven.", SAFETY),
}
"""Name, line in the list, text."""


def text_of(topic: str) -> str:
    """The text of a topic; that about the environment names the variables of every cloud that can be used."""
    text = TOPICS[topic][1].rstrip()
    return text.replace("{credentials}", _credentials()) if topic == "environment" else text


def _credentials() -> str:
    """One line for each part of a cloud's credentials: its variable, the cloud, what else it may be called."""
    from gpushopper import clouds  # loads the packages that add clouds

    lines = []
    for cloud in clouds.known().values():
        for part in cloud.credential:
            first, *others = part.variables or ("",)
            also = f" ({', '.join(others)}, too)" if others else ""
            name = f"{first:<22}" if len(first) <= 22 else f"{first}\n{'':22}"
            lines += [f"{name} {cloud.title}: {part.title}{also}"] if first else []
    return "\n".join(lines)
