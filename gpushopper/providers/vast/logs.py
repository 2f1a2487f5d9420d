"""Fetch the container log of an instance: Vast has its host upload it, we download it from there (vastai.md 9)."""

from __future__ import annotations

import httpx

from gpushopper.providers.api import ApiClient, Call, Failure, Reply, TimeLimit
from gpushopper.providers.base import Endpoint, ErrorKind, InstanceNotFound, Log, ReadFailed
from gpushopper.providers.vast.parsing import error_replies

FIRST_PAUSE_S, PAUSE_S = 0.3, 0.5
"""The host uploads the log after Vast has returned its address."""
STORE = "s3.amazonaws.com"
FOLDERS = ("/vast.ai/", "/public.vast.ai/")
"""Where Vast's hosts upload to; anybody can have other folders in that store."""
LONGEST_ADDRESS = 2000


def fetch_log(api: ApiClient, instance_id: str, tail: int, limit: TimeLimit) -> Log | InstanceNotFound | ReadFailed:
    """The last lines of the container's log; InstanceNotFound where Vast knows no such instance."""
    path = f"/api/v0/instances/request_logs/{instance_id}/"
    answer = api.read(Call(Endpoint.LOGS.value, "PUT", path, body={"tail": str(tail)}), limit)
    if isinstance(answer, Reply) and answer.status == 404 and error_replies.error_word(answer) == "invalid_id":
        return InstanceNotFound(answer.date)
    body = error_replies.payload(answer)
    if isinstance(body, ReadFailed):
        return body
    address = body.get("result_url")
    if not isinstance(address, str) or not address:
        return ReadFailed(ErrorKind.SHAPE, f"no address of a log: {body.get('msg') or 'no message'}")
    url = allowed_url(address, api.base)
    if url is None:
        return ReadFailed(ErrorKind.SHAPE, f"the log's address is not the provider's: {address}")
    return _download(api, url, limit)


def allowed_url(address: str, endpoint: str) -> httpx.URL | None:
    """The address, if it is one we may fetch from: the provider's own, or its folder in the store that it uses.

    An answer must not send this computer to another host, be it one of the user's own network (I21).
    """
    try:
        url, own = httpx.URL(address), httpx.URL(endpoint)
    except (httpx.InvalidURL, TypeError):
        return None
    if len(address) > LONGEST_ADDRESS or url.userinfo or ".." in url.path:
        return None
    if (url.scheme, url.host, url.port) == (own.scheme, own.host, own.port):
        return url
    of_vast = url.host == STORE and url.path.startswith(FOLDERS)
    return url if url.scheme == "https" and url.port is None and of_vast else None


def _download(api: ApiClient, url: httpx.URL, limit: TimeLimit) -> Log | ReadFailed:
    """Fetch until it is there: before that the store answers with some error status."""
    pause, last_status = FIRST_PAUSE_S, "nothing"
    while limit.left() > pause:
        api.pause(pause)
        pause = PAUSE_S
        found = api.fetch(url, limit)
        if isinstance(found, Failure):
            return ReadFailed(found.kind, f"the log cannot be fetched: {found.detail}")
        if found.status == 200:
            return Log(found.text)
        if 300 <= found.status < 400:
            return ReadFailed(ErrorKind.SHAPE, "the log's address redirects: that is not followed")
        last_status = str(found.status)
    return ReadFailed(
        ErrorKind.NETWORK, f"the host has not uploaded the log in time (the last answer was {last_status})"
    )
