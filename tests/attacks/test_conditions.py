"""Conditions that a caller makes expensive: what would hold other callers up is not begun, and what is honest is."""

import pytest

from sidecar.authz.condition import Condition
from sidecar.authz.effort import MAX_EFFORT, effort
from sidecar.authz.evaluator import Evaluator
from sidecar.authz.expression import Hidden
from sidecar.authz.pattern import compile_pattern
from sidecar.contract.snapshot import FieldMatch, Route, Snapshot, Source
from sidecar.contract.strict import ContractError

HEADER = 'request.headers["x-a"]'
LONG = "ab" * 30_000
MEMBERS = [f"{number:032x}" for number in range(400)]


def holds(text: str, claims: dict[str, object], header: str) -> bool | None:
    """What a condition says of these claims and this header; None is not to be told."""
    condition = Condition(text, compile_pattern("/orders/{id}"), Hidden())
    request = {"headers": {"x-a": header}, "query": {}}
    return condition.verdict({"claims": claims, "path": {"id": "7"}, "request": request}).holds


@pytest.mark.parametrize(
    "text",
    [
        f'{HEADER}.matches("^[ab]*a[ab]{{200}}c")',
        f'{HEADER}.matches("(?i)(a|b|ab)*a(a|b){{60}}c")',
        f"({'+'.join([HEADER] * 80)}) == 'x'",
        " && ".join(["claims.a.all(x, !(x in claims.b))"] * 8),
        "claims.a.all(x, claims.b == claims.a)",
        "claims.a.all(x, claims != claims.b)",
        "claims.a.map(x, x).size() > 1",
        "claims.a.filter(x, x != 'q').size() > 1",
        " || ".join([f"claims.a.exists(x, {HEADER}.contains(x))"] * 8),
    ],
)
def test_what_a_caller_makes_expensive_is_not_begun(text: str) -> None:
    """Each is costly for what fits into one request, and cheap for a small one."""
    assert holds(text, {"a": MEMBERS, "b": MEMBERS[1:]}, LONG) is None
    assert holds(text, {"a": ["1"], "b": ["1"]}, "b") is not None


@pytest.mark.parametrize(
    "text",
    [
        "claims.groups.exists(g, g == claims.sub) || claims.groups.exists(g, g == path.id)",
        "claims.orgs.exists(o, o.id == path.id && o.role in ['owner', 'admin'])",
        "claims.groups.filter(g, g.startsWith('0')).size() > 2",
        "claims.groups.exists(g, g in claims.roles)",
        "'orders:' + path.id in claims.groups",
        f"{HEADER}.matches('^[a-z0-9-]+$')",
        r"claims.sub.matches('^[\\w.-]+@shop\\.test$')",
    ],
)
def test_what_is_honest_is_told(text: str) -> None:
    """With two hundred groups and a long header."""
    orgs = [{"id": str(number), "role": "clerk"} for number in range(40)]
    claims = {"sub": "ann", "groups": MEMBERS[:200], "roles": MEMBERS[:30], "orgs": orgs}
    assert holds(text, claims, "a" * 2000) is not None


@pytest.mark.parametrize(
    "pattern",
    [
        r"[]\w]{64}",
        r"[^]\w]{64}",
        r"([)]\w){64}",
        r"[[a]\w]{64}",
        r"[[:alpha:]\w]{64}",
        r"\w*?{64}",
        r"\w{2}?{32}",
        r"\D{280}",
        r"\d{280}",
        r"(?:\w{8}|x){8}",
        r"[(]\w{64}",
    ],
)
def test_no_spelling_hides_a_large_regular_expression(pattern: str) -> None:
    """Brackets within brackets, a lazy repetition repeated, classes that are larger than they look."""
    assert effort(pattern) > MAX_EFFORT
    with pytest.raises(ValueError, match="too large"):
        holds(f"{HEADER}.matches(r'{pattern}')", {}, "")


@pytest.mark.parametrize("pattern", [r"(?x)\w{ 64 }", r"(?ix: \w {64})", "(?x)\\w #)\n{64}"])
def test_the_flag_that_hides_repetitions_is_not_offered(pattern: str) -> None:
    """With it, spaces and comments stand between what is repeated and how often."""
    with pytest.raises(ValueError, match="flag x"):
        effort(pattern)


@pytest.mark.parametrize(
    "pattern",
    [
        r"^[0-9a-f]{8}-([0-9a-f]{4}-){3}[0-9a-f]{12}$",
        r"[\w.-]+@[\w.-]+\.\w{2,}",
        r"^\d{4}-\d{2}-\d{2}T\d{2}:\d{2}:\d{2}Z$",
        r"^/v[0-9]+/(orders|items)/\w+$",
        r"\(?x\)?",
        r"(?i)^bearer [a-z0-9._-]{1,200}$",
    ],
)
def test_everyday_regular_expressions_are_small(pattern: str) -> None:
    """A UUID, an address, a time, a path."""
    assert effort(pattern) <= MAX_EFFORT


@pytest.mark.parametrize("name", ["x-token", "x_token", "x.token", "proxy_authorization", "cookie"])
def test_no_spelling_lets_a_rule_read_a_credential(name: str) -> None:
    """What a rule compares is told in explanations."""
    text, pattern = f"request.headers['{name}'] == 'a'", compile_pattern("/a")
    with pytest.raises(ValueError, match="may hold a credential"):
        Condition(text, pattern, Hidden(frozenset({"x-token"})))
    matched = Route("/a", access="public", headers=(FieldMatch(name, "prefix", ("a",)),))
    looked = Route("/b", credentials=(Source(place="header", name="x-token"),))
    with pytest.raises(ContractError, match="may hold a credential"):
        Evaluator(Snapshot("shop.test", "orders", 1, 0, routes=(matched, looked)))
