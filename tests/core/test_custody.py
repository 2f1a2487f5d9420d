"""What a host may have, and what of it is a secret by its name."""

from __future__ import annotations

from dataclasses import replace

import pytest

from gpushopper.core.lifecycle.custody import Reach, Rotation, is_secret_file, names_secret, reach, rotation
from gpushopper.core.model.attempt import ReceiptKind, State
from tests.core.samples import attempt

SECRET_NAMES = (
    "HF_TOKEN", "WANDB_API_KEY", "PGPASSWORD", "DATABASE_URL", "aws_secret_access_key", "OPENAI_APIKEY", "PAT",
)  # fmt: skip
PLAIN_NAMES = ("EPOCHS", "MONKEY_COUNT", "PATH", "PATIENCE", "BYPASSED", "TOKENIZERS_PARALLELISM", "LR")
SECRET_FILES = (
    "/srv/ann/.env", "/p/.env.local", "/root/.ssh", "/x/id_ed25519", "/x/server.pem", "/srv/ann/.aws", "/x/hf_token",
    "/x/client_secret.json", "/x/credentials.json", "/x/.netrc",
)  # fmt: skip
PLAIN_FILES = ("/srv/ann/train.py", "/data", "/x/monkeys", "/x/environment.yml", "/x/keys.txt.md")


@pytest.mark.parametrize("name", SECRET_NAMES)
def test_names_of_secrets(name: str):
    assert names_secret(name)


@pytest.mark.parametrize("name", PLAIN_NAMES)
def test_other_names(name: str):
    assert not names_secret(name)


def test_files_with_secrets():
    assert [path for path in SECRET_FILES if not is_secret_file(path)] == []
    assert [path for path in PLAIN_FILES if is_secret_file(path)] == []


def test_who_may_have_what_a_create_carried():
    running = attempt()
    sent = replace(running, state=State.UNCERTAIN, instance_id=None)
    assert reach(replace(sent, state=State.PREPARED, sent_at=None), "") is Reach.NOBODY
    assert reach(sent, "") is Reach.UNKNOWN
    assert reach(sent, ReceiptKind.REFUSED) is Reach.CLOUD and reach(sent, ReceiptKind.ABSENT) is Reach.CLOUD
    assert reach(sent, ReceiptKind.NEVER_SENT) is Reach.NOBODY
    assert reach(running, "") is Reach.HOST and reach(running, ReceiptKind.PROVEN) is Reach.HOST


def test_what_to_rotate_and_what_to_look_at():
    found = rotation(["LR", "HF_TOKEN", "HF_TOKEN"], ["ghcr.io"], ["/d/data", "/d/.env"])
    assert found == Rotation(("HF_TOKEN", "the login at ghcr.io", "/d/.env"), ("LR", "/d/data"))
