"""Protected resource metadata (RFC 9728), derived from the policy: where tokens for a service come from, and which
scopes its rules know. The service's sidecar answers with it, and names it in its challenges."""

import json
from collections.abc import Iterator, Sequence

from sidecar.contract.snapshot import Respond, Route, Source

WELL_KNOWN = "/.well-known/oauth-protected-resource"


def metadata_url(resource: str) -> str:
    """Where the metadata of ``resource``, which has no path, is (section 3)."""
    return resource + WELL_KNOWN


def metadata_route(resource: str, name: str, issuers: Sequence[str], routes: Sequence[Route]) -> Route:
    """The rule that answers with it (section 3.2). ``issuers``: the ``iss`` of tokens that count."""
    scopes = sorted(set(_scopes(routes)))
    bearer = any(Source() in route.credentials for route in routes)
    said = {"resource": resource, "resource_name": name, "bearer_methods_supported": ["header"] if bearer else []}
    known = {"authorization_servers": list(issuers), "scopes_supported": scopes}
    body = json.dumps({**said, **{key: value for key, value in known.items() if value}})
    return Route(WELL_KNOWN, ("GET",), "public", respond=Respond(200, body, "application/json"))


def _scopes(routes: Sequence[Route]) -> Iterator[str]:
    for route in routes:
        if route.access != "public":
            yield from (*route.require.scopes, *route.require.any_scope)
