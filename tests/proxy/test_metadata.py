"""RFC 9728: challenges name where it is said whose tokens count, and the sidecar says it there."""

from dataclasses import replace

import pytest
import trio

from sidecar.contract.snapshot import Respond, Route, Source, decode, encode
from sidecar.contract.strict import ContractError

from .stage import ROUTES, Stage, bearer, request, snapshot

PATH = "/.well-known/oauth-protected-resource"
URL = "https://orders.shop.test" + PATH
NAMED = f'resource_metadata="{URL}"'
BOTH = Route("/both", credentials=(Source(), Source("api_key")))


async def test_challenges_name_the_metadata(nursery: trio.Nursery) -> None:
    """Beside what they say already; an API key has no issuer."""
    there = Route(PATH, ("GET",), "public", respond=Respond(200, "{}", "application/json"))
    stage = Stage(nursery, snapshot=replace(snapshot(), routes=(there, BOTH, *ROUTES), resource_metadata=URL))
    client = stage.client()
    for asked, status, challenges in (
        (request("/orders/7"), 401, [f"Bearer {NAMED}"]),
        (request("/orders/7", b"Authorization: Bearer a.b.c\r\n"), 401, [f'Bearer error="invalid_token", {NAMED}']),
        (request("/admin/x", bearer()), 403, [f'Bearer error="insufficient_scope", scope="admin", {NAMED}']),
        (request("/both"), 401, [f"Bearer {NAMED}", "ApiKey"]),
        (request("/nowhere", bearer()), 404, []),
        (request(PATH), 200, []),
    ):
        await client.send(asked)
        head, _ = await client.response()
        assert (head.status, head.all("www-authenticate")) == (status, challenges)
    assert not stage.bugs


@pytest.mark.parametrize(
    "url", ['https://a.test/"', "https://a.test/\\", "https://a.test/\r\nx: y", "ftp://a", "a" * 600]
)
def test_what_no_challenge_can_name_is_refused(url: str) -> None:
    """A snapshot puts nothing into a header that ends it."""
    with pytest.raises(ContractError):
        decode(encode(replace(snapshot(), resource_metadata=url)))
