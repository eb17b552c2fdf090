"""How the tests of ``sidecar.authz`` ask: one request to one policy."""

from typing import Any

from sidecar.authz.evaluator import Decision, Evaluator, RequestFacts
from sidecar.contract.snapshot import Route, Snapshot
from tests.authn.minting import NOW, claims, mint, snapshot


def facts(
    target: str = "/", method: str = "GET", token: str | None = None, headers: dict[str, str] | None = None, **more: Any
) -> RequestFacts:
    """A request; ``token`` is a bearer token."""
    fields = {**({} if token is None else {"authorization": f"Bearer {token}"}), **(headers or {})}
    pairs = tuple((name.encode(), value.encode()) for name, value in fields.items())
    return RequestFacts(method, target.encode(), pairs, **more)


def ask(policy: Snapshot | Route, target: str = "/", steps: list[str] | None = None, **more: Any) -> Decision:
    """The decision on one request."""
    policy = policy if isinstance(policy, Snapshot) else snapshot(routes=(policy,))
    return Evaluator(policy).evaluate(facts(target, **more), NOW, steps)


def bearer(**changes: Any) -> str:
    """A good token with other claims."""
    return mint(claims(**changes))
