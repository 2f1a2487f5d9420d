"""Vast's own client 1.9.1 against the dialect: the rows of vastai.md 18, in its own numbers and words."""

from __future__ import annotations

import json
import re

import pytest

from gpushopper.sandbox.market.model import Phase
from tests.sandbox import official_client
from tests.sandbox.official_client import Client

pytestmark = pytest.mark.proofs

ANSI = re.compile(r"\x1b\[[0-9;]*[A-Za-z]")
SEARCH = ("gpu_name=RTX_4090 num_gpus=1 gpu_ram>=20 dph<0.6", "-o", "dph_total", "--limit", "5", "--storage", "40")
USER, LIST = "/api/v0/users/current", "/api/v1/instances/"


@pytest.fixture(scope="module")
def program():
    return official_client.program()


@pytest.fixture
def client(program, tcp, home):
    return Client(program, home.parent, tcp.url, tcp.key)


@pytest.fixture
def row(request, capsys):
    """Print one line of the table when the row of the test's name holds."""
    ran = []
    yield ran.append
    number = re.findall(r"row_(\w+?)_", request.node.name)[0]
    verdict = "FAILED" if request.node.stash.get(FAILED, True) else "as printed"
    with capsys.disabled():
        commands = ran or [request.node.name]
        for command in commands:
            print(f"\n  row {number:>3} | {command[:96]:<96} | {verdict}", end="")


FAILED = pytest.StashKey[bool]()


@pytest.fixture
def holds(request, row, client):
    """Run a command, note it for the table; the row holds when the test reaches its last line."""

    def run(*arguments, key=None):
        ran = client.run(*arguments, key=key)
        row(ran.command)
        return ran

    yield run


@pytest.fixture(autouse=True)
def verdict(request, row):
    """Tell the table whether the test passed: runs before the row's line is printed."""
    failed_before = request.session.testsfailed
    yield
    request.node.stash[FAILED] = request.session.testsfailed > failed_before


def test_row_1_version(tcp, holds):
    ran = holds("--version")
    assert (ran.out.strip(), ran.err, tcp.seen) == ("1.9.1", "", [])


def test_row_2_user(tcp, holds):
    ran = holds("show", "user", "--raw")
    user = json.loads(ran.out)
    assert user["credit"] == 100.0
    assert "balance" in user
    assert "api_key" not in user
    assert len(tcp.sent("GET", USER)) == 2
    holds("show", "user", "--raw")
    assert len(tcp.sent("GET", USER)) == 3


def test_row_3_search_raw(tcp, holds):
    ran = holds("search", "offers", *SEARCH, "--raw")
    offers = json.loads(ran.out)
    prices = [offer["dph_total"] for offer in offers]
    assert len(offers) == 5
    assert prices == sorted(prices)
    assert {offer["gpu_name"] for offer in offers} == {"RTX 4090"}
    asked = tcp.sent("POST", "/api/v0/bundles/")[0].body
    assert (asked["gpu_ram"], asked["dph_total"]) == ({"gte": 20000.0}, {"lt": "0.6"})
    assert asked["allocated_storage"] == 40.0


def test_row_4_search_table(holds):
    ran = holds("search", "offers", *SEARCH)
    assert re.search(r"ID\s+CUDA\s+N\s+Model", ANSI.sub("", ran.out))
    assert "invalid return Content-Type" not in ran.out + ran.err


def test_row_5_search_bids(tcp, holds):
    query = 'gpu_name in ["RTX 4090","RTX 3090"] geolocation notin [CN,VN]'
    ran = holds("search", "offers", query, "--type", "bid", "--raw")
    offers = json.loads(ran.out)
    assert {offer["gpu_name"] for offer in offers} == {"RTX 4090", "RTX 3090"}
    assert not [offer for offer in offers if offer["geolocation"].endswith(("CN", "VN"))]
    asked = tcp.sent("POST", "/api/v0/bundles/")[0].body
    assert (list(asked["gpu_name"]), list(asked["geolocation"]), asked["type"]) == (["in"], ["notin"], "bid")


def test_row_7_search_nothing(holds):
    ran = holds("search", "offers", "num_gpus>=100", "--raw")
    assert (json.loads(ran.out), ran.err) == ([], "")


def test_row_9_create_raw(tcp, holds):
    offer = str(tcp.free_offers(1)[0])
    what = ("--image", "ubuntu:22.04", "--disk", "40", "--ssh", "--direct", "--label", "chk")
    more = ("--env", "-e A=b -p 8081:8081", "--onstart-cmd", "echo hi")
    ran = holds("create", "instance", offer, *what, *more, "--raw")
    told = json.loads(ran.out)
    assert ran.out.startswith("{\n")
    assert told["success"] is True
    made = tcp.instance(told["new_contract"])
    assert (made.label, made.spec.disk_gb, made.spec.onstart) == ("chk", 40.0, "echo hi")
    assert made.spec.env == (("A", "b"), ("-p 8081:8081", "1"))
    assert made.spec.runtype == "ssh_direc ssh_proxy"
    assert made.secret == told["instance_api_key"]


def test_row_9b_create_with_a_login(tcp, holds, wait_until):
    """Sent as it is written; a private image runs with it, and hangs in docker's words without (vastai.md 4.1)."""
    registry = tcp.state.market.registry
    login, image = f"-u {registry.user} -p {registry.token} {registry.host}", f"{registry.host}/team/private:1"
    what = ("--image", image, "--disk", "40", "--ssh", "--raw")
    ran = holds("create", "instance", str(tcp.free_offers(1)[0]), *what, "--login", login)
    first = json.loads(ran.out)["new_contract"]
    (sent,) = tcp.sent("PUT", "/api/v0/asks/")
    assert sent.body["image_login"] == login
    second = json.loads(holds("create", "instance", str(tcp.free_offers(1)[0]), *what).out)["new_contract"]
    wait_until(lambda: tcp.instance(first).phase is Phase.RUNNING, 30)
    wait_until(lambda: tcp.instance(second).phase is Phase.LOADING, 30)
    row = json.loads(holds("show", "instance", str(second), "--raw").out)
    assert "pull access denied" in row["status_msg"]
    ran = holds("create", "instance", str(tcp.free_offers(1)[0]), *what, "--login", "-u alice")
    assert "image_login" in ran.err + ran.out and len(tcp.state.market.instances) == 2


def test_row_10_create(tcp, holds):
    ran = holds("create", "instance", str(tcp.free_offers(1)[0]), "--image", "ubuntu:22.04", "--disk", "40", "--ssh")
    (made,) = tcp.state.market.instances
    assert ran.out.startswith(f"Started. {{'success': True, 'new_contract': {made}, ")


def test_row_11_taken_offer(tcp, holds):
    offer = tcp.free_offers(1)[0]
    tcp.rent(offer)
    ran = holds("create", "instance", str(offer), "--image", "ubuntu:22.04", "--ssh")
    text = f"error 404/3603: no_such_ask  Instance type by id {offer} is not available."
    assert (ran.err.strip(), ran.code) == (f"Failed with error 400: {text}", 0)
    assert len(tcp.state.market.instances) == 1


def test_row_13_show_instances(tcp, holds):
    body = {"image": "ubuntu:22.04", "env": {"A": "b"}}
    tcp.call("PUT", f"/api/v0/asks/{tcp.free_offers(1)[0]}/", body)
    rows = json.loads(holds("show", "instances", "--raw").out)
    assert [row["extra_env"] for row in rows] == [{"A": "b"}]
    assert 0 < rows[0]["duration"] < 60


def test_row_14_ids(tcp, holds):
    ids = [tcp.rent() for _ in range(3)]
    ran = holds("show", "instances", "-q")
    assert ran.out.split() == [str(number) for number in sorted(ids)]


def test_row_16_pages(tcp, holds):
    first, second = tcp.rent(), tcp.rent()
    page = json.loads(holds("show", "instances", "--raw", "--limit", "1").out)
    assert ([row["id"] for row in page["instances"]], page["total_instances"]) == ([first], 2)
    ran = holds("show", "instances", "--raw", "--limit", "1", "--next-token", page["next_token"])
    after = json.loads(ran.out)
    assert ([row["id"] for row in after["instances"]], after["next_token"]) == ([second], None)


def test_row_17_many(tcp, holds):
    ids = [tcp.rent() for _ in range(27)]
    ran = holds("show", "instances", "-q")
    assert ran.out.split() == [str(number) for number in sorted(ids)]
    assert len(tcp.sent("GET", LIST)) == 2


def test_row_19_until_running(tcp, holds, client, wait_until):
    number = tcp.rent()
    assert json.loads(holds("show", "instance", str(number), "--raw").out)["id"] == number

    def runs():
        return '"actual_status": "running"' in client.run("show", "instance", str(number), "--raw").out

    wait_until(runs, timeout_s=60)
    assert tcp.instance(number).phase is Phase.RUNNING


def test_row_20_unknown(holds):
    ran = holds("show", "instance", "1")
    assert (ran.err.strip(), ran.code) == ("Instance 1 not found or no longer exists.", 1)
    raw = holds("show", "instance", "1", "--raw")
    assert (json.loads(raw.out), raw.code) == ({"instances": None}, 0)


def test_row_21_label(tcp, holds):
    number = tcp.rent(label="old")
    assert holds("label", "instance", str(number), "newname").out.strip() == f"label for {number} set to newname."
    assert tcp.instance(number).label == "newname"


def test_row_22_stop_start(tcp, holds, wait_until):
    offer = tcp.free_offers(1)[0]
    number = tcp.rent(offer)
    assert holds("stop", "instance", str(number)).out.strip() == f"stopping instance {number}."
    assert tcp.instance(number).phase is Phase.STOPPED
    assert holds("start", "instance", str(number)).out.strip() == f"starting instance {number}."
    wait_until(lambda: tcp.instance(number).phase is Phase.RUNNING)
    holds("stop", "instance", str(number))
    tcp.state.market.offline_hosts[tcp.state.market.offer_of(tcp.instance(number)).host.id] = None
    queued = holds("start", "instance", str(number))
    assert "Required resources are currently unavailable, state change queued." in queued.out
    assert tcp.instance(number).queued_start


def test_row_30_logs(tcp, holds, client, wait_until):
    number = tcp.rent()
    path = f"/api/v0/instances/{number}/"
    wait_until(lambda: tcp.call("GET", path)["instances"]["actual_status"] == "running", timeout_s=60)
    ran = holds("logs", str(number), "--tail", "50")
    assert (ran.code, "running onstart.sh" in ran.out) == (0, True), ran.err
    (asked,) = [r for r in tcp.seen if "request_logs" in r.path]
    assert (asked.method, asked.body["tail"]) == ("PUT", "50")
    assert any(r.path.startswith("/instance_logs/") and r.method == "GET" for r in tcp.seen)


def test_row_31_execute(tcp, holds):
    """The command of 1.9.1 ends in a traceback whenever it works: its own defect; what it asked for was fetched."""
    number = tcp.rent()
    ran = holds("execute", str(number), "ls -l")
    assert (ran.code, "Traceback" in ran.err) == (1, True)
    (asked,) = [r for r in tcp.seen if "/command/" in r.path]
    assert asked.body == {"command": "ls -l"}
    assert any(r.path.startswith("/instance_logs/") for r in tcp.seen)
    refused = holds("execute", str(number), "cat x")
    assert (refused.code, "400" in refused.err) == (0, True)


def test_row_37_destroy(tcp, holds):
    number, other = tcp.rent(), tcp.rent()
    assert holds("destroy", "instance", str(number), "-y").out.strip() == f"destroying instance {number}."
    assert (tcp.instance(number).phase, tcp.instance(number).ended_by) == (Phase.GONE, "api")
    assert holds("show", "instance", str(number)).err.strip() == f"Instance {number} not found or no longer exists."
    assert holds("show", "instances", "-q").out.split() == [str(other)]


def test_row_38_destroy_again(tcp, holds):
    number = tcp.rent()
    tcp.call("DELETE", f"/api/v0/instances/{number}/", {})
    ran = holds("destroy", "instance", str(number), "-y")
    assert ran.err.startswith("Failed with error 404: ")
    assert ran.code == 0


def test_row_39_destroy_many(tcp, holds):
    ids = [tcp.rent(), tcp.rent()]
    ran = holds("destroy", "instances", *map(str, ids), "-y")
    assert ran.out.strip() == f"destroying instance [{ids[0]}, {ids[1]}]."
    assert {tcp.instance(number).phase for number in ids} == {Phase.GONE}


def test_row_40_wrong_key(holds):
    ran = holds("show", "user", key="bad")
    assert (ran.err.strip(), ran.code) == ("Failed with error 404: Invalid user key", 0)
    raw = holds("show", "user", "--raw", key="bad")
    assert json.loads(raw.err) == {"error": True, "status_code": 404, "msg": "Invalid user key"}
    assert raw.out == ""


def test_row_41_gap(tcp, holds):
    offers = tcp.free_offers(2)
    tcp.state.rate_limiter.enabled = True
    # The market's clock stands still, so that a slow computer cannot outwait the 4.5 s.
    stands = tcp.state.market.now()
    tcp.state.market.clock = lambda: stands
    tcp.rent(offers[0])
    ran = holds("create", "instance", str(offers[1]), "--image", "ubuntu:22.04", "--ssh")
    assert ran.err.startswith("Failed with error 429: ")
    assert len(tcp.sent("PUT", f"/api/v0/asks/{offers[1]}/")) == 3
    assert len(tcp.state.market.instances) == 1


def test_row_42_retry_after(tcp, holds):
    offer = tcp.free_offers(1)[0]
    tcp.state.faults.add("vast", "create", "429", "1,message,2")
    ran = holds("create", "instance", str(offer), "--image", "ubuntu:22.04", "--ssh")
    assert ran.out.startswith("Started. {'success': True, ")
    first, second = tcp.sent("PUT", "/api/v0/asks/")
    assert second.at - first.at >= 2_000_000
    assert len(tcp.state.market.instances) == 1


@pytest.mark.parametrize("word", ["commit_then_reset", "commit_then_500"])
def test_row_43_lost_reply(tcp, holds, word):
    offer = tcp.free_offers(1)[0]
    tcp.state.faults.add("vast", "create", word, count=1)
    ran = holds("create", "instance", str(offer), "--image", "ubuntu:22.04", "--ssh")
    assert ran.out.startswith("Started.") or ran.err.startswith("Failed with error ")
    # The second PUT finds its own offer taken: an error that hides a rented instance (F2).
    assert tcp.state.market.creates[0].effect == "created"
    assert len(tcp.state.market.instances) == 1
