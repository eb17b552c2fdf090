"""What another policy would have decided, over what sidecars wrote down: the sidecar's own line goes in."""

from collections.abc import Sequence

import pytest

from control.policy import load
from control.policy.compile import OwnIssuer, compile_snapshot
from control.policy.recorded import read_line
from control.policy.replay import Outcome, Replay, Workloads
from sidecar.authn.principal import principal_from_claims
from sidecar.authz.evaluator import Evaluator, RequestFacts
from sidecar.contract.reasons import Reason
from sidecar.contract.snapshot import Workload
from sidecar.observe.decisions import line

from ...authn.minting import API_KEY, NOW, api_key, claims, issuer, jwk, mint
from ...authn.minting import snapshot as minted

HEAD = "trust_domain: shop.test\nissuers: {own: {builtin: true}}\nservices:\n"
OWN = OwnIssuer("https://control.test", (jwk("ES256"),), ("ES256",))
BILLING = Workload("billing", "own", ("app-7",))


def policy(routes: str, more: str = "") -> str:
    """Of one service."""
    return f"{HEAD}  orders: {{{more}routes: [{routes}]}}\n  billing: {{routes: []}}\n"


def wrote(source: str, *requests: RequestFacts) -> list[str]:
    """What the sidecar of orders writes of them under a policy."""
    loaded = load(source, {}, {})
    compiled = compile_snapshot(
        loaded, "orders", version=3, issued_at=NOW, own=OWN, secrets=lambda _: None, workloads=(BILLING,)
    )
    evaluator = Evaluator(compiled)
    return [line(evaluator, one, evaluator.evaluate(one, NOW), f"d-{n}", NOW) for n, one in enumerate(requests)]


def over(source: str, lines: Sequence[str]) -> Outcome:
    """They, under another."""
    read = [one for text in lines if (one := read_line(text)) is not None]
    workloads = Workloads()
    for one in read:
        workloads.note(one)
    run = Replay(load(source, {}, {}), workloads)
    for one in read:
        run.add(one)
    return run.outcome


def asked(target: str, method: str = "GET", token: str | None = None, **headers: str) -> RequestFacts:
    """A request; ``token`` None is a good one with one scope, "" none."""
    good = mint(claims(iss="https://control.test", aud="https://orders.shop.test", sub="ann"))
    lines = [(name.replace("_", "-").encode(), value.encode()) for name, value in headers.items()]
    shown = good if token is None else token
    lines += [(b"authorization", b"Bearer " + shown.encode())] if shown else []
    return RequestFacts(method, target.encode(), lines, "orders", "192.0.2.1")


TWO = policy("{path: /a/**, methods: [GET], require: {scopes: [orders:read]}}, {path: /b/**, require: {scopes: [x]}}")
BEFORE = policy("{path: /open/**, access: public}, {path: /a/**, require: {scopes: [orders:read]}}, {path: /**}")


def test_the_same_policy_decides_as_it_did() -> None:
    """Whatever was decided: allowed, no token, a bad one, an expired one, no route, an odd path."""
    expired = mint(claims(iss="https://control.test", aud="https://orders.shop.test", exp=NOW - 60))
    lines = wrote(
        policy(
            "{path: /a/**, methods: [GET], require: {scopes: [orders:read]}}, {path: /b/**, require: {scopes: [x]}}"
        ),
        *(asked("/a/1?x=y"), asked("/b"), asked("/a", "PUT"), asked("/c"), asked("/a", token="")),
        *(asked("/a", token="x"), asked("/a", token=expired), asked("/a/%2e%2e%2f")),
    )
    assert len(lines) == 8
    outcome = over(
        policy(
            "{path: /a/**, methods: [GET], require: {scopes: [orders:read]}}, {path: /b/**, require: {scopes: [x]}}"
        ),
        lines,
    )
    assert (outcome.decisions, outcome.same, outcome.otherwise, outcome.untold) == (8, 8, {}, {})


@pytest.mark.parametrize(
    ("after", "was", "would_be", "many"),
    [
        (
            policy("{path: /a/**, require: {scopes: [admin]}}, {path: /**, access: public}"),
            "allowed",
            "403 insuffic",
            2,
        ),
        (policy("{path: /b/**}"), "allowed", "404 no_route", 2),
        (policy("{path: /a/**, methods: [PUT]}, {path: /**, access: public}"), "allowed", "405 method_not", 2),
        (policy("{path: /**}", "deny: [{name: d, addresses: [192.0.2.0/24]}], "), "allowed", "403 denied", 2),
        (policy("{path: /**, require: {claims: {sub: bob}}}"), "allowed", "403 claims_refused", 2),
        (policy("{path: /**, require: {when: 'claims.sub == request.host'}}"), "allowed", "403 condition", 2),
        (policy("{path: /**, access: public}"), "401 missing_token", "allowed", 1),
    ],
)
def test_another_policy_decides_otherwise(after: str, was: str, would_be: str, many: int) -> None:
    """Stricter, laxer, or by what only the evaluator knows; an example is named."""
    lines = wrote(BEFORE, asked("/a/1"), asked("/a/2"), asked("/a/3", token=""))
    outcome = over(after, lines)
    found = {(one.was, one.would_be): count for one, count in outcome.otherwise.items()}
    assert [count for (old, new), count in found.items() if old == was and new.startswith(would_be)] == [many]
    assert all(example[0].startswith("d-") for example in outcome.examples.values())


def test_a_rate_limit_counts_neither_then_nor_now() -> None:
    """A request that was one too many was allowed by the policy."""
    limited = policy("{path: /**, rate_limit: {requests: 1, per: 1h}}")
    lines = wrote(limited, asked("/a"), asked("/a"))
    assert [f'"reason":"{word}"' in text for word, text in zip(("allowed", "rate_limited"), lines, strict=True)]
    assert over(limited, lines).same == 2


def test_a_caller_is_known_by_what_the_sidecar_knew() -> None:
    """Offline nobody can say which application is which workload, but the log can."""
    own = mint(claims(iss="https://control.test", aud="https://orders.shop.test", sub="app-7", client_id="app-7"))
    before = policy("{path: /**, require: {callers: [billing]}}")
    lines = wrote(before, asked("/a", token=own), asked("/a"))
    assert '"callers":["billing"]' in lines[0]
    assert over(before, lines).same == 2
    assert over(policy("{path: /**}"), lines).otherwise.total() == 1
    untold = over(policy("{path: /**, require: {callers: [orders]}}"), lines).untold
    assert untold == {"caller orders, who is nobody in the log": 2}


def test_what_was_not_written_down_is_not_guessed() -> None:
    """A header that no rule looked at, one of which only its presence is known, a service that is gone."""
    looked = policy("{path: /a, headers: {X-Flag: {present: true}}, access: public}, {path: /**}")
    [text] = wrote(looked, asked("/a", x_flag="a secret"))
    assert "a secret" not in text and '"x-flag":true' in text
    assert over(looked, [text]).same == 1
    for rule in ("headers: {X-Flag: 'on'}", "headers: {X-Other: 'on'}", "query: {q: x}"):
        outcome = over(policy(f"{{path: /a, {rule}, access: public}}, {{path: /**}}"), [text])
        assert (outcome.same, outcome.otherwise.total(), outcome.untold.total()) == (0, 0, 1), rule
    assert over(f"{HEAD}  other: {{routes: []}}\n", [text]).untold == {"service orders is not in the policy": 1}


def test_no_line_holds_a_credential() -> None:
    """Neither a token nor a key, wherever it stood."""
    key = api_key(issuer="own")
    evaluator = Evaluator(minted(issuer(name="own"), api_keys=(key,)))
    token = mint()
    for one in (
        asked("/a", token=token),
        asked(f"/{token}?t={token}", token=token),
        asked(f"/{API_KEY}", token=API_KEY),
    ):
        text = line(evaluator, one, evaluator.evaluate(one, NOW), "d", NOW)
        assert token not in text and token.split(".")[2] not in text and API_KEY not in text


@pytest.mark.parametrize(
    ("change", "told"),
    [
        (('"reason":"allowed"', '"reason":"maybe"'), "none that this version knows"),
        (('"service":"orders"', '"service":7'), "service is no text"),
        (('"callers":[]', '"callers":{}'), "callers is no list"),
        (('"headers":{}', '"headers":{"a":1}'), "headers is no object of texts"),
        (('"claims":{', '"claims":[],"x":{'), "claims is no object"),
        (("}\n", "\n"), "not JSON"),
    ],
)
def test_half_a_decision_is_told(change: tuple[str, str], told: str) -> None:
    """And other lines are passed over."""
    [text] = wrote(BEFORE, asked("/a/1"))
    with pytest.raises(ValueError, match=told):
        read_line(text.replace(*change))
    for other in ('{"kind":"access"}', "", "no JSON", '{"x":"\\"kind\\":\\"decision\\""}'):
        assert read_line(other) is None


def test_a_prefix_of_a_collector_is_passed_over() -> None:
    """As docker compose puts one before every line."""
    [text] = wrote(BEFORE, asked("/a/1"))
    found = read_line(f"orders-1  | {text}")
    assert found is not None and found.reason is Reason.ALLOWED
    assert principal_from_claims(issuer(issuer="https://control.test"), found.claims or {}, NOW) is not None
