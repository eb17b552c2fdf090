"""What the upstream is asked for: another prefix, no credential in the query, and nothing else than was matched."""

from typing import Any

import pytest

from sidecar.authz.evaluator import Evaluator
from sidecar.contract.snapshot import Forward, Redirect, Route, Source
from sidecar.contract.strict import ContractError
from tests.authn.minting import NOW, snapshot

from .asking import ask, bearer, facts

ROWS = [
    ("/api/**", "/v2", "/api/a/b?q=1", "/v2/a/b?q=1"),
    ("/api/**", "/v2", "/api", "/v2"),
    ("/api/**", "/v2", "/api/", "/v2/"),
    ("/api/**", "/v2/", "/api", "/v2/"),
    ("/api/**", "/v2/", "/api/a", "/v2/a"),
    ("/api/**", "/", "/api/a/", "/a/"),
    ("/api/**", "/", "/api", "/"),
    ("/api/**", "/", "/api//../a", None),
    ("/**", "/v2", "/a", "/v2/a"),
    ("/**", "/v2", "/", "/v2/"),
    ("/{tenant}/x/**", "/y", "/acme/x/a%20b;v=1", "/y/a%20b;v=1"),
    ("/api/**", "/v2", "/api/x/../a", "/v2/a"),
]


@pytest.mark.parametrize(("path", "rewrite", "target", "forwarded"), ROWS)
def test_takes_the_place_of_the_prefix(path: str, rewrite: str, target: str, forwarded: str | None) -> None:
    """What ``**`` matched follows as it was, escapes and trailing slash included."""
    decision = ask(Route(path, access="public", rewrite=rewrite), target)
    assert decision.forwarded == (forwarded or "").encode()
    assert decision.allowed is (forwarded is not None)


@pytest.mark.parametrize(
    "route",
    [
        Route("/api", rewrite="/v2"),
        Route("/api/**", rewrite="v2"),
        Route("/api/**", rewrite="/a/../b"),
        Route("/api/**", rewrite="/a?b=1"),
        Route("/api/**", rewrite="/a b"),
        Route("/api/**", rewrite="/a%2Fb"),
        Route("/api/**", rewrite="/é"),
        Route("/api/{id}", redirect=Redirect("/b", keep_path=True)),
    ],
)
def test_refuses_what_cannot_be_done(route: Route) -> None:
    """A prefix that is none, and one that is no path in its normal form."""
    with pytest.raises(ContractError, match="route 1"):
        Evaluator(snapshot(routes=(route,)))


def test_a_credential_in_the_query_is_not_passed_on() -> None:
    """Whatever its spelling; the other parameters stay as they came; unless the service takes credentials."""
    token = bearer()
    source = Source("token", "query", "access_token")

    def forwarded(target: str, **policy: Any) -> bytes:
        route = Route("/**", credentials=(source,))
        decision = Evaluator(snapshot(routes=(route,), **policy)).evaluate(facts(target), NOW)
        assert decision.allowed, decision.detail
        assert decision.credential == source
        return decision.forwarded

    assert forwarded(f"/a?x=%31&access_token={token}&y=+") == b"/a?x=%31&y=+"
    assert forwarded(f"/a?%61ccess_token={token}") == b"/a"
    kept = f"/a?access_token={token}&y"
    assert forwarded(kept, forward=Forward(token="keep")) == kept.encode()


def test_says_where_the_credential_stood() -> None:
    """So that the proxy takes it away; None where there was none."""
    cookie = Source("token", "cookie", "session")
    route = Route("/**", access="optional", credentials=(Source(), cookie))
    assert ask(route, headers={"cookie": f"session={bearer()}"}).credential == cookie
    assert ask(route, token=bearer()).credential == Source()
    assert ask(route).credential is None
    assert ask(route, "/a?b", token="a.b.c").forwarded == b""
