"""What is sent to each kind of receiver, and what its answer counts as: nothing it writes is kept or followed."""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
from collections.abc import Iterator
from zoneinfo import ZoneInfo

import httpx
import pytest

from gpushopper.config.alert_channels import ChannelKind
from gpushopper.core.alerts.alert import Topic
from gpushopper.core.alerts.delivery import DELIVERED, Result
from gpushopper.core.timing.clock_snapshot import HOUR
from gpushopper.notify.address import check_address
from gpushopper.notify.message import LONGEST, Message
from gpushopper.notify.signature import check_key, headers_of, new_key
from tests.notify.messages import KEY, NOW, Receiver, message

HOOK = "https://hooks.example.org/T0/SECRET-PART"


def body_of(request: httpx.Request) -> dict[str, object]:
    found: dict[str, object] = json.loads(request.content)
    return found


def test_the_signature_is_that_of_the_specification():
    """The example of standardwebhooks.com's reference libraries."""
    found = headers_of(KEY, "msg_p5jXN8AQM9LWM0D4loKWxJek", 1614265330, b'{"test": 2432232314}')
    assert found["webhook-signature"] == "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE="


def test_a_generic_message_is_signed_json_with_an_id_that_a_repetition_repeats():
    receiver = Receiver()
    assert receiver.send(ChannelKind.WEBHOOK, HOOK, message(name="fox")) == DELIVERED
    (request,) = receiver.got
    signed = b"gs-1-7.%d." % (NOW // 1_000_000) + request.content
    digest = hmac.new(base64.b64decode(KEY.removeprefix("whsec_")), signed, hashlib.sha256).digest()
    assert request.headers["webhook-id"] == "gs-1-7"
    assert request.headers["webhook-signature"] == f"v1,{base64.b64encode(digest).decode()}"
    assert body_of(request) == {
        "type": "session.ends_soon", "timestamp": "2026-10-30T22:40:00.000+00:00",
        "data": {
            "text": "fox ends in 5 min", "hint": "", "kind": "ends_soon", "topic": "ends-soon", "session": "s1",
            "name": "fox", "event": 7, "urgent": True, "policy": "real",
        },
    }  # fmt: skip


@pytest.mark.parametrize(
    ("topic", "kind", "name"),
    [
        (Topic.ENDED, "ended", "session.ended"), (Topic.RUNS, "run_ended", "run.ended"), (Topic.TEST, "test", "test"),
        (Topic.ALARMS, "missing", "alarm.missing"), (Topic.BUDGETS, "budget_ends", "alarm.budget_ends"),
    ],
)  # fmt: skip
def test_a_receiver_can_sort_messages_by_what_happened(topic: Topic, kind: str, name: str):
    assert message(topic=topic, kind=kind).type == name


def test_what_happens_in_the_sandbox_does_not_look_like_a_real_cloud():
    receiver = Receiver()
    told = message("fox: bill differs", policy="drill", hint="compare: gpu-shopper costs --verify")
    assert receiver.send(ChannelKind.SLACK, HOOK, told) == DELIVERED
    expected = "GPU Shopper (sandbox): fox: bill differs\ncompare: gpu-shopper --sandbox costs --verify"
    assert body_of(receiver.got[0])["text"] == expected
    assert told.as_json()["data"]["hint"] == "compare: gpu-shopper --sandbox costs --verify"
    assert told.as_json()["data"]["policy"] == "drill"


def test_slack_gets_text_that_calls_nobody_and_links_nowhere():
    receiver = Receiver()
    receiver.send(ChannelKind.SLACK, HOOK, message("fox: <!channel> & <http://x|y>"))
    content = body_of(receiver.got[0])
    assert content == {"text": "GPU Shopper: fox: &lt;!channel&gt; &amp; &lt;http://x|y&gt;", "mrkdwn": False}


def test_discord_gets_text_that_calls_nobody():
    receiver = Receiver()
    receiver.send(ChannelKind.DISCORD, HOOK, message("@everyone"))
    content = body_of(receiver.got[0])
    assert content["content"] == "GPU Shopper: @everyone" and content["allowed_mentions"] == {"parse": []}


def test_ntfy_gets_its_topic_beside_the_text_and_the_token_as_it_wants_it():
    receiver = Receiver()
    receiver.send(ChannelKind.NTFY, "https://ntfy.example.org/my-topic", message("fœx"), key="tk_1")
    (request,) = receiver.got
    assert str(request.url) == "https://ntfy.example.org/"
    assert request.headers["authorization"] == "Bearer tk_1"
    assert body_of(request) == {"topic": "my-topic", "title": "GPU Shopper", "message": "fœx", "priority": 4}


@pytest.mark.parametrize("address", ["https://ntfy.sh", "https://ntfy.sh/", "https://ntfy.sh/?x=1"])
def test_an_address_at_ntfy_without_a_topic_is_sent_nothing(address: str):
    receiver = Receiver()
    assert receiver.send(ChannelKind.NTFY, address).result is Result.REFUSED
    assert receiver.got == []


@pytest.mark.parametrize(
    ("status", "result"),
    [
        (200, Result.DELIVERED), (204, Result.DELIVERED), (301, Result.REFUSED), (307, Result.REFUSED),
        (400, Result.REFUSED), (404, Result.REFUSED), (410, Result.REFUSED), (408, Result.UNREACHABLE),
        (429, Result.UNREACHABLE), (500, Result.UNREACHABLE), (503, Result.UNREACHABLE),
    ],
)  # fmt: skip
def test_what_an_answer_counts_as(status: int, result: Result):
    receiver = Receiver([httpx.Response(status, headers={"location": "https://elsewhere.example.org/"})])
    assert receiver.send(ChannelKind.WEBHOOK, HOOK).result is result
    assert [request.url.host for request in receiver.got] == ["hooks.example.org"], "no redirect is followed"


@pytest.mark.parametrize(
    ("asked", "pause_s"), [("120", 120.0), ("Wed, 21 Oct 2026 07:28:00 GMT", 0.0), ("-5", 0.0), ("9" * 40, 0.0)]
)
def test_a_receiver_may_ask_to_wait_in_seconds(asked: str, pause_s: float):
    receiver = Receiver([httpx.Response(429, headers={"retry-after": asked})])
    assert receiver.send(ChannelKind.WEBHOOK, HOOK).pause_s == pause_s


class Endless(httpx.SyncByteStream):
    def __iter__(self) -> Iterator[bytes]:
        raise AssertionError("the body of an answer is not read")


def test_the_body_of_an_answer_is_never_read():
    assert Receiver([httpx.Response(200, stream=Endless())]).send(ChannelKind.SLACK, HOOK) == DELIVERED


@pytest.mark.parametrize(
    "failure", [httpx.ConnectError(HOOK), httpx.ConnectTimeout(HOOK), httpx.ReadTimeout(HOOK), httpx.ReadError(HOOK)]
)
def test_no_failure_has_the_address_in_its_text(failure: Exception):
    found = Receiver([failure]).send(ChannelKind.SLACK, HOOK)
    assert found.result is Result.UNREACHABLE
    assert "SECRET-PART" not in found.problem and "hooks" not in found.problem


@pytest.mark.parametrize(
    "address",
    ["https://hooks.example.org/a?b=c", "http://127.0.0.1:8000/x", "http://[::1]/x", "http://localhost/x"],
)
def test_an_address_is_https_or_on_this_computer(address: str):
    assert check_address(f" {address}\n") == address


@pytest.mark.parametrize(
    "address",
    [
        "http://example.org/x", "http://127.0.0.1.example.org/", "ftp://example.org", "https://", "example.org/x", "",
        "https://user:password@example.org/", "https://example.org/#x", "https://exa mple.org/", "https://[x]/",
        "https://example.org:99999/", "http://2130706433/", "file:///etc/passwd",
    ],
)  # fmt: skip
def test_another_address_is_sent_nothing(address: str):
    with pytest.raises(ValueError, match=r"address|https"):
        check_address(address)
    receiver = Receiver()
    assert receiver.send(ChannelKind.WEBHOOK, address).result is Result.REFUSED
    assert receiver.got == []


def test_a_key_is_random_and_one_of_another_length_is_none():
    assert check_key(new_key()) != check_key(new_key())
    for wrong in ("whsec_short", "whsec_" + "A" * 200, "not base64!"):
        with pytest.raises(ValueError, match="signing key") as caught:
            check_key(wrong)
        assert wrong not in str(caught.value)


def test_what_is_told_late_says_when_it_happened_and_what_can_be_done():
    told = message("fox is missing", sent_at=NOW + 20 * HOUR, hint="look at it\x1b[2J")
    berlin = Message(told.id, told.alert, told.sent_at, ZoneInfo("Europe/Berlin"))
    lines = berlin.text.splitlines()
    assert lines[0].startswith("fox is missing (at 2026-") and lines[1] == "look at it [2J"
    assert "(at" not in message("fox is missing").text


def test_a_text_is_bounded():
    assert len(message("x" * 10_000).text) == LONGEST
