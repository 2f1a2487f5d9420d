"""Vast's rows, field by field: an unreadable field never hides an instance and never invents a price."""

from __future__ import annotations

from typing import Any

import pytest

from gpushopper.core.cloud import OfferKind
from gpushopper.core.model.instance import StatusClass
from gpushopper.providers.kit import UnknownFields
from gpushopper.providers.vast.parsing.instance_rows import read_instance
from gpushopper.providers.vast.parsing.offer_rows import read_offer, read_region
from tests.providers.bodies import OFFER, ROW

ID = "33402296"


def test_a_row_is_read_field_by_field():
    row = read_instance(ROW, UnknownFields())
    assert row is not None
    assert (row.instance_id, row.label_texts, row.host_id) == (ID, ("team-job-1", "second"), "41234")
    assert (row.rate, row.gpu_rate, row.storage_rate) == (358_889, 350_000, 8_889)
    assert (row.created_at, row.ends_at) == (1_793_400_000_500_000, 1_796_400_000_000_000)
    assert (row.ssh_host, row.ssh_port) == ("203.0.113.7", 41022)
    assert row.message == "success, running x"


@pytest.mark.parametrize(
    ("change", "where"),
    [
        ({"ports": None}, ("ssh5.vast.ai", 31022)), ({"ports": {}}, ("ssh5.vast.ai", 31022)),
        ({"ports": {"22/tcp": [{"HostPort": 41022}]}}, ("203.0.113.7", 41022)),
        ({"ports": None, "image_runtype": "jupyter_proxy ssh_proxy"}, ("ssh5.vast.ai", 31023)),
        ({"ports": None, "ssh_host": None}, (None, None)), ({"ports": None, "ssh_port": 70000}, (None, None)),
        ({"public_ipaddr": "-oProxyCommand=x"}, ("ssh5.vast.ai", 31022)),
        ({"public_ipaddr": "a b", "ssh_host": "x;y"}, (None, None)),
    ],
)  # fmt: skip
def test_the_ssh_address_is_direct_or_the_proxys(change: dict[str, Any], where: tuple[str | None, int | None]):
    row = read_instance({**ROW, **change}, UnknownFields())
    assert row is not None and (row.ssh_host, row.ssh_port) == where


@pytest.mark.parametrize("name", [name for name in ROW if name != "id"])
@pytest.mark.parametrize("value", [None, "x", -1, 1e300, True, [], {}, "\x1b[31m", float("1e999")])
def test_no_unreadable_field_hides_a_row(name: str, value: Any):
    unknown = UnknownFields()
    row = read_instance({**ROW, name: value}, unknown)
    assert row is not None and row.instance_id == ID
    for price in (row.rate, row.gpu_rate, row.storage_rate):
        assert price is None or 0 <= price <= 10**10
    if row.provider_status not in ("running", "none"):
        assert row.status is StatusClass.UNKNOWN


@pytest.mark.parametrize(
    "label", ["gs1-aaaaaaaaaa\x00", "gs1\u200b-x", "\ud800", "a\nb", "a\x1b[2Jb", "\u202eevil", "x" * 5000]
)
def test_redaction_never_turns_a_label_into_another_one(label: str):
    row = read_instance({**ROW, "label": label}, UnknownFields())
    assert row is not None and row.label is not None and row.label != label.replace("\x00", "")
    assert len(row.label) >= min(len(label), 300)
    row.label.encode()


@pytest.mark.parametrize(
    ("states", "word", "status"),
    [
        (("stopped",) * 3, None, StatusClass.STOPPED), (("stopped",) * 3, "loading", StatusClass.STOPPED),
        (("stopped",) * 3, "running", StatusClass.RUNNING), (("stopped",) * 3, "offline", StatusClass.OFFLINE),
        (("stopped", "running", "running"), None, StatusClass.PENDING),
        (("stopped", "running", "running"), "running", StatusClass.RUNNING),
        (("running",) * 3, "exited", StatusClass.STOPPED),
    ],
)  # fmt: skip
def test_an_unrequested_stop_shows_in_the_contract_states(
    states: tuple[str, ...], word: str | None, status: StatusClass
):
    names = dict(zip(("cur_state", "intended_status", "next_state"), states, strict=True))
    row = read_instance({**ROW, **names, "actual_status": word}, UnknownFields())
    assert row is not None and row.status is status


PULL = "Error response from daemon: "
REFUSED = (
    ("me/x", f"{PULL}pull access denied for me/x, repository does not exist or may require 'docker login': denied: "
     "requested access to the resource is denied\n"),
    ("ghcr.io/me/x:1", f'{PULL}Head "https://ghcr.io/v2/me/x/manifests/1": denied'),
    ("ghcr.io/me/x:1", f'{PULL}Head "https://ghcr.io/v2/me/x/manifests/1": unauthorized\n'),
    ("ghcr.io/me/x@sha256:0", f'{PULL}Head "https://GHCR.io/v2/me/x/manifests/sha256:0": denied: denied'),
    ("me/x", f'{PULL}Get "https://registry-1.docker.io/v2/": unauthorized: incorrect username or password'),
    ("me/x", "unauthorized: authentication required"),
    ("gcr.io/me/x", f'{PULL}denied: Unauthenticated request. Unauthenticated requests do not have permission "x"'),
    ("quay.io/me/x", f"{PULL}unauthorized: access to the requested resource is not authorized"),
    ("me/x", f"{PULL}error from registry: denied"),
    ("nexus.example/x:1", f"{PULL}Head https://nexus.example/v2/x/manifests/1: no basic auth credentials"),
    ("ubuntu:99.99", f"{PULL}manifest for ubuntu:99.99 not found: manifest unknown: manifest unknown"),
    ("r.example/x", f"{PULL}repository r.example/x not found: name unknown: The repository does not exist"),
    ("r.example/x", f"{PULL}repository name not known to registry"),
    ("me/mount/error", f"{PULL}pull access denied for me/mount/error"),
    ("me/X", "docker: invalid reference format."),
)  # fmt: skip
FAILED_OTHERWISE = (
    f"{PULL}failed to create task: OCI runtime create failed: runc create failed",
    f'{PULL}mkdir "/var/lib/docker/x": permission denied',
    f"{PULL}toomanyrequests: You have reached your pull rate limit.",
    f'{PULL}Get "https://ghcr.io/v2/": received unexpected HTTP status: 403 Forbidden',
    f"{PULL}no matching manifest for linux/arm64 in the manifest list entries",
    f"{PULL}write /var/lib/docker/tmp/x: no space left on device",
    # a word like a registry's, and another's
    f"{PULL}failed to create shim task: apparmor failed to apply profile: denied",
    f"{PULL}failed to create shim task: cannot read manifest unknown: denied: requested access to the resource is "
    "denied",
    "nvidia-container-cli: mount error: /dev/x: denied",
    f"{PULL}error pulling image configuration: download failed after attempts=6: denied: <html>cloudfront 403",
    f"{PULL}Get https://mirror.host.lan/v2/: unauthorized: authentication required",
    f'{PULL}Head "https://mirror.host.lan/v2/me/x/manifests/1": manifest unknown: manifest unknown',
    f"{PULL}authorization denied by plugin opa: denied",
)
"""None of these is about the image `me/x`, or none says so."""


@pytest.mark.parametrize("word", [None, "created", "loading"])
@pytest.mark.parametrize(
    ("image", "message", "is_refused"),
    [*((image, text, True) for image, text in REFUSED), *(("me/x", text, False) for text in FAILED_OTHERWISE)],
)
def test_a_refusal_by_the_registry_is_distinguished_from_a_fault_of_the_host(
    image: str, message: str, is_refused: bool, word: str | None
):
    row = read_instance({**ROW, "actual_status": word, "status_msg": message, "image_uuid": image}, UnknownFields())
    assert row is not None and (row.status, row.image_refused) == (StatusClass.FAILED, is_refused)


@pytest.mark.parametrize("message", ["sh: 1: name unknown", "x: Denied by host policy", "Access denied"])
def test_an_error_of_the_host_says_nothing_about_the_image(message: str):
    row = read_instance(
        {**ROW, "actual_status": "loading", "status_msg": message, "image_uuid": "me/x"}, UnknownFields()
    )
    assert row is not None and not row.image_refused


@pytest.mark.parametrize("image", [None, 7, "", "ev!l.io/x"])
def test_without_an_image_name_no_address_is_its_registrys(image: object):
    message = f'{PULL}Head "https://ghcr.io/v2/me/x/manifests/1": denied'
    row = read_instance({**ROW, "actual_status": None, "status_msg": message, "image_uuid": image}, UnknownFields())
    assert row is not None and (row.status, row.image_refused) == (StatusClass.FAILED, False)


@pytest.mark.parametrize("word", ["running", "exited", "offline", "unknown", "dreaming"])
def test_pull_errors_are_ignored_once_the_pull_is_over(word: str):
    row = read_instance({**ROW, "actual_status": word, "status_msg": REFUSED[0][1]}, UnknownFields())
    assert row is not None and not row.image_refused and row.status is not StatusClass.FAILED


@pytest.mark.parametrize("message", ["Pulling me/denied", "Pulling unauthorized/x:denied", "success, running x"])
def test_an_image_name_is_never_read_as_an_error(message: str):
    row = read_instance({**ROW, "actual_status": "loading", "status_msg": message}, UnknownFields())
    assert row is not None and row.status is StatusClass.PENDING


@pytest.mark.parametrize("form", ["docker login -u a -p {} ghcr.io", "login --password={} x", "login --password {}"])
def test_a_password_in_a_hosts_own_command_is_not_kept(form: str):
    """It may have been sent before the last start of the daemon, which no longer has its text to redact."""
    message = "failed: " + form.format("c4n4ry-1x")
    row = read_instance({**ROW, "actual_status": "loading", "status_msg": message}, UnknownFields())
    assert row is not None and "c4n4ry" not in repr(row) and "[secret]" in row.message and "[secret]" in row.progress


def test_an_offer_is_read_field_by_field():
    offer = read_offer(OFFER, 5.0, 7, UnknownFields())
    assert offer is not None
    assert (offer.key, offer.host_id, offer.gpu, offer.gpu_count, offer.vram_mb) == (
        "vast:29817342", "41234", "RTX 4090", 2, 24564)  # fmt: skip
    assert (offer.gpu_rate, offer.storage_gb_month) == (350_000, 160_000)
    assert (offer.upload_gb, offer.download_gb) == (2000, 3000)
    assert (offer.region, offer.reliability, offer.cuda, offer.verified) == ("Texas, US", 0.9982, 12.8, True)
    assert (offer.cpu_cores, offer.ram_mb, offer.kind, offer.seen_at) == (16.0, 64473, OfferKind.ON_DEMAND, 7)
    assert offer.ends_at == 1_796_400_000_000_000
    assert offer.driver == "570.86.10"


@pytest.mark.parametrize(
    ("told", "driver"), [("535.86.05\n", "535.86.05"), (535086005, "535.86.5"), (None, None), ([], None)]
)
def test_a_driver_version_is_text_or_a_number(told: object, driver: str | None):
    offer = read_offer({**OFFER, "driver_version": told}, 5.0, 7, UnknownFields())
    assert offer is not None and offer.driver == driver


def test_a_missing_base_price_is_the_total_without_its_storage():
    without = {name: value for name, value in OFFER.items() if name != "dph_base"}
    offer = read_offer(without, 5.0, 0, UnknownFields())
    assert offer is not None and abs(offer.gpu_rate - 350_000) <= 1


NEEDED = ("id", "dph_base", "storage_cost", "inet_up_cost", "gpu_name", "num_gpus", "machine_id")
# A name may be any text, and true reads as one.
FINE = {("gpu_name", "NaN"), ("gpu_name", "1e9"), ("num_gpus", "True")}


@pytest.mark.parametrize(
    ("name", "value"),
    [(name, value) for name in NEEDED for value in (None, "", -1, "NaN", "1e9", True, [], 1e300)
     if (name, str(value)) not in FINE],
)  # fmt: skip
def test_an_offer_is_dropped_rather_than_guessed(name: str, value: Any):
    row = {k: v for k, v in OFFER.items() if k not in ("dph_total", "storage_total_cost", "ask_contract_id")}
    unknown = UnknownFields()
    assert read_offer({**row, name: value}, 5.0, 0, unknown) is None
    assert unknown.counts()["offer row: dropped"] == 1


@pytest.mark.parametrize(
    ("place", "region"), [(", US", "US"), ("Texas, US", "Texas, US"), (None, ""), ("US", "US"), (" , ", "")]
)
def test_regions(place: str | None, region: str):
    assert read_region(place) == region
