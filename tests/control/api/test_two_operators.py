"""Two operators at once: of two who have seen the same thing one alone changes it, whatever it is."""

from collections.abc import Mapping
from typing import Any

import httpx
import pytest
import trio

from .conftest import POLICY

Body = Mapping[str, Any]


async def made(http: httpx.AsyncClient) -> None:
    """One of everything."""
    for path, body in (
        ("/v1/policy", {"source": POLICY}),
        ("/v1/apps", {"name": "web"}),
        ("/v1/clients", {"app": "web", "redirect_uris": ["https://web.test/"]}),
        ("/v1/api-keys", {"subject": "s", "name": "k"}),
        ("/v1/operators", {"name": "ci", "role": "editor"}),
        ("/v1/users", {"username": "ann"}),
        ("/v1/scopes", {"name": "see", "description": "See it"}),
    ):
        assert (await http.post(path, json=body)).is_success


@pytest.mark.parametrize(
    ("seen", "method", "path", "body"),
    [
        ("/v1/apps/web", "PATCH", "/v1/apps/web", {"scopes": ["a"]}),
        ("/v1/apps/web", "POST", "/v1/apps/web/secret", None),
        ("/v1/apps/web", "DELETE", "/v1/apps/web", None),
        ("/v1/clients/web", "PATCH", "/v1/clients/web", {"public": True}),
        ("/v1/clients/web", "DELETE", "/v1/clients/web", None),
        ("/v1/api-keys/k", "PATCH", "/v1/api-keys/k", {"scopes": ["a"]}),
        ("/v1/api-keys/k", "DELETE", "/v1/api-keys/k", None),
        ("/v1/operators/ci", "POST", "/v1/operators/ci/credential", None),
        ("/v1/operators/ci", "DELETE", "/v1/operators/ci", None),
        ("/v1/users/ann", "PATCH", "/v1/users/ann", {"active": False}),
        ("/v1/users/ann", "DELETE", "/v1/users/ann", None),
        ("/v1/scopes/see", "PATCH", "/v1/scopes/see", {"description": "See all"}),
        ("/v1/policy", "POST", "/v1/policy", {"source": POLICY}),
        ("/v1/policy", "POST", "/v1/versions/1/rollback", None),
    ],
)
async def test_one_of_many_goes_through(
    http: httpx.AsyncClient, seen: str, method: str, path: str, body: Body | None
) -> None:
    """Eight at the same time with the same If-Match: one is done, the others are 412, or 404 where it is gone."""
    await made(http)
    tag = (await http.get(seen)).headers["etag"]
    statuses = list[int]()

    async def change() -> None:
        answer = await http.request(method, path, json=body, headers={"If-Match": tag})
        statuses.append(answer.status_code)

    async with trio.open_nursery() as nursery:
        for _ in range(8):
            nursery.start_soon(change)
    assert len([status for status in statuses if status < 300]) == 1, statuses
    assert {status for status in statuses if status >= 300} <= ({412, 404} if method == "DELETE" else {412})


async def test_nobody_has_to_look_first(http: httpx.AsyncClient) -> None:
    """Without If-Match, or with any, the later one wins, as it says."""
    await made(http)
    for headers in ({}, {"If-Match": "*"}):
        for _ in range(2):
            assert (await http.post("/v1/apps/web/secret", headers=headers)).status_code == 200
    assert (await http.get("/v1/apps/web")).json()["revision"] == 4
