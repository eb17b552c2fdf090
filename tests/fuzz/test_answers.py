"""Whatever stands in cookies and paths: a credential leaves nothing behind, a redirect goes where it should."""

from urllib.parse import urlsplit

from hypothesis import given
from hypothesis import strategies as st

from sidecar.authn.credential import Credential, find_credential
from sidecar.authz.decision import RequestFacts
from sidecar.authz.evaluator import Evaluator
from sidecar.contract.snapshot import Redirect, Route, Source
from sidecar.http1.fields import render
from sidecar.proxy.answers import own_answer
from sidecar.proxy.stripping import without_credential

from ..authn.minting import NOW
from ..proxy.stage import snapshot

CRUMBS = st.lists(st.sampled_from([b"s=abc", b"s", b"S=abc", b" s = abc", b"a=1", b's="abc"', b"", b"ss=1", b"\ts=x"]))
COOKIES = st.lists(st.one_of(CRUMBS.map(b";".join), st.binary(max_size=12)), max_size=3)
SOURCE = Source(place="cookie", name="s")


@given(COOKIES)
def test_a_cookie_that_counted_is_gone_and_others_stay(values: list[bytes]) -> None:
    """What is found once is not found again, and no other crumb is lost."""
    fields = [(b"cookie", value) for value in values]
    if isinstance(find_credential(fields, "", (SOURCE,)), Credential):
        left = without_credential(fields, SOURCE)
        assert find_credential(left, "", (SOURCE,)) is None
        before, after = (
            [crumb.strip(b" \t") for _, value in some for crumb in value.split(b";")] for some in (fields, left)
        )
        assert [crumb for crumb in after if crumb] == [
            crumb for crumb in before if crumb and crumb.partition(b"=")[0].strip(b" \t") != b"s"
        ]
        assert all(value for _, value in left)


PIECES = [
    "/",
    "//",
    "evil.test",
    "..",
    ".",
    "%2f",
    "%5c",
    "\\",
    "@",
    ":",
    "?",
    "#",
    "%0d%0a",
    "a",
    ";x",
    "%25",
    "&t=x",
    "t=y",
]
TARGETS = st.lists(st.sampled_from(PIECES), max_size=10).map(lambda pieces: "/old/" + "".join(pieces))
BASES = ("/", "/new", "/new/?v=1", "https://new.test", "https://new.test:8443/x/", "http://[::1]/#top")
MOVED = [
    Evaluator(snapshot(Route("/old/**", access="public", encoded_slash="keep", redirect=Redirect(to, keep_path=keep))))
    for to in BASES
    for keep in (True, False)
]


@given(st.sampled_from(MOVED), TARGETS)
def test_a_redirect_stays_where_the_policy_sent_it(evaluator: Evaluator, target: str) -> None:
    """Scheme and authority are the policy's, whatever the path; and it is one line."""
    decision = evaluator.evaluate(RequestFacts("GET", target.encode()), NOW)
    if not decision.allowed:
        return
    said = own_answer(decision)
    assert said is not None
    assert decision.route is not None
    assert decision.route.redirect is not None
    ((_, location),) = said.headers
    render(b"HTTP/1.1 308 Permanent Redirect", said.headers)
    to, went = urlsplit(decision.route.redirect.to), urlsplit(location.decode())
    assert (went.scheme, went.netloc) == (to.scheme, to.netloc)
    assert went.path.startswith(to.path.rstrip("/"))
    assert not location.startswith((b"//", b"/\\"))
