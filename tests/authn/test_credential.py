"""The one bearer token among a request's headers."""

import pytest

from sidecar.authn.credential import find_credential
from sidecar.authn.rejection import Rejection
from sidecar.contract.reasons import Reason

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
    assert find_credential([(b"host", b"orders"), (b"authorization", value)]) == token


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
    """Proxy-Authorization and cookies are not credentials."""
    assert find_credential([(b"proxy-authorization", b"Bearer abc"), (b"cookie", b"access_token=abc")]) is None
