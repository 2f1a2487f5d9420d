"""The same faults over real connections, and a server with a self-signed certificate (S14, F76)."""

from __future__ import annotations

import socket
import ssl
import subprocess
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from gpushopper.providers.api import ApiClient, Call, Failure, RateLimit, bearer
from gpushopper.providers.base import (
    Account,
    Created,
    CreateRequest,
    ErrorKind,
    OfferList,
    OfferQuery,
    ReadFailed,
    UnknownOutcome,
)
from gpushopper.providers.vast import Vast, connect
from gpushopper.sandbox.clock import SandboxClock
from gpushopper.sandbox.faulty_server import FaultyServer
from gpushopper.sandbox.persistence import SandboxState, new_state
from gpushopper.sandbox.requests.app import create_app
from tests.credentials import api_key
from tests.needs import needs

LIMIT_S = 0.7
LOOSE_S = 10
"""For a busy machine; without its limit each of these calls would hang for ever, or for minutes."""
HUNG_S = 3.0


@pytest.fixture(scope="module")
def served(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[SandboxState, str]]:
    world = new_state(SandboxClock(tmp_path_factory.mktemp("market")), seed=1, boot_seconds=4.0)
    server = FaultyServer(0, create_app(world.dialects["vast"], world.market, world.faults, world.rate_limiter))
    server.prepare()
    thread = threading.Thread(target=server.serve, daemon=True)
    thread.start()
    yield world, f"http://127.0.0.1:{server.bind_addr[1]}"
    server.stop()
    thread.join(10)


@pytest.fixture
def vast(served: tuple[SandboxState, str]) -> Iterator[Vast]:
    world, url = served
    world.faults.clear()
    adapter = connect(url, api_key(world.market.keys_of("vast")[0]), time.monotonic)
    yield adapter
    adapter.close()


@pytest.mark.parametrize("word", ["hang", "drip", "reset", "huge", "slow"])
def test_a_read_under_a_fault_ends_in_time(served: tuple[SandboxState, str], vast: Vast, word: str):
    served[0].faults.add("vast", "account", word, "200" if word == "huge" else None)
    start = time.monotonic()
    answer = vast.fetch_account(LIMIT_S)
    assert isinstance(answer, ReadFailed) and answer.error_kind is ErrorKind.NETWORK
    assert time.monotonic() - start < LIMIT_S + LOOSE_S


@pytest.mark.parametrize("word", ["commit_then_hang", "commit_then_reset", "drip"])
def test_a_create_under_a_fault_has_an_unknown_outcome_and_is_sent_once(
    served: tuple[SandboxState, str], vast: Vast, word: str
):
    world = served[0]
    found = vast.search(OfferQuery(limit=64), 10.0)
    assert isinstance(found, OfferList)
    offer = found.offers[len(world.market.creates)]
    before = len(world.market.creates)
    world.faults.add("vast", "create", word)
    start = time.monotonic()
    answer = vast.create(CreateRequest(offer, word, "ubuntu:22.04", 20.0, {}), LIMIT_S)
    assert isinstance(answer, UnknownOutcome)
    assert time.monotonic() - start < LIMIT_S + LOOSE_S
    assert len(world.market.creates) == before + 1


def test_without_faults_every_call_succeeds(served: tuple[SandboxState, str], vast: Vast):
    assert isinstance(vast.fetch_account(5.0), Account)
    found = vast.search(OfferQuery(limit=64), 10.0)
    assert isinstance(found, OfferList)
    answer = vast.create(CreateRequest(found.offers[-1], "well", "ubuntu:22.04", 20.0, {}), 10.0)
    assert isinstance(answer, Created) and answer.success_flag


def test_a_hung_read_leaves_destroys_their_connection(served: tuple[SandboxState, str], vast: Vast):
    served[0].faults.add("vast", "list", "hang")
    hung = threading.Thread(target=vast.fetch_instances, args=(HUNG_S,))
    hung.start()
    vast.destroy(("1",), 60.0)
    assert hung.is_alive()
    hung.join()


@needs("openssl")
def test_a_self_signed_certificate_gets_no_key(tmp_path: Path):
    certificate, private = tmp_path / "c.pem", tmp_path / "k.pem"
    subprocess.run(
        ["openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-keyout", private, "-out", certificate,
         "-days", "2", "-subj", "/CN=localhost", "-addext", "subjectAltName=IP:127.0.0.1"],
        check=True, capture_output=True,
    )  # fmt: skip
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate, private)
    got: list[bytes] = []
    with socket.create_server(("127.0.0.1", 0)) as listener:

        def serve() -> None:
            peer, _ = listener.accept()
            with peer:
                try:
                    with context.wrap_socket(peer, server_side=True) as secure:
                        got.append(secure.recv(65536))
                except OSError:
                    return

        thread = threading.Thread(target=serve)
        thread.start()
        url = f"https://127.0.0.1:{listener.getsockname()[1]}"
        api = ApiClient(url, bearer("k" * 40), {"x": RateLimit(0)}, time.monotonic)
        answer = api.send(Call("x", "PUT", "/"), api.limit(5.0))
        api.close()
        thread.join(5)
    assert isinstance(answer, Failure) and not answer.sent and "CERTIFICATE_VERIFY_FAILED" in answer.detail
    assert b"k" * 40 not in b"".join(got)
