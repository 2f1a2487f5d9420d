"""The container log: requested from Vast, downloaded from the address it names, if that is allowed (vastai.md 9)."""

from __future__ import annotations

from collections.abc import Callable

import httpx
import pytest

from gpushopper.providers.base import ErrorKind, InstanceNotFound, Log, ReadFailed
from gpushopper.providers.vast.logs import allowed_url
from tests.providers.bodies import reply
from tests.providers.stage import LIMIT_S, Stage, answering, make_stage

ENDPOINT = "https://console.vast.ai"
STORED = "https://s3.amazonaws.com/vast.ai/instance_logs/abc123.log"
ID, KEY = "33402296", "k" * 64


@pytest.fixture
def stage() -> Stage:
    return make_stage("vast")


def test_the_log_is_waited_for_and_fetched_without_the_key(stage: Stage):
    number = stage.rent()
    stage.later()
    stage.fault("log_file", "status", "404", count=2)
    before = len(stage.transport.sent)
    found = stage.provider.fetch_log(number, 50, LIMIT_S)
    assert isinstance(found, Log) and "running onstart.sh" in found.text
    asked, *fetched = stage.transport.sent[before:]
    assert asked.method == "PUT" and asked.url.path == f"/api/v0/instances/request_logs/{number}/"
    assert len(fetched) > 2
    assert all(request.method == "GET" and "authorization" not in request.headers for request in fetched)


def test_an_unknown_instance_is_not_found_and_an_invalid_id_is_never_sent(stage: Stage):
    assert isinstance(stage.provider.fetch_log("123", 50, LIMIT_S), InstanceNotFound)
    before = len(stage.transport.sent)
    assert isinstance(stage.provider.fetch_log("../1", 50, LIMIT_S), ReadFailed)
    assert len(stage.transport.sent) == before


def test_a_log_that_never_comes_ends_at_the_limit(stage: Stage):
    number = stage.rent()
    stage.later()
    stage.fault("log_file", "status", "404")
    began = stage.clock.seconds
    found = stage.provider.fetch_log(number, 50, LIMIT_S)
    assert isinstance(found, ReadFailed) and found.error_kind is ErrorKind.NETWORK and "not uploaded" in found.detail
    assert stage.clock.seconds - began <= LIMIT_S


@pytest.mark.parametrize("word", ["huge", "hang", "drip", "reset"])
def test_an_error_of_the_store_is_a_failed_read(stage: Stage, word: str):
    number = stage.rent()
    stage.later()
    stage.fault("log_file", word)
    assert isinstance(stage.provider.fetch_log(number, 50, LIMIT_S), ReadFailed)


@pytest.mark.parametrize(
    "url",
    [STORED, f"{STORED}?X-Signature=a", "https://s3.amazonaws.com/public.vast.ai/instance_logs/a.log",
     "https://console.vast.ai/instance_logs/a.log"],
)  # fmt: skip
def test_log_addresses_of_vast_are_allowed(url: str):
    assert str(allowed_url(url, ENDPOINT)) == url


@pytest.mark.parametrize(
    "url",
    ["http://s3.amazonaws.com/vast.ai/a.log", "https://s3.amazonaws.com/other/a.log", "https://s3.amazonaws.com/",
     "https://s3.amazonaws.com/vast.ai/../other/a.log", "https://s3.amazonaws.com:8443/vast.ai/a.log",
     "https://u:p@s3.amazonaws.com/vast.ai/a.log", "https://s3.amazonaws.com.evil.example/vast.ai/a.log",
     "http://console.vast.ai/a.log", "https://console.vast.ai:444/a.log", "http://169.254.169.254/latest/meta-data",
     "http://127.0.0.1:8080/", "http://[::1]/", "file:///etc/passwd", "ftp://console.vast.ai/a", "//console.vast.ai/a",
     "/instance_logs/a.log", "not an address", "", "https://console.vast.ai/" + "a" * 3000, "https://\x00/"],
)  # fmt: skip
def test_no_other_log_address_is_fetched(url: str):
    assert allowed_url(url, ENDPOINT) is None
    fetched = []

    def handle(request: httpx.Request) -> httpx.Response:
        if request.method == "GET":
            fetched.append(request)
        return reply({"success": True, "result_url": url, "msg": ""})

    found = answering(handle).fetch_log(ID, 50, LIMIT_S)
    assert isinstance(found, ReadFailed) and found.error_kind is ErrorKind.SHAPE
    assert fetched == []


def stored(answer: Callable[[], httpx.Response]) -> Log | InstanceNotFound | ReadFailed:
    """What comes of a log whose store answers so."""

    def handle(request: httpx.Request) -> httpx.Response:
        return answer() if request.method == "GET" else reply({"success": True, "result_url": STORED, "msg": ""})

    return answering(handle).fetch_log(ID, 50, 5.0)


def test_a_redirect_is_not_followed():
    found = stored(lambda: httpx.Response(302, headers={"Location": "http://169.254.169.254/"}))
    assert isinstance(found, ReadFailed) and "redirect" in found.detail


def test_a_log_that_is_too_large_is_a_failed_read():
    found = stored(lambda: httpx.Response(200, content=b"x" * (3 * 1024 * 1024)))
    assert isinstance(found, ReadFailed) and "larger" in found.detail


def test_printed_keys_are_redacted():
    found = stored(lambda: httpx.Response(200, content=f"key={KEY} other={'ab' * 32}\n\xff".encode("latin-1")))
    assert isinstance(found, Log)
    assert KEY not in found.text and "ab" * 32 not in found.text


def test_an_answer_without_an_address_is_a_failed_read():
    found = answering(lambda request: reply({"success": True, "msg": "try later"})).fetch_log(ID, 50, LIMIT_S)
    assert isinstance(found, ReadFailed) and "try later" in found.detail
