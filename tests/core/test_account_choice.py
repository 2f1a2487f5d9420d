"""Whether a session may be rented at an account: never, not now, or now (S16, I10, I12, I21)."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from gpushopper.core.cloud import ImageKind
from gpushopper.core.lifecycle.account_choice import image_at, image_problem, system_image, why_not_now, why_unsuitable
from tests.core.accounts import account, traits
from tests.core.samples import moment, session

VMS = traits("beta", "ubuntu2404", ImageKind.SYSTEM, images=("ubuntu2404", "ubuntu2204", "ubuntu2404_ml_pytorch"))
CONTAINERS = traits("beta", "ghcr.io/x/y", takes_image_login=True)


@pytest.mark.parametrize(
    ("cloud", "changes", "word"),
    [
        (VMS, {"image": ""}, ""), (VMS, {"image": "ubuntu2404"}, ""), (VMS, {"image": "pytorch"}, "rents out VMs"),
        (CONTAINERS, {"image": "pytorch"}, ""), (CONTAINERS, {"image": ""}, ""),
        (CONTAINERS, {"image": "", "image_login": "ghcr.io"}, ""),
        (CONTAINERS, {"image": "", "image_login": "docker.io"}, "not from docker.io"),
        (CONTAINERS, {"image": "ghcr.io/a/b", "image_login": "ghcr.io"}, ""),
        (CONTAINERS, {"image": "ghcr.io/a/b", "image_login": "quay.io"}, "not from quay.io"),
        (traits("beta"), {"image": "ghcr.io/a/b", "image_login": "ghcr.io"}, "takes no login"),
    ],
)  # fmt: skip
def test_an_image_or_a_login_that_the_cloud_does_not_take_makes_it_unsuitable(cloud: Any, changes: Any, word: str):
    why = why_unsuitable(session(**changes), account("beta", cloud=cloud))
    assert word in why and bool(why) is bool(word)


@pytest.mark.parametrize("allowed", [False, True])
@pytest.mark.parametrize("ends_alone", [False, True])
def test_a_cloud_that_bills_on_is_suitable_with_consent_only(allowed: bool, ends_alone: bool):
    state = replace(account("beta"), ends_alone=ends_alone)
    assert bool(why_unsuitable(session(allow_unguarded=allowed), state)) is not (allowed or ends_alone)


def test_an_account_that_is_gone_is_unsuitable_and_one_of_a_broken_package_only_cannot_rent_now():
    assert "not configured" in why_unsuitable(session(), None)
    broken = replace(account("beta", unable="no key"), traits=None)
    assert not why_unsuitable(session(image_login="docker.io"), broken) and why_not_now(broken) == "no key"


@pytest.mark.parametrize(
    ("changes", "word"),
    [({}, ""), ({"unable": "no key"}, "no key"), ({"provider_answered": False}, "not answered"),
     ({"provider_date": moment(300).wall}, "clock"), ({"provider_date": None}, "")],
)  # fmt: skip
def test_what_keeps_an_account_from_renting_now(changes: Any, word: str):
    assert why_not_now(account("beta", **changes)).find(word) >= 0
    assert bool(why_not_now(account("beta", **changes))) is bool(word)


@pytest.mark.parametrize(
    ("typed", "image"),
    [
        ("ubuntu2204", "ubuntu2204"), ("ubuntu-22.04", "ubuntu2204"), ("ubuntu22.04", "ubuntu2204"),
        ("ubuntu-24.04-ml-pytorch", "ubuntu2404_ml_pytorch"), ("ubuntu:22.04", None), ("ubuntu-26.04", None),
        ("library/ubuntu2204", None), ("ubuntu2204_ml_pytorch", None),
    ],
)  # fmt: skip
def test_an_operating_system_is_found_by_how_people_write_it(typed: str, image: str | None):
    assert system_image(typed, VMS) == image and system_image(typed, CONTAINERS) is None
    assert bool(image_problem("beta", typed, VMS)) is (image is None)
    assert image_at(typed, VMS) == (image or typed)


def test_another_image_is_refused_with_the_names_that_are_known():
    why = image_problem("beta", "ubuntu-26.04", VMS)
    assert why.endswith("it has: ubuntu2404, ubuntu2204, ubuntu2404_ml_pytorch") and "\n" not in why


def test_each_cloud_runs_its_own_image_where_none_is_named():
    assert [image_at(named, VMS) for named in (None, "", "debian:12")] == ["ubuntu2404", "ubuntu2404", "debian:12"]
    assert image_at(None, None) == ""
    assert not image_problem("beta", None, VMS) and not image_problem("beta", "x", None)
