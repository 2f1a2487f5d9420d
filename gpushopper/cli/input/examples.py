"""Examples of each command: what its help begins with, after its first sentence.

A `#` begins what it does. Every line is parsed by a test; NAME of the examples is `train`.
"""

from __future__ import annotations

from collections.abc import Mapping

EXAMPLES: Mapping[str, str] = {
    "inventory": """
        inventory --gpu 4090 --max-price 0.40 --region EU
        inventory --min-vram 48 --sort value -o wide
        inventory --group-by gpu""",
    "plan": """
        plan --gpu h100 --hours 3
        plan --gpu a100:2 --until 18:00 --json""",
    "provision": """
        provision --gpu 4090 --hours 2 --name train
        provision --gpu 4090 --hours 8 --idle 30m --max-price 0.45 --yes
        provision --gpu h100 --hours 4 --wait-for-capacity 2h --yes
        provision --like train --name train-2
        provision --gpu a100 --hours 4 --pull out:./results --tag paper=neurips""",
    "ls": """
        ls
        ls -w
        ls -a --consumer alice
        ls --json=name,status,accrued_usd""",
    "get": """
        get train
        get train --json=ssh_host,ssh_port""",
    "wait": """
        wait train --timeout 10m
        wait train --for run:3fa9c1d2 --exit-status
        wait a b c --for proven --timeout 10m""",
    "top": """
        top""",
    "extend": """
        extend train --hours 2
        extend train --until 20:00""",
    "restart": """
        restart train""",
    "set": """
        set train --idle 30m
        set train --pull out:./results
        set train --idle off""",
    "done": """
        done train
        done train --yes --wait proven""",
    "shutdown": """
        shutdown train
        shutdown a b --yes --wait proven
        shutdown --all""",
    "receipt": """
        receipt train
        receipt train --json""",
    "ssh": """
        ssh train
        ssh train -- nvidia-smi
        ssh train -L 8888""",
    "cp": """
        cp data.tar train:
        cp -v train:out/model.pt .""",
    "pull": """
        pull train out ./results""",
    "sync": """
        sync up train ./project project""",
    "code": """
        code train project""",
    "jupyter": """
        jupyter train""",
    "run": """
        run train -- python train.py
        run -d --rm train -- python train.py
        run ls train""",
    "logs": """
        logs train
        logs train -f --exit-status
        logs train -n 100""",
    "costs": """
        costs
        costs --by day --since 30d
        costs --by consumer -o jsonl""",
    "budget": """
        budget set all --daily 20 --monthly 300
        budget set alice --consumer alice --monthly 100 --at-100 stop
        budget show alice""",
    "report": """
        report train
        report --month 2026-11 --by consumer --csv""",
    "consumers": """
        consumers
        consumers rename alice alice-lab""",
    "status": """
        status
        status --json""",
    "why": """
        why train
        why train --replay""",
    "alarms": """
        alarms
        alarms ack 3""",
    "audit": """
        audit
        audit --json
        audit log --verify""",
    "adopt": """
        adopt 1234567 --hours 2
        adopt 1234567 --until 18:00 --name train --yes""",
    "forget": """
        forget train
        forget train --i-checked-the-console""",
    "custody": """
        custody
        custody train""",
    "events": """
        events --since 2h
        events -s train -f
        events --kind ended --kind alarm -o jsonl""",
    "keys": """
        keys set vast
        keys test vast
        keys""",
    "config": """
        config set defaults.provision.max_price 0.50
        config get brakes.dollars_per_hour
        config edit""",
    "notify": """
        notify add desk --kind desktop
        notify add team --kind slack --on alarms,ended
        notify test""",
    "ssh-config": """
        ssh-config install
        ssh-config print""",
    "daemon": """
        daemon status
        daemon restart
        daemon logs -n 100
        daemon install
        daemon purge --dry-run""",
    "doctor": """
        doctor
        doctor --json
        doctor --trial vast --max-usd 1""",
    "backup": """
        backup make
        backup restore newest""",
    "completion": """
        completion install
        completion bash""",
    "demo": """
        demo
        demo --seed 7 --keep""",
    "sandbox": """
        sandbox start --live
        sandbox fault add vast create commit_then_hang
        sandbox stop""",
    "help": """
        help provision
        help exit-codes""",
}
"""Command, and the words after `gpu-shopper` of each example."""


def of(command: str) -> list[str]:
    """The examples of a command as they are typed."""
    return [f"gpu-shopper {line.strip()}" for line in EXAMPLES.get(command, "").splitlines() if line.strip()]
