"""Hostile targets and patterns: a value or a clean refusal, and what was matched is what is forwarded."""

from urllib.parse import parse_qsl, unquote_to_bytes

from hypothesis import given, settings
from hypothesis import strategies as st

from sidecar.authn.rejection import Rejection
from sidecar.authz.condition import Condition
from sidecar.authz.evaluator import Evaluator, RequestFacts
from sidecar.authz.expression import Hidden
from sidecar.authz.fields import FieldReader
from sidecar.authz.host import normalise_host
from sidecar.authz.pattern import compile_pattern
from sidecar.authz.target import normalise
from sidecar.contract.reasons import Reason
from sidecar.contract.snapshot import Route
from tests.authn.minting import NOW, needs, snapshot

FAST = settings(max_examples=300, deadline=None)
PIECES = [
    "/",
    ".",
    "..",
    "%2e",
    "%2E",
    "%2f",
    "%5c",
    "\\",
    ";",
    "%3b",
    "%25",
    "%00",
    "%",
    "a",
    "admin",
    "61dmin",
    "%61dmin",
    "x",
    "?",
    "#",
    "é",
    "2f",
    "2e",
]
TRICKY = st.lists(st.sampled_from(PIECES), max_size=14).map(lambda parts: ("/" + "".join(parts)).encode())
TARGETS = TRICKY | st.binary(max_size=60).map(lambda tail: b"/" + tail) | st.binary(max_size=40)

GUARDED = Evaluator(snapshot(routes=(Route("/admin/**", require=needs("admin")), Route("/**", access="public"))))


@FAST
@given(TARGETS)
def test_targets(raw: bytes) -> None:
    """A path has one normal form: nothing hidden is left in it, and normalising again changes nothing."""
    found = normalise(raw)
    if isinstance(found, Rejection):
        assert found.reason in (Reason.BAD_PATH, Reason.MALFORMED_REQUEST)
        return
    again = normalise(found.forward())
    assert again == found
    path = found.path
    assert path.startswith("/")
    assert "//" not in path
    assert not {".", "..", ""} & set(found.segments)
    for _ in range(5):
        path = unquote_to_bytes(path).decode("latin-1")
        assert not any(c < " " or c in "\\\x7f" for c in path)
        assert path.count("/") == found.path.count("/")
        assert not any(segment.partition(";")[0] in (".", "..") for segment in path.split("/"))


def _as_a_careless_server_reads(path: str) -> list[str]:
    """Drops parameters, decodes thrice, resolves dot segments: the worst upstream that we can think of."""
    text = path
    for _ in range(3):
        text = "/".join(segment.partition(";")[0] for segment in text.split("/"))
        text = unquote_to_bytes(text).decode("latin-1").replace("\\", "/")
    kept: list[str] = []
    for segment in text.split("/"):
        if segment == "..":
            kept = kept[:-1]
        elif segment not in ("", "."):
            kept.append(segment)
    return kept


@FAST
@given(TRICKY)
def test_no_path_slips_past_a_guard(raw: bytes) -> None:
    """A path that passes as public is not one that even a careless server takes for a guarded one."""
    decision = GUARDED.evaluate(RequestFacts("GET", raw), NOW)
    if decision.allowed:
        assert decision.target is not None
        assert _as_a_careless_server_reads(decision.target.path)[:1] != ["admin"]


@FAST
@given(
    st.lists(
        st.sampled_from(["/", "*", "**", "{", "}", "{x}", "a", "%41", "%2f", "..", "é", "\ud800", " ", ";"]), max_size=8
    )
)
def test_patterns(parts: list[str]) -> None:
    """A pattern compiles or is a ValueError; one that compiles matches a path made from it."""
    text = "/" + "".join(parts)
    try:
        pattern = compile_pattern(text)
    except ValueError as error:
        assert str(error)
        return
    assert pattern.matches(tuple("anything" if segment is None else segment for segment in pattern.segments))


@FAST
@given(
    st.text(max_size=12), TARGETS, st.lists(st.tuples(st.just(b"authorization"), st.binary(max_size=40)), max_size=2)
)
def test_requests(method: str, raw: bytes, headers: list[tuple[bytes, bytes]]) -> None:
    """Any request gets a Decision whose words can be logged."""
    steps: list[str] = []
    decision = GUARDED.evaluate(RequestFacts(method, raw, headers), NOW, steps)
    assert decision.allowed == (decision.reason is Reason.ALLOWED)
    assert steps
    for line in (decision.detail, *steps):
        line.encode("utf-8")
        assert line.isprintable()


WORDS = [
    *[
        "claims",
        ".sub",
        ".l",
        "[",
        "]",
        "(",
        ")",
        "'x'",
        "r'x'",
        "'\\x'",
        "1",
        "2.5",
        "0x1",
        "1u",
        "==",
        "!=",
        "<",
        "&&",
        "||",
        "!",
        "-",
        "+",
        "%",
        "/",
        "*",
        "?",
        ":",
        ",",
        ".",
        "in",
        "true",
        "null",
        "path",
        ".id",
    ],
    *[
        "request",
        ".headers",
        "['x-a']",
        ".query",
        ".method",
        "principal",
        ".roles",
        "now",
        ".exists(x,",
        ".map(x,",
        "x",
        ".all(",
        "has(",
        "size(",
        "int(",
    ],
    *[
        ".matches('a+')",
        ".matches(",
        "string(",
        "{",
        "}",
        "//",
        "é",
        "'''",
        '"""',
        "\\",
        "`",
        "@",
        "=",
        "foo",
        "bar()",
        "[].exists(y,",
        "9223372036854775807",
    ],
    "\n",
]
JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=3), inner, max_size=3),
    max_leaves=8,
)
VARIABLES = {
    "path": {"id": "7"},
    "request": {"method": "GET", "path": "/", "host": "", "scheme": "http", "headers": {"x-a": "1"}, "query": {}},
    "principal": {"subject": "", "issuer": "", "client": "", "scopes": [], "roles": ["a"]},
    "source": {"address": ""},
    "now": NOW,
}


@FAST
@given(st.lists(st.sampled_from(WORDS), max_size=12).map(" ".join) | st.text(max_size=30), JSON, JSON)
def test_conditions(text: str, sub: object, members: object) -> None:
    """A condition compiles or is a ValueError with a sentence; one that compiles has a verdict on whatever it sees."""
    try:
        condition = Condition(text, compile_pattern("/orders/{id}"), Hidden())
    except ValueError as error:
        assert str(error)
        return
    verdict = condition.verdict({**VARIABLES, "claims": {"sub": sub, "l": members}})
    assert verdict.holds in (True, False, None)
    assert verdict.detail.isprintable()


USUAL = (
    "claims.l == claims.sub",
    "claims.l.exists(x, x == claims.sub)",
    "claims.sub in claims.l",
    "claims.l.a.b[0] < 1",
)


@FAST
@given(st.sampled_from(USUAL), JSON)
def test_claims(text: str, claim: object) -> None:
    """No claim is an exception for a condition that is usual."""
    verdict = Condition(text, compile_pattern("/"), Hidden()).verdict({"claims": {"sub": claim, "l": [claim, "x"]}})
    assert verdict.detail.isprintable()


@FAST
@given(st.text(alphabet="aA.:[]8/@* \n\u212a", max_size=12) | st.text(max_size=12))
def test_hosts(authority: str) -> None:
    """A host has one spelling, or is none."""
    host = normalise_host(authority)
    assert normalise_host(host) == host
    assert host == host.lower()
    assert host.isascii()


@FAST
@given(st.text(alphabet="qa=&;%71+0", max_size=16))
def test_queries(query: str) -> None:
    """A parameter that is looked at has one value, wherever a server splits the query."""
    fields = FieldReader((), ("q",)).read((), query)
    if isinstance(fields, Rejection):
        assert fields.reason is Reason.MALFORMED_REQUEST
        return
    for text in (query, query.replace(";", "&")):
        values = [value for name, value in parse_qsl(text, keep_blank_values=True) if name == "q"]
        assert values == list(fields.query.values())
