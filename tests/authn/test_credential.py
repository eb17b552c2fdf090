"""The one credential of a request: where it may stand, and that it stands alone."""

import pytest

from sidecar.authn.credential import Credential, find_credential
from sidecar.authn.rejection import Rejection
from sidecar.contract.reasons import Reason
from sidecar.contract.snapshot import Source

FOUND = {
    "plain": (b"Bearer abc.def.ghi", "abc.def.ghi"),
    "scheme in any case": (b"bEaReR abc.def.ghi", "abc.def.ghi"),
    "several spaces (1*SP)": (b"Bearer   abc", "abc"),
    "outer whitespace": (b" \tBearer abc\t ", "abc"),
    "the whole token68 alphabet": (b"Bearer aZ09-._~+/==", "aZ09-._~+/=="),
    "basic is not bearer": (b"Basic YTpi", None),
    "a scheme that begins alike": (b"BearerX abc", None),
    "dpop is not bearer": (b"DPoP abc.def.ghi", None),
    "empty": (b"", None),
    "no scheme at all": (b"\xff\xfe", None),
}
MALFORMED = {
    "scheme alone": b"Bearer",
    "scheme and space": b"Bearer ",
    "two tokens": b"Bearer abc def",
    "a list": b"Bearer abc, Bearer def",
    "tab as separator": b"Bearer\tabc",
    "colon": b"Bearer: abc",
    "quoted": b'Bearer "abc"',
    "a parameter": b"Bearer token=abc",
    "beyond ASCII": "Bearer äbc".encode(),
    "NUL": b"Bearer abc\x00",
    "newline": b"Bearer abc\ndef",
}


@pytest.mark.parametrize(("value", "token"), FOUND.values(), ids=FOUND.keys())
def test_finds_the_token(value: bytes, token: str | None) -> None:
    """A bearer token is found as it stands; another scheme is no token."""
    found = find_credential([(b"host", b"orders"), (b"authorization", value)])
    assert found == (None if token is None else Credential(Source(), token))


@pytest.mark.parametrize("value", MALFORMED.values(), ids=MALFORMED.keys())
def test_refuses_a_malformed_bearer(value: bytes) -> None:
    """Whoever says Bearer and sends no token68 has sent a bad token, not none."""
    found = find_credential([(b"authorization", value)])
    assert isinstance(found, Rejection)
    assert found.reason is Reason.INVALID_TOKEN


@pytest.mark.parametrize("second", [b"Bearer abc", b"Bearer xyz", b"Basic YTpi", b""])
def test_refuses_two_authorization_headers(second: bytes) -> None:
    """Two are ambiguous, even when they are equal."""
    found = find_credential([(b"authorization", b"Bearer abc"), (b"authorization", second)])
    assert isinstance(found, Rejection)
    assert found.reason is Reason.SEVERAL_CREDENTIALS


def test_looks_nowhere_else() -> None:
    """Proxy-Authorization, cookies and queries are not credentials where the route does not say so."""
    headers = [(b"proxy-authorization", b"Bearer abc"), (b"cookie", b"access_token=abc"), (b"x-api-key", b"abc")]
    assert find_credential(headers, "access_token=abc") is None


KEY = Source("api_key")
COOKIE = Source("token", "cookie", "session")
HEADER = Source("token", "header", "x-token")
KEY_HEADER = Source("api_key", "header", "x-api-key")
QUERY = Source("token", "query", "access_token")
ALL = (Source(), KEY, COOKIE, HEADER, KEY_HEADER, QUERY)
Headers = list[tuple[bytes, bytes]]

ELSEWHERE: dict[str, tuple[Headers, str, Source]] = {
    "ApiKey": ([(b"authorization", b"ApiKey abc")], "", KEY),
    "apikey, any case": ([(b"authorization", b"aPiKeY abc")], "", KEY),
    "a cookie": ([(b"cookie", b"session=abc")], "", COOKIE),
    "a cookie among others": ([(b"cookie", b"a=b; session=abc; c=d")], "", COOKIE),
    "a cookie without the space": ([(b"cookie", b"a=b;session=abc;c=d")], "", COOKIE),
    "beside a cookie that ends alike": ([(b"cookie", b"xsession=x; session=abc; session2=y; Session=z")], "", COOKIE),
    "in the second cookie line": ([(b"cookie", b"a=b"), (b"cookie", b"session=abc")], "", COOKIE),
    "a header": ([(b"x-token", b" abc\t")], "", HEADER),
    "a key in a header": ([(b"x-api-key", b"abc")], "", KEY_HEADER),
    "a query parameter": ([], "access_token=abc", QUERY),
    "a query parameter among others": ([], "a=b&access_token=abc&c", QUERY),
    "an escaped query parameter": ([], "a=b&access%5Ftoken=%61bc", QUERY),
    "beside another scheme": ([(b"authorization", b"Basic YTpi"), (b"cookie", b"session=abc")], "", COOKIE),
}


@pytest.mark.parametrize(("headers", "query", "source"), ELSEWHERE.values(), ids=ELSEWHERE.keys())
def test_finds_it_where_the_route_says(headers: Headers, query: str, source: Source) -> None:
    """And says where, so that it can be taken away from what is forwarded."""
    assert find_credential(headers, query, ALL) == Credential(source, "abc")
    assert find_credential(headers, query, (source,)) == Credential(source, "abc")


BEARER = (b"authorization", b"Bearer abc")
SEVERAL: dict[str, tuple[Headers, str]] = {
    "bearer and cookie": ([BEARER, (b"cookie", b"session=abc")], ""),
    "bearer and query": ([BEARER], "access_token=abc"),
    "bearer and header": ([BEARER, (b"x-token", b"abc")], ""),
    "bearer and key": ([BEARER, (b"x-api-key", b"abc")], ""),
    "key and cookie": ([(b"authorization", b"ApiKey abc"), (b"cookie", b"session=abc")], ""),
    "an empty bearer and a cookie": ([(b"authorization", b"Bearer"), (b"cookie", b"session=abc")], ""),
    "a bearer and an empty cookie": ([BEARER, (b"cookie", b"session=")], ""),
    "the cookie twice": ([(b"cookie", b"session=abc; session=abc")], ""),
    "the cookie in two lines": ([(b"cookie", b"session=abc"), (b"cookie", b"session=xyz")], ""),
    "the header twice": ([(b"x-token", b"abc"), (b"x-token", b"abc")], ""),
    "the header twice, once as CGI reads it": ([(b"x-token", b"abc"), (b"x_token", b"xyz")], ""),
    "the parameter twice, once after a semicolon": ([], "access_token=abc&a=b;access_token=xyz"),
    "the parameter twice, with a semicolon between": ([], "access_token=abc;access_token=xyz"),
    "the parameter twice": ([], "access_token=abc&access_token=abc"),
    "the parameter twice, once escaped": ([], "access_token=abc&access%5ftoken=xyz"),
    "the parameter twice, once bare": ([], "access_token&access_token=xyz"),
    "cookie and query": ([(b"cookie", b"session=abc")], "access_token=abc"),
}


@pytest.mark.parametrize(("headers", "query"), SEVERAL.values(), ids=SEVERAL.keys())
def test_refuses_several(headers: Headers, query: str) -> None:
    """Whichever of them another reader would take."""
    found = find_credential(headers, query, ALL)
    assert isinstance(found, Rejection)
    assert found.reason is Reason.SEVERAL_CREDENTIALS
    assert "abc" not in found.detail


@pytest.mark.parametrize("sources", [(COOKIE,), (COOKIE, QUERY), (KEY,), ()])
def test_a_bearer_that_the_route_does_not_take(sources: tuple[Source, ...]) -> None:
    """It is refused and not overlooked; beside a credential that the route takes, it is one too many."""
    found = find_credential([BEARER], "", sources)
    assert isinstance(found, Rejection)
    assert found.reason is Reason.INVALID_TOKEN
    both = find_credential([BEARER, (b"cookie", b"session=abc")], "access_token=abc", (COOKIE, QUERY))
    assert isinstance(both, Rejection)
    assert both.reason is Reason.SEVERAL_CREDENTIALS


@pytest.mark.parametrize("value", [b"", b'"abc"', b"a b", b"a,b", b"\xff", b"abc\x00", b"a=b", b"%61bc"])
def test_elsewhere_too_it_is_one_token68(value: bytes) -> None:
    """An empty or quoted cookie or header is a bad credential, not none."""
    for headers in ([(b"cookie", b"session=" + value)], [(b"x-token", value)]):
        found = find_credential(headers, "", ALL)
        assert isinstance(found, Rejection)
        assert found.reason is Reason.INVALID_TOKEN


@pytest.mark.parametrize("value", ["", "a b", "a+b", "%00", "%ff", "a%20b", "%2561", "%zz", "a=b", "abc;x=y", "abc;"])
def test_a_parameter_is_one_token68(value: str) -> None:
    """Unescaped once, as a service would."""
    found = find_credential([], f"access_token={value}", ALL)
    assert isinstance(found, Rejection)
    assert found.reason is Reason.INVALID_TOKEN


def test_a_parameter_after_a_semicolon() -> None:
    """Is not taken, for not every server would find it, and not overlooked, for some would."""
    found = find_credential([], "a=b;access_token=abc", ALL)
    assert isinstance(found, Rejection)
    assert found.reason is Reason.INVALID_TOKEN


def test_a_credential_never_shows() -> None:
    """Its repr says where it stood and not what it is."""
    assert "abc" not in repr(find_credential([BEARER]))
