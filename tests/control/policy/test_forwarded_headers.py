"""Control refuses every header that a sidecar would: a policy that passes the check is never a NACK."""

import pytest

from control.policy import PolicyErrors, compile_snapshot, load
from sidecar.proxy import names
from sidecar.proxy.changes import check_changes

POLICY = """
trust_domain: shop.test
issuers:
  own: {{builtin: true}}
services:
  orders:
    routes: [{{path: /**}}]
    forward: {{headers: {{{name}: claims.tenant}}}}
"""
REFUSED = sorted(name.decode() for name in names.HOP_BY_HOP | names.SET_HERE | {b"authorization"})


@pytest.mark.parametrize("name", [*REFUSED, "X-Auth-Subject", "X_Auth.Subject", "Content_Length", "X.Forwarded.For"])
def test_a_header_that_sidecars_refuse(name: str) -> None:
    """Its line, and the sentence."""
    with pytest.raises(PolicyErrors, match="not free to be set"):
        load(POLICY.format(name=name), {}, {})


@pytest.mark.parametrize(
    "name", [*REFUSED, "X-Auth-Subject", "X_Auth.Subject", "Content_Length", "X-Tenant", "x_tenant"]
)
@pytest.mark.parametrize("part", ["remove: [{}]", "set: {{{}: v}}", "add: {{{}: v}}"])
@pytest.mark.parametrize("place", ["route", "forward"])
def test_a_change_that_sidecars_refuse(name: str, part: str, place: str) -> None:
    """On what the service gets, for one route or for all; the headers that claims fill among them."""
    changes = f"request_headers: {{{part.format(name)}}}"
    source = POLICY.format(name="X-Tenant")
    if place == "route":
        source = source.replace("{path: /**}", f"{{path: /**, {changes}}}")
    else:
        source = source.replace("claims.tenant}}", f"claims.tenant}}, {changes}}}")
    with pytest.raises(PolicyErrors, match=r"not free to be set|filled from the claims"):
        load(source, {}, {})


@pytest.mark.parametrize("name", sorted(name.decode() for name in names.HOP_BY_HOP | {b"content-length"}))
def test_a_change_of_the_answer_that_sidecars_refuse(name: str) -> None:
    """Framing is the connection's."""
    source = POLICY.format(name="X-Tenant").replace("/**}", f"/**, response_headers: {{remove: [{name}]}}}}")
    with pytest.raises(PolicyErrors, match="not free to be set"):
        load(source, {}, {})


def test_what_passes_here_passes_there() -> None:
    """Every change that a policy may make, a sidecar makes."""
    changes = "{remove: [Server], set: {X-A: 'a b', x_b: 'c'}, add: {Link: '<a>; rel=b'}}"
    rest = f"/**, request_headers: {changes}, response_headers: {changes}}}"
    policy = load(POLICY.format(name="X-Tenant").replace("/**}", rest), {}, {})
    check_changes(compile_snapshot(policy, "orders", version=1, issued_at=0, own=None, secrets=lambda _: None))


def test_a_header_of_one_s_own() -> None:
    """Anything else is free."""
    assert load(POLICY.format(name="X-Tenant"), {}, {}).service("orders")
