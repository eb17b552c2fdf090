"""Lists in pages: whole, in order, bounded, and steady while others add and remove."""

from collections.abc import Iterator

import httpx
import pytest

from control.api.paging import MAX_LIMIT
from control.mesh import Mesh

from .conftest import POLICY

LISTS = {
    "/v1/apps": "apps",
    "/v1/api-keys": "api_keys",
    "/v1/join-tokens": "join_tokens",
    "/v1/operators": "operators",
    "/v1/revocations": "revocations",
    "/v1/versions": "versions",
    "/v1/sidecars": "sidecars",
    "/v1/issuers": "issuers",
    "/v1/keys": "keys",
}


@pytest.fixture
def full(mesh: Mesh) -> Iterator[Mesh]:
    """Several of each."""
    mesh.push(POLICY, {}, {}, "test")
    for n in range(5):
        mesh.applications.create(f"app-{n}", "test")
        mesh.api_keys.create(f"subject-{n % 2}", "test", name=f"key-{n}")
        mesh.create_join_token("orders" if n % 2 else "web", "test")
        mesh.operators.create(f"op-{n}", "test")
        mesh.revoke("jti", f"jti-{n}", "test")
    yield mesh


@pytest.mark.parametrize(("path", "name"), LISTS.items())
async def test_pages_add_up_to_the_list(http: httpx.AsyncClient, full: Mesh, path: str, name: str) -> None:
    """Followed by the cursor or by the Link field, each is seen once and in one order."""
    whole = (await http.get(path, params={"limit": MAX_LIMIT})).json()
    assert whole["next"] is None
    found, url = [], f"{path}?limit=2"
    while url:
        answer = await http.get(url)
        said = answer.json()
        assert len(said[name]) <= 2
        found += said[name]
        assert (said["next"] is None) is ("next" not in answer.links)
        url = answer.links["next"]["url"] if said["next"] else ""
        if said["next"]:
            again = await http.get(path, params={"limit": 2, "cursor": said["next"]})
            assert again.json() == (await http.get(url)).json()
    assert found == whole[name]


async def test_a_page_goes_on_where_the_last_ended(http: httpx.AsyncClient, full: Mesh) -> None:
    """What is removed or added before does not move what follows."""
    first = (await http.get("/v1/apps?limit=2")).json()
    full.applications.remove("app-0", "test")
    full.applications.remove("app-1", "test")
    full.applications.create("aaa", "test")
    second = (await http.get("/v1/apps", params={"limit": 2, "cursor": first["next"]})).json()
    assert [app["name"] for app in second["apps"]] == ["app-2", "app-3"]


@pytest.mark.parametrize("path", sorted(LISTS))
@pytest.mark.parametrize("query", ["limit=0", "limit=501", "limit=x", "cursor=x", "cursor=W10", "cursor=WyJ4Il0x"])
async def test_what_no_page_can_be_is_refused(http: httpx.AsyncClient, full: Mesh, path: str, query: str) -> None:
    """No page is larger than the bound, and a cursor is one that was given; never a fault."""
    answer = await http.get(f"{path}?{query}")
    assert answer.status_code == 422 or (query == "cursor=W10" and answer.status_code == 200)


@pytest.mark.parametrize(
    ("path", "name", "count"),
    [
        ("/v1/api-keys?subject=subject-0", "api_keys", 3),
        ("/v1/join-tokens?service=orders", "join_tokens", 2),
        ("/v1/revocations?issuer=own", "revocations", 5),
        ("/v1/revocations?issuer=none", "revocations", 0),
        ("/v1/sidecars?service=orders&state=nacked", "sidecars", 0),
        ("/v1/versions?before=3", "versions", 2),
    ],
)
async def test_lists_are_narrowed(http: httpx.AsyncClient, full: Mesh, path: str, name: str, count: int) -> None:
    """By what an operator looks for; the pages' links keep it."""
    assert len((await http.get(path)).json()[name]) == count
    first = await http.get(path + "&limit=1")
    if count > 1:
        assert path.partition("?")[2] in first.links["next"]["url"]


async def test_an_unknown_state_is_refused(http: httpx.AsyncClient) -> None:
    """A slip does not look like an empty list."""
    assert (await http.get("/v1/sidecars?state=lost")).status_code == 422
