"""What a decision costs, for 10, 1,000 and 10,000 rules: ``python bench/deciding.py`` (``--decisions N`` for longer).

Each row is one shape of policy; each figure the microseconds of one ``Evaluator.evaluate``, the best of several turns,
with a token that has been verified before. A shape whose cost grows with the number of rules shows it at once. The
requests are for rules spread over the whole list; the last rows are the parts of a decision, for one route.
"""

import argparse
import sys
import time
from collections.abc import Callable
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1]))

from sidecar.authz.evaluator import Evaluator, RequestFacts
from sidecar.contract.snapshot import Deny, FieldMatch, RateLimit, Requirement, Route, Snapshot
from tests.authn.minting import NOW, mint, needs, snapshot

SIZES = (10, 1_000, 10_000)
SPREAD = 10
TURNS = 7
READ = needs("orders:read")

Shape = Callable[[int], tuple[Route, ...]]
SHAPES: dict[str, tuple[Shape, str, str]] = {
    "literal paths": (lambda n: tuple(Route(f"/s{i}/list", ("GET",), require=READ) for i in range(n)), "/s{}/list", ""),
    "/x/{id}": (lambda n: tuple(Route(f"/s{i}/{{id}}", ("GET",), require=READ) for i in range(n)), "/s{}/7", ""),
    "/{tenant}/x": (lambda n: tuple(Route(f"/{{t}}/s{i}/**", require=READ) for i in range(n)), "/a/s{}/b", ""),
    "prefixes /x/**": (lambda n: tuple(Route(f"/s{i}/**", require=READ) for i in range(n)), "/s{}/a/b/c", ""),
    "hosts": (lambda n: tuple(Route("/**", hosts=(f"s{i}.test",), require=READ) for i in range(n)), "/a", "s{}.test"),
    "hosts *.x": (lambda n: tuple(Route("/**", hosts=(f"*.s{i}.test",)) for i in range(n)), "/a", "www.s{}.test"),
}
ONE: dict[str, Snapshot] = {
    "public": snapshot(routes=(Route("/**", access="public"),)),
    "any valid token": snapshot(routes=(Route("/**"),)),
    "scope": snapshot(routes=(Route("/**", require=READ),)),
    "header matcher": snapshot(routes=(Route("/**", headers=(FieldMatch("accept", "present"),)),)),
    "deny by address": snapshot(deny=(Deny("net", addresses=("10.0.0.0/8",)),)),
    "rate limit": snapshot(routes=(Route("/**", rate_limits=(RateLimit(10**9, 1000, 10**9),)),)),
    "condition": snapshot(routes=(Route("/orders/{id}", require=Requirement(when="claims.sub == path.id")),)),
    "10,000 deny rules": snapshot(deny=tuple(Deny(f"d{i}", f"/s{i}/**") for i in range(10_000))),
}


def request(target: str, host: str = "") -> RequestFacts:
    """One with the usual headers and a good token."""
    headers = [(b"host", host.encode()), (b"user-agent", b"bench"), (b"accept", b"*/*")]
    return RequestFacts("GET", target.encode(), [*headers, (b"authorization", TOKEN)], host=host, address="192.0.2.1")


TOKEN = b"Bearer " + mint().encode()


def microseconds(policy: Snapshot, requests: list[RequestFacts], decisions: int) -> float:
    """What one decision costs."""
    evaluator = Evaluator(policy)
    for one in requests:
        decision = evaluator.evaluate(one, NOW)
        if not decision.allowed:
            raise AssertionError(decision.detail)
    turn = [requests[number % len(requests)] for number in range(decisions)]
    best = float("inf")
    for _ in range(TURNS):
        begun = time.perf_counter()
        for one in turn:
            evaluator.evaluate(one, NOW)
        best = min(best, time.perf_counter() - begun)
    return best / decisions * 1e6


def main() -> None:
    """Print both tables."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--decisions", type=int, default=2_000, help="decisions a turn")
    decisions = parser.parse_args().decisions
    print(f"{'µs a decision':<20}" + "".join(f"{size:>10,}" for size in SIZES) + "  routes")
    for name, (shape, target, host) in SHAPES.items():
        costs = []
        for size in SIZES:
            numbers = [spread * size // SPREAD for spread in range(SPREAD)]
            requests = [request(target.format(number), host.format(number)) for number in numbers]
            costs.append(microseconds(snapshot(routes=shape(size)), requests, decisions))
        print(f"{name:<20}" + "".join(f"{cost:>10.1f}" for cost in costs))
    print("\none route")
    for name, policy in ONE.items():
        print(f"{name:<20}{microseconds(policy, [request('/orders/7')], decisions):>10.1f}")


if __name__ == "__main__":
    main()
