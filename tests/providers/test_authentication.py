"""How requests prove whose they are; OAuth2 tokens are fetched once, replaced in time and never shown (I17, I21)."""

from __future__ import annotations

import base64
import json
import threading
from collections.abc import Callable
from urllib.parse import parse_qs

import httpx
import pytest

from gpushopper.providers.api import ApiClient, Call, ClientCredentials, Failure, Reply, basic, bearer, header
from gpushopper.providers.base import ErrorKind
from tests.providers.test_rate_limiter import ManualClock

SECRET = "client-Secret-Zyxwvutsrqp-0123456789"


class Cloud:
    """Answers token requests with a new token each, and calls with what their token is worth."""

    def __init__(self, life_s: object = 600) -> None:
        self.clock = ManualClock()
        self.tokens: list[str] = []
        self.valid: set[str] = set()
        self.calls: list[str] = []
        self.life_s = life_s
        self.token_reply: Callable[[], httpx.Response] | None = None
        self.lock = threading.Lock()

    def __call__(self, request: httpx.Request) -> httpx.Response:
        if request.url.path == "/oauth2/token":
            return self._token(request)
        with self.lock:
            self.calls.append(request.headers["authorization"])
        token = self.calls[-1].removeprefix("Bearer ")
        if token not in self.valid:
            return httpx.Response(401, json={"error": "expired", "msg": f"{token} of {SECRET}"})
        return httpx.Response(200, json={"ok": True, "echo": token})

    def _token(self, request: httpx.Request) -> httpx.Response:
        given = {name: values[0] for name, values in parse_qs(request.content.decode()).items()}
        assert given == {"grant_type": "client_credentials", "client_id": "me", "client_secret": SECRET}
        assert "authorization" not in request.headers
        with self.lock:
            self.tokens.append(f"token-number-{len(self.tokens)}-abcdefghijklmnop")
        if self.token_reply is not None:
            return self.token_reply()
        self.valid = {self.tokens[-1]}
        return httpx.Response(200, json={"access_token": self.tokens[-1], "expires_in": self.life_s})

    def client(self, transport: httpx.BaseTransport | None = None) -> ApiClient:
        auth = ClientCredentials("/oauth2/token", "me", SECRET, self.clock)
        return ApiClient("http://h", auth, {}, self.clock, transport or httpx.MockTransport(self), self.clock.wait)


def send(api: ApiClient, bucket: str = "list") -> Reply | Failure:
    return api.send(Call(bucket, "GET", "/x"), api.limit(20))


def test_fixed_headers_are_sent_and_redacted():
    packed = base64.b64encode(b"me:pass-word").decode()
    for auth, name, value, shown in (
        (bearer("t" * 30), "authorization", "Bearer " + "t" * 30, "t" * 30),
        (header("X-API-Key", "k" * 30), "x-api-key", "k" * 30, "k" * 30),
        (basic("me", "pass-word"), "authorization", f"Basic {packed}", packed),
    ):
        seen: list[httpx.Request] = []

        def answer(request: httpx.Request, seen=seen, shown=shown) -> httpx.Response:
            seen.append(request)
            return httpx.Response(401, json={"msg": f"wrong: {shown}"})

        clock = ManualClock()
        api = ApiClient("http://h", auth, {}, clock, httpx.MockTransport(answer), clock.wait)
        reply = send(api)
        assert isinstance(reply, Reply) and len(seen) == 1
        assert seen[0].headers[name] == value
        assert shown not in json.dumps(reply.body) + reply.head + repr(auth) + api.redact_line(f"x {shown}")


def test_a_token_is_fetched_once_and_replaced_before_it_ends():
    cloud = Cloud(life_s=600)
    api = cloud.client()
    assert all(isinstance(send(api), Reply) for _ in range(5))
    assert len(cloud.tokens) == 1
    cloud.clock.now += 539
    send(api)
    assert len(cloud.tokens) == 1
    cloud.clock.now += 2
    assert send(api).status == 200  # type: ignore[union-attr]
    assert len(cloud.tokens) == 2
    assert "401" not in str(cloud.calls)


def test_a_refused_token_is_replaced_once_and_never_in_a_storm():
    cloud = Cloud()
    api = cloud.client()
    send(api)
    cloud.clock.now += 60
    cloud.valid.clear()
    assert send(api).status == 200  # type: ignore[union-attr]
    assert (len(cloud.tokens), len(cloud.calls)) == (2, 3)
    cloud.token_reply = lambda: httpx.Response(200, json={"access_token": "bad-token-bad-token", "expires_in": 600})
    cloud.valid.clear()
    cloud.clock.now += 60
    assert [send(api).status for _ in range(20)] == [401] * 20  # type: ignore[union-attr]
    assert len(cloud.tokens) == 3, "a token that was refused right after it was fetched is not fetched again at once"


def test_a_create_is_never_sent_twice_for_a_token():
    cloud = Cloud()
    api = cloud.client()
    send(api)
    cloud.clock.now += 60
    cloud.valid.clear()
    calls = len(cloud.calls)
    assert send(api, "create").status == 401  # type: ignore[union-attr]
    assert len(cloud.calls) == calls + 1
    assert send(api, "create").status == 200  # type: ignore[union-attr]


@pytest.mark.parametrize(
    ("reply", "kind"),
    [
        (httpx.Response(401, json={"error": "invalid_client", "msg": SECRET}), ErrorKind.AUTH),
        (httpx.Response(429, headers={"Retry-After": "7"}), ErrorKind.THROTTLED),
        (httpx.Response(502), ErrorKind.NETWORK),
        (httpx.Response(200, json={"access_token": "two words", "x": SECRET}), ErrorKind.SHAPE),
        (httpx.Response(200, json=[SECRET]), ErrorKind.SHAPE),
        (httpx.Response(403, text="go away"), ErrorKind.NETWORK),
    ],
)
def test_without_a_token_nothing_of_the_request_is_sent(reply: httpx.Response, kind: ErrorKind):
    cloud = Cloud()
    cloud.token_reply = lambda: httpx.Response(reply.status_code, headers=reply.headers, content=reply.content)
    api = cloud.client()
    answers = [send(api) for _ in range(10)]
    assert {(a.kind, a.sent) for a in answers if isinstance(a, Failure)} == {(kind, False)}
    assert (len(answers), cloud.calls, len(cloud.tokens)) == (10, [], 1)
    assert SECRET not in repr(answers)
    cloud.clock.now += 6
    cloud.token_reply = None
    assert isinstance(send(api), Reply)


def test_a_token_server_that_is_down_does_not_stop_a_token_that_is_still_good():
    cloud = Cloud(life_s=600)
    api = cloud.client()
    send(api)
    cloud.token_reply = lambda: httpx.Response(503)
    cloud.clock.now += 550
    assert send(api).status == 200  # type: ignore[union-attr]
    cloud.clock.now += 51
    assert isinstance(send(api), Failure)


@pytest.mark.parametrize("life_s", [None, "soon", -1, True, 1e12])
def test_a_life_that_makes_no_sense_is_a_short_one_or_a_day(life_s: object):
    cloud = Cloud(life_s=life_s)
    api = cloud.client()
    send(api)
    cloud.clock.now += 86_401
    send(api)
    assert len(cloud.tokens) == 2


def test_no_token_and_no_secret_is_ever_shown():
    cloud = Cloud()
    api = cloud.client()
    good = send(api)
    cloud.valid.clear()
    bad = send(api)
    assert isinstance(good, Reply) and isinstance(bad, Reply)
    text = repr(vars_of(good)) + repr(vars_of(bad)) + api.redact_line(f"{cloud.tokens[0]} {SECRET}")
    assert cloud.tokens[0] not in text and SECRET not in text


def vars_of(reply: Reply) -> tuple[object, ...]:
    return (reply.body, reply.head)


def test_threads_fetch_one_token_together_and_use_the_old_one_while_one_renews():
    cloud, gate, asked = Cloud(life_s=600), threading.Event(), threading.Event()

    def slow(request: httpx.Request) -> httpx.Response:
        if request.url.path == "/oauth2/token":
            asked.set()
            assert gate.wait(10)
        return cloud(request)

    api = cloud.client(httpx.MockTransport(slow))
    answers: list[Reply | Failure] = []
    threads = [threading.Thread(target=lambda: answers.append(send(api))) for _ in range(8)]
    for thread in threads:
        thread.start()
    assert asked.wait(10)
    gate.set()
    for thread in threads:
        thread.join(10)
    assert [type(each) for each in answers] == [Reply] * 8
    assert len(cloud.tokens) == 1
    gate.clear()
    asked.clear()
    cloud.clock.now += 550
    first = threading.Thread(target=lambda: send(api))
    first.start()
    assert asked.wait(10)
    assert isinstance(send(api, "destroy"), Reply), "it does not wait for the thread that renews (I17)"
    gate.set()
    first.join(10)
    assert len(cloud.tokens) == 2
