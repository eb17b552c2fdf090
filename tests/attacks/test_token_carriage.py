"""How a token is carried: every way in which two parties have read two credentials, or one that was none, out of a
request. What is not ``Authorization: Bearer token`` is no bearer token, and two are refused."""

import pytest
import trio

from sidecar.contract.snapshot import Route, Source

from ..authn.minting import API_KEY, api_key, b64, claims, mint
from ..proxy.stage import Stage
from .attack import MALFORMED, Answer
from .token_attack import ES, INVALID, MISSING, ROUTES, SEVERAL, asking, status_and_word, world

GOOD = mint(claims(scope="admin")).encode()
BEARER = b"Authorization: Bearer " + GOOD
BAD = b"Authorization: Bearer " + mint(number=7).encode()
KEY = b"Authorization: ApiKey " + API_KEY.encode()
COOKIE, HEADER = Source(place="cookie", name="t"), Source(place="header", name="x-t")
QUERY = Source(place="query", name="t")
KEY_HEADER = Source("api_key", "header", "x-api-key")
CARRYING = (
    Route("/cookie/**", credentials=(Source(), COOKIE)),
    Route("/header/**", credentials=(HEADER,)),
    Route("/query/**", credentials=(Source(), QUERY)),
    Route("/key/**", credentials=(KEY_HEADER, Source("api_key"))),
    *ROUTES,
)

ONE_HEADER: dict[str, tuple[bytes, Answer]] = {
    "nothing": (b"Authorization:", MISSING),
    "the scheme alone": (b"Authorization: Bearer", INVALID),
    "the scheme and spaces": (b"Authorization: Bearer     ", INVALID),
    "the token alone": (b"Authorization: " + GOOD, MISSING),
    "the scheme behind": (b"Authorization: " + GOOD + b" Bearer", MISSING),
    "the scheme twice": (b"Authorization: Bearer Bearer " + GOOD, INVALID),
    "a tab after the scheme": (b"Authorization: Bearer\t" + GOOD, INVALID),
    "a tab among the spaces": (b"Authorization: Bearer \t" + GOOD, INVALID),
    "a no-break space after the scheme": (b"Authorization: Bearer\xa0" + GOOD, INVALID),
    "a colon after the scheme": (b"Authorization: Bearer: " + GOOD, INVALID),
    "a comma after the scheme": (b"Authorization: Bearer," + GOOD, INVALID),
    "an equals sign after the scheme": (b"Authorization: Bearer=" + GOOD, INVALID),
    "a parameter": (b"Authorization: Bearer token=" + GOOD, INVALID),
    "a quoted parameter": (b'Authorization: Bearer token="' + GOOD + b'"', INVALID),
    "quotes": (b'Authorization: Bearer "' + GOOD + b'"', INVALID),
    "quotes around it all": (b'Authorization: "Bearer ' + GOOD + b'"', MISSING),
    "two tokens with a comma": (b"Authorization: Bearer " + GOOD + b", Bearer " + GOOD, INVALID),
    "two tokens with a comma, no space": (b"Authorization: Bearer " + GOOD + b"," + GOOD, INVALID),
    "two tokens with a space": (b"Authorization: Bearer " + GOOD + b" " + GOOD, INVALID),
    "two tokens with a semicolon": (b"Authorization: Bearer " + GOOD + b"; " + GOOD, INVALID),
    "Basic before it": (b"Authorization: Basic eDp4, Bearer " + GOOD, MISSING),
    "Basic behind it": (b"Authorization: Bearer " + GOOD + b", Basic eDp4", INVALID),
    "Negotiate before it": (b"Authorization: Negotiate Bearer " + GOOD, MISSING),
    "DPoP": (b"Authorization: DPoP " + GOOD, MISSING),
    "MAC": (b"Authorization: MAC " + GOOD, MISSING),
    "Token": (b"Authorization: Token " + GOOD, MISSING),
    "JWT": (b"Authorization: JWT " + GOOD, MISSING),
    "Basic with the token as password": (b"Authorization: Basic " + b64(b"x:" + GOOD).encode(), MISSING),
    "Bearers": (b"Authorization: Bearers " + GOOD, MISSING),
    "a Cyrillic letter in the scheme": ("Authorization: B\u0435arer ".encode() + GOOD, MISSING),
    "full-width letters in the scheme": ("Authorization: \uff22earer ".encode() + GOOD, MISSING),
    "a zero-width space before": ("Authorization: \u200bBearer ".encode() + GOOD, MISSING),
    "Latin-1 behind": (BEARER + b"\xe9", INVALID),
    "a no-break space behind": (BEARER + b"\xa0", INVALID),
    "a NUL behind": (BEARER + b"\0", MALFORMED),
    "a NUL in the scheme": (b"Authorization: Bea\0rer " + GOOD, MALFORMED),
    "a bare CR inside": (b"Authorization: Bearer\r" + GOOD, MALFORMED),
    "a bare LF inside": (b"Authorization: Bearer\n " + GOOD, MALFORMED),
    "a folded line": (b"Authorization: Bearer\r\n " + GOOD, MALFORMED),
    "a delete character": (BEARER + b"\x7f", MALFORMED),
    "a space before the colon": (b"Authorization : Bearer " + GOOD, MALFORMED),
    "a tab before the colon": (b"Authorization\t: Bearer " + GOOD, MALFORMED),
    "a space before the name": (b" Authorization: Bearer " + GOOD, MALFORMED),
    "a look-alike of the name": ("Authori\u0437ation: Bearer ".encode() + GOOD, MALFORMED),
    "Proxy-Authorization": (b"Proxy-Authorization: Bearer " + GOOD, MISSING),
    "X-Authorization": (b"X-Authorization: Bearer " + GOOD, MISSING),
    "X-Forwarded-Authorization": (b"X-Forwarded-Authorization: Bearer " + GOOD, MISSING),
    "X-Auth-Token": (b"X-Auth-Token: " + GOOD, MISSING),
    "X-Access-Token": (b"X-Access-Token: " + GOOD, MISSING),
    "X-Original-Authorization": (b"X-Original-Authorization: Bearer " + GOOD, MISSING),
    "HTTP_AUTHORIZATION": (b"HTTP_AUTHORIZATION: Bearer " + GOOD, MISSING),
    "X-Endpoint-API-UserInfo": (b"X-Endpoint-API-UserInfo: " + b64(b"{}").encode(), MISSING),
    "the identity that a sidecar before us would give": (b"X-Auth-Subject: admin", MISSING),
    "a claims header of Istio": (b"X-Jwt-Payload: " + b64(b'{"sub":"admin"}').encode(), MISSING),
    "a client certificate's header": (b"X-Forwarded-Client-Cert: URI=spiffe://shop.test/web", MISSING),
    "a cookie where none is asked for": (b"Cookie: access_token=" + GOOD, MISSING),
    "Sec-WebSocket-Protocol": (b"Sec-WebSocket-Protocol: bearer, " + GOOD, MISSING),
    "an API key as bearer": (b"Authorization: Bearer " + API_KEY.encode(), INVALID),
    "a token as API key": (b"Authorization: ApiKey " + GOOD, INVALID),
}
TWO: dict[str, tuple[bytes, Answer]] = {
    "two Authorization headers": (asking(BEARER, BEARER), SEVERAL),
    "two, the first bad": (asking(BAD, BEARER), SEVERAL),
    "two, the second bad": (asking(BEARER, BAD), SEVERAL),
    "two, the second empty": (asking(BEARER, b"Authorization:"), SEVERAL),
    "two, the first Basic": (asking(b"Authorization: Basic eDp4", BEARER), SEVERAL),
    "two in different case": (asking(BEARER, b"AUTHORIZATION: Bearer " + GOOD), SEVERAL),
    "a token and an API key": (asking(BEARER, KEY), SEVERAL),
    "a bearer and a cookie": (asking(BEARER, b"Cookie: t=" + GOOD, target="/cookie/a"), SEVERAL),
    "a bad bearer and a good cookie": (asking(BAD, b"Cookie: t=" + GOOD, target="/cookie/a"), SEVERAL),
    "a bearer and an empty cookie": (asking(BEARER, b"Cookie: t=", target="/cookie/a"), SEVERAL),
    "a cookie twice in a line": (asking(b"Cookie: t=" + GOOD + b"; t=" + GOOD, target="/cookie/a"), SEVERAL),
    "a cookie in two lines": (asking(b"Cookie: t=" + GOOD, b"Cookie: t=" + GOOD, target="/cookie/a"), SEVERAL),
    "a quoted cookie": (asking(b'Cookie: t="' + GOOD + b'"', target="/cookie/a"), INVALID),
    "a cookie in another case": (asking(b"Cookie: T=" + GOOD, target="/cookie/a"), MISSING),
    "a cookie within a quoted one": (asking(b'Cookie: a="; t2=' + GOOD, target="/cookie/a"), MISSING),
    "a cookie with Bearer in it": (asking(b"Cookie: t=Bearer " + GOOD, target="/cookie/a"), INVALID),
    "a cookie with a comma": (asking(b"Cookie: t=" + GOOD + b", t=" + GOOD, target="/cookie/a"), INVALID),
    "a bearer where a header is asked for": (asking(BEARER, target="/header/a"), INVALID),
    "a bearer beside the header": (asking(BEARER, b"X-T: " + GOOD, target="/header/a"), SEVERAL),
    "the header twice": (asking(b"X-T: " + GOOD, b"X-T: " + GOOD, target="/header/a"), SEVERAL),
    "the header and one with underscores": (asking(b"X-T: " + GOOD, b"X_T: " + GOOD, target="/header/a"), SEVERAL),
    "the header with a scheme": (asking(b"X-T: Bearer " + GOOD, target="/header/a"), INVALID),
    "a query where none is asked for": (asking(target="/mine/a?access_token=" + GOOD.decode()), MISSING),
    "a query twice": (asking(target=f"/query/a?t={GOOD.decode()}&t={GOOD.decode()}"), SEVERAL),
    "a query twice, once escaped": (asking(target=f"/query/a?t={GOOD.decode()}&%74={GOOD.decode()}"), SEVERAL),
    "a query and a bearer": (asking(BEARER, target=f"/query/a?t={GOOD.decode()}"), SEVERAL),
    "a query and an empty one": (asking(target=f"/query/a?t={GOOD.decode()}&t"), SEVERAL),
    "a query in another case": (asking(target=f"/query/a?T={GOOD.decode()}"), MISSING),
    "a query with brackets": (asking(target=f"/query/a?t[]={GOOD.decode()}"), MISSING),
    "a query and one behind a semicolon": (asking(target=f"/query/a?t={GOOD.decode()};t={GOOD.decode()}"), SEVERAL),
    "a query with a space behind": (asking(target=f"/query/a?t={GOOD.decode()}%20"), INVALID),
    "a query with a newline behind": (asking(target=f"/query/a?t={GOOD.decode()}%0a"), INVALID),
    "a query with a NUL behind": (asking(target=f"/query/a?t={GOOD.decode()}%00"), INVALID),
    "a token in a matrix parameter": (asking(target=f"/mine/a;access_token={GOOD.decode()[:20]}"), MISSING),
    "a token in the user of an absolute target": (asking(target=f"http://{GOOD.decode()}@orders/mine/a"), MALFORMED),
    "a form's body (RFC 6750 section 2.2)": (
        b"POST /mine/a HTTP/1.1\r\nHost: orders\r\nContent-Type: application/x-www-form-urlencoded\r\n"
        b"Content-Length: %d\r\n\r\naccess_token=%b" % (len(GOOD) + 13, GOOD),
        MISSING,
    ),
    "a trailer": (
        b"POST /mine/a HTTP/1.1\r\nHost: orders\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n" + BEARER + b"\r\n\r\n",
        MISSING,
    ),
    "Connection takes the header away": (asking(BEARER, b"Connection: authorization"), MALFORMED),
}
_KEYS: dict[str, tuple[bytes, Answer]] = {
    "the hash as secret": (b"sgk_k7_" + api_key().secret_hash.encode(), INVALID),
    "the id alone": (b"sgk_k7_", INVALID),
    "the id and a guess": (b"sgk_k7_" + b"a" * 43, INVALID),
    "the secret of another id": (b"sgk_k8_" + b"s" * 43, INVALID),
    "the secret a character short": (API_KEY[:-1].encode(), INVALID),
    "the secret and more": (API_KEY.encode() + b"s", INVALID),
    "in capitals": (API_KEY.upper().encode(), INVALID),
    "the prefix left out": (API_KEY[4:].encode(), INVALID),
    "an escaped letter": (API_KEY.replace("s", "%73", 1).encode(), INVALID),
    "a newline escaped": (API_KEY.encode() + b"%0a", INVALID),
    "a padded one": (API_KEY.encode() + b"=", INVALID),
    "SQL in the id": (b"sgk_k7'OR'1_" + b"s" * 43, INVALID),
    "an endless one": (b"sgk_k7_" + b"s" * 20_000, INVALID),
    "a look-alike": (API_KEY.encode().replace(b"k7", "\u043a7".encode()), INVALID),
    "expired": (b"sgk_old_" + b"s" * 43, (401, "token_expired")),
    "a token": (GOOD, INVALID),
}
KEYS = {name: (asking(b"X-Api-Key: " + key, target="/key/a"), answer) for name, (key, answer) in _KEYS.items()}
KEYS |= {
    "the key twice": (asking(b"X-Api-Key: " + API_KEY.encode(), b"X-Api-Key: x", target="/key/a"), SEVERAL),
    "the key in both places": (asking(b"X-Api-Key: " + API_KEY.encode(), KEY, target="/key/a"), SEVERAL),
    "a key where only tokens count": (asking(KEY), INVALID),
    "a token where only keys count": (asking(BEARER, target="/key/a"), INVALID),
}
CASES = {f"header: {name}": (asking(line), answer) for name, (line, answer) in ONE_HEADER.items()}
CASES |= {f"places: {name}": case for name, case in TWO.items()} | {
    f"keys: {name}": case for name, case in KEYS.items()
}
OLD = api_key("sgk_old_" + "s" * 43, expires_at=1_700_000_000)
WORLD = world(ES, routes=CARRYING, api_keys=(api_key(), OLD))

HONEST = {
    "a bearer": asking(BEARER),
    "RFC 9110 section 11.1: the scheme in another case": asking(b"authorization: bEARER " + GOOD),
    "several spaces": asking(b"Authorization: Bearer   " + GOOD),
    "a cookie among others": asking(b"Cookie: a=b; t=" + GOOD + b"; c=d", target="/cookie/a"),
    "a bearer where a cookie may be": asking(BEARER, target="/cookie/a"),
    "a header": asking(b"X-T: " + GOOD, target="/header/a"),
    "a query": asking(target=f"/query/a?a=1&t={GOOD.decode()}"),
    "a key": asking(b"X-Api-Key: " + API_KEY.encode(), target="/key/a"),
    "a key by its scheme": asking(KEY, target="/key/a"),
}


@pytest.mark.parametrize("name", HONEST)
async def test_the_honest_ways_pass(nursery: trio.Nursery, autojump_clock: object, name: str) -> None:
    """Without which every refusal below would prove nothing."""
    stage = Stage(nursery, snapshot=WORLD)
    assert await status_and_word(stage, HONEST[name]) == (200, "ok")


@pytest.mark.parametrize("name", CASES)
async def test_a_token_that_is_carried_oddly(nursery: trio.Nursery, autojump_clock: object, name: str) -> None:
    """One reading or none, and the service hears of none of these."""
    sent, answer = CASES[name]
    stage = Stage(nursery, snapshot=WORLD)
    assert await status_and_word(stage, sent) == answer, stage.records
    assert stage.upstream_connections == 0
    assert not stage.bugs
    assert GOOD.decode() not in repr(stage.records)
