"""The client and the API agree on their paths."""

from __future__ import annotations

import inspect
import re

import pytest
from flask.testing import FlaskClient

from gpushopper import client
from gpushopper.daemon.api.server import build_app

REQUESTS = re.findall(r'_request\("(\w+)", f?"([^"]+)"', inspect.getsource(client))


def test_every_path_that_the_client_requests_is_served(api: FlaskClient):
    served = api.application.url_map.bind("localhost")
    assert len(REQUESTS) > 15
    for method, path in REQUESTS:
        served.match("/api/v1/" + re.sub(r"\{.*?\}", "train", path), method)
