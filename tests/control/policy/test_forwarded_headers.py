"""Control refuses every header that a sidecar would: a policy that passes the check is never a NACK."""

import pytest

from control.policy import PolicyErrors, load
from sidecar.proxy import forwarding

POLICY = """
trust_domain: shop.test
issuers:
  own: {{builtin: true}}
services:
  orders:
    routes: [{{path: /**}}]
    forward: {{headers: {{{name}: claims.tenant}}}}
"""
REFUSED = sorted(name.decode() for name in forwarding.HOP_BY_HOP | forwarding.SET_HERE | {b"authorization"})


@pytest.mark.parametrize("name", [*REFUSED, "X-Auth-Subject", "X_Auth.Subject", "Content_Length", "X.Forwarded.For"])
def test_a_header_that_sidecars_refuse(name: str) -> None:
    """Its line, and the sentence."""
    with pytest.raises(PolicyErrors, match="not free to be set"):
        load(POLICY.format(name=name), {}, {})


def test_a_header_of_one_s_own() -> None:
    """Anything else is free."""
    assert load(POLICY.format(name="X-Tenant"), {}, {}).service("orders")
