"""Channels of alerts as a user sets them: settings in config.toml, addresses where keys are, no restart needed."""

from __future__ import annotations

import io
import json
import sys
import tomllib
from datetime import UTC
from pathlib import Path
from typing import Any

import pytest

from gpushopper import config, secrets
from gpushopper.clock import SystemClock
from gpushopper.config.alert_channels import AlertChannel, ChannelKind
from gpushopper.core.alerts.alert import TOPICS, Alert, Topic
from gpushopper.core.alerts.delivery import Result
from gpushopper.daemon.alerts import alert_jobs
from gpushopper.daemon.alerts.alert_sender import AlertSender
from gpushopper.daemon.alerts.channel_settings import ChannelSettings
from gpushopper.errors import Misconfigured, NotFound, UsageError
from gpushopper.log import REDACTED, Redactor
from gpushopper.paths import Home
from tests.notify.messages import KEY, NOW

ADDRESS = "https://hooks.example.org/T0/SECRET-PART"
NO_KEYRING = "[keys]\nkeyring = false  # none here\n"
ALL = ",".join(TOPICS)


@pytest.fixture
def here(tmp_path: Path) -> Home:
    (tmp_path / "config.toml").write_text(NO_KEYRING)
    return Home(data=tmp_path, config=tmp_path)


@pytest.fixture
def add(here: Home, monkeypatch: pytest.MonkeyPatch) -> Any:
    def job(name: str, kind: str = "slack", topics: str = ALL, *more: str, **given: Any) -> dict[str, Any]:
        fields = {"address": ADDRESS} | given if kind not in ("desktop", "command") else given
        monkeypatch.setattr(sys, "stdin", io.StringIO(json.dumps(fields)))
        return alert_jobs.add(here, [name, kind, topics, *more])

    return job


def test_a_channel_is_settings_in_one_file_and_an_address_in_another(here: Home, add: Any):
    answer = add("team", "slack", "ended,runs")
    assert answer["source"] == f"file {here.key_file}" and "SECRET" not in json.dumps(answer)
    assert config.load(here).alerts == {"team": AlertChannel(ChannelKind.SLACK, ("ended", "runs"))}
    text = here.config_file.read_text()
    assert text.startswith(NO_KEYRING) and "SECRET" not in text
    assert here.key_file.stat().st_mode & 0o077 == 0
    found = secrets.find_target(here, "team", None)
    assert isinstance(found, secrets.AlertTarget) and found.address.reveal() == ADDRESS
    assert "SECRET" not in repr(found)


def test_a_webhook_gets_a_key_that_signs_and_keeps_one_that_was_given(here: Home, add: Any):
    made = add("lab", "webhook")["signing_key"]
    assert made.startswith("whsec_")
    assert add("other", "webhook", key=KEY)["signing_key"] == ""
    found = secrets.find_target(here, "other", None)
    assert isinstance(found, secrets.AlertTarget) and found.key is not None and found.key.reveal() == KEY


def test_one_of_the_same_name_is_replaced_and_a_removed_one_leaves_nothing(here: Home, add: Any):
    add("team", "slack")
    add("team", "command", "alarms", command=["/usr/bin/logger", "-t", "a b"])
    with pytest.raises(UsageError, match="whole path"):
        add("team", "command", ALL, command=["rm"])
    assert config.load(here).alerts["team"].command == ("/usr/bin/logger", "-t", "a b")
    assert "team" not in here.key_file.read_text()
    add("lab", "webhook")
    for name in ("team", "lab"):
        alert_jobs.remove(here, [name])
    assert here.config_file.read_text().strip() == NO_KEYRING.strip()
    assert tomllib.loads(here.key_file.read_text()) == {}
    with pytest.raises(NotFound, match="no channel lab"):
        alert_jobs.remove(here, ["lab"])


def test_keys_of_clouds_and_logins_stay_beside_addresses(here: Home, add: Any):
    here.key_file.write_text('[vast]\napi_key = "k"\n\n[registry."ghcr.io"]\nuser = "a"\npassword = "p"\n')
    here.key_file.chmod(0o600)
    add("team")
    assert secrets.read_key_file(here.key_file) == {"vast": {"api_key": "k"}}
    assert set(secrets.read_logins(here.key_file)) == {"ghcr.io"}
    alert_jobs.remove(here, ["team"])
    assert set(tomllib.loads(here.key_file.read_text())) == {"vast", "registry"}


def test_a_link_to_the_settings_stays_a_link(here: Home, add: Any, tmp_path: Path):
    real = tmp_path / "dotfiles.toml"
    here.config_file.rename(real)
    here.config_file.symlink_to(real)
    add("team")
    assert here.config_file.is_symlink() and "team" in real.read_text()


@pytest.mark.parametrize(
    ("name", "kind", "topics", "given", "why"),
    [
        ("T", "slack", ALL, {}, "small letters"), ("team", "slack", "everything", {}, "no topic"),
        ("team", "slack", ALL, {"address": "http://example.org/x"}, "use https"),
        ("team", "slack", ALL, {"address": ""}, "begins with https"),
        ("team", "webhook", ALL, {"key": "whsec_x"}, "signing key"),
        ("team", "command", ALL, {"command": ["rm"]}, "whole path"), ("team", "command", ALL, {}, "whole path"),
        ("team", "command", ALL, {"command": ["/bin/x", "a\nb"]}, "a line"),
        ("team", "command", ALL, {"command": ["/bin/x", "y" * 600]}, "a line"),
    ],
)  # fmt: skip
def test_what_cannot_be_a_channel_is_refused_and_changes_nothing(
    here: Home, add: Any, name: str, kind: str, topics: str, given: dict[str, Any], why: str
):
    with pytest.raises(UsageError) as caught:
        add(name, kind, topics, **given)
    assert why in f"{caught.value.message} {caught.value.hint}"
    assert here.config_file.read_text() == NO_KEYRING and not here.key_file.exists()


def test_there_are_at_most_twenty_channels(add: Any):
    for letter in "abcdefghijklmnopqrst":
        add(f"to-{letter}", "desktop")
    with pytest.raises(UsageError, match="20 channels"):
        add("one-more", "desktop")
    add("to-a", "desktop", "ended")


def test_a_running_daemon_takes_up_a_channel_and_keeps_it_while_the_file_is_broken(here: Home, add: Any):
    settings = ChannelSettings(here)
    assert settings() == {}
    add("team")
    assert set(settings()) == {"team"}
    here.config_file.write_text("[alerts.team\n")
    assert set(settings()) == {"team"} and str(here.config_file) in settings.problem()
    here.config_file.write_text('[alerts.team]\nkind = "desktop"\n')
    assert settings()["team"].kind == "desktop" and not settings.problem()
    here.config_file.unlink()
    assert settings() == {}


@pytest.mark.parametrize(
    "text",
    [
        '[alerts.team]\non = "ended"\n', '[alerts.team]\nkind = "fax"\n', '[alerts.T]\nkind = "slack"\n',
        '[alerts.team]\nkind = "slack"\nurl = "x"\n', '[alerts.team]\nkind = "command"\n',
        '[alerts.team]\nkind = "slack"\non = "test"\n', '[alerts.team]\nkind = "desktop"\ncommand = "/bin/x"\n',
        '[alerts.team]\nkind = "command"\ncommand = "x"\n',
    ],
)  # fmt: skip
def test_a_channel_that_says_not_what_it_is_makes_the_settings_unusable(here: Home, text: str):
    here.config_file.write_text(text)
    with pytest.raises(Misconfigured):
        config.load(here)


@pytest.mark.parametrize(
    "setting", [f'kind = "{ADDRESS}"', f'kind = "command"\ncommand = "curl -d x {ADDRESS}"', f'on = ["{ADDRESS}"]']
)
def test_an_address_in_a_wrong_place_is_not_in_what_is_told_about_it(here: Home, setting: str):
    """That the settings cannot be read is an alarm: kept in the records, and sent to the other channels (I21, F103)."""
    channels = ChannelSettings(here)
    here.config_file.write_text(f"{NO_KEYRING}[alerts.desk]\n{setting}\n")
    assert channels() == {} and "alerts.desk." in channels.problem() and "SECRET" not in channels.problem()


def test_a_project_file_cannot_have_alerts_sent_anywhere(here: Home, tmp_path: Path):
    project = tmp_path / "cloned"
    project.mkdir()
    (project / ".gpu-shopper.toml").write_text('[alerts.team]\nkind = "command"\ncommand = "/bin/evil"\n')
    with pytest.raises(Misconfigured, match="only your own configuration"):
        config.load(here, project_from=project)


def sender(here: Home, redactor: Redactor) -> AlertSender:
    return AlertSender(here, redactor, SystemClock(), "inst", UTC, "real")


def test_an_address_that_is_not_stored_is_a_try_that_failed(here: Home):
    channel = AlertChannel(ChannelKind.SLACK)
    found = sender(here, Redactor())("team", channel, Alert(1, NOW, Topic.ENDED, "ended", "fox has ended"))
    assert found.result is Result.UNREACHABLE and "is not stored" in found.problem


def test_an_address_that_was_looked_up_is_redacted_in_the_log(here: Home, add: Any):
    add("lab", "webhook", address="http://127.0.0.1:9/SECRET-PART", key=KEY)
    redactor = Redactor()
    channel = AlertChannel(ChannelKind.WEBHOOK)
    found = sender(here, redactor)("lab", channel, Alert(1, NOW, Topic.ENDED, "ended", "fox has ended"))
    assert found.problem == "it cannot be reached"
    assert redactor.redact(f"to http://127.0.0.1:9/SECRET-PART with {KEY}") == f"to {REDACTED} with {REDACTED}"
