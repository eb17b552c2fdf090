"""What control asks of a provider, and what it refuses to be told."""

import json
from collections.abc import Iterator, Sequence
from ipaddress import ip_network

import pytest
import trio

from control.issuers.addresses import is_private_name, may_connect
from control.issuers.fetch import MAX_BYTES, Fetcher, FetchError, Place
from control.issuers.provider import Known, Learned, learn, usable_keys
from control.issuers.provider import Provider as Named
from control.testing.provider import DISCOVERY, KEYS, Provider


@pytest.fixture
def provider() -> Iterator[Provider]:
    """A provider that answers."""
    with Provider(cache_control="public, max-age=900") as running:
        yield running


async def learned(provider: Provider, known: Known | None = None) -> Learned:
    """By discovery."""
    return await learn(Fetcher(), Named(provider.issuer), known or Known())


async def test_discovery_leads_to_the_keys(provider: Provider) -> None:
    """Public members alone, with what the provider says of their age."""
    found = await learned(provider)
    assert found.keys is not None
    assert [key["kid"] for key in found.keys] == ["first"]
    assert (found.known.jwks_url, found.fresh_s) == (provider.issuer + KEYS, 900)
    assert [path for path, _ in provider.asked] == [DISCOVERY, KEYS]
    assert provider.asked[0][1]["host"] == provider.issuer.removeprefix("http://")


async def test_a_key_set_that_has_not_changed_is_not_sent_again(provider: Provider) -> None:
    """If-None-Match and 304; a key set at another URL is asked for whole."""
    first = await learned(provider)
    assert (await learned(provider, first.known)).keys is None
    provider.add("second")
    again = await learned(provider, first.known)
    assert again.keys is not None
    assert len(again.keys) == 2
    moved = await learned(provider, Known("http://127.0.0.1:1/other", again.known.etag))
    assert moved.keys is not None


async def test_a_key_set_by_its_url(provider: Provider) -> None:
    """No discovery where the policy says where the keys are."""
    found = await learn(Fetcher(), Named("https://issuer.test/", provider.issuer + KEYS), Known())
    assert found.keys is not None
    assert [path for path, _ in provider.asked] == [KEYS]


def configuration(**said: str) -> tuple[int, dict[str, str], bytes]:
    """An answer to discovery."""
    return 200, {}, json.dumps(said).encode()


HOSTILE = {
    "another issuer": (DISCOVERY, configuration(issuer="https://evil.test", jwks_uri="http://127.0.0.1:1/keys")),
    "no issuer": (DISCOVERY, configuration(jwks_uri="http://127.0.0.1:1/keys")),
    "not JSON": (DISCOVERY, (200, {}, b"<html>")),
    "a list": (DISCOVERY, (200, {}, b"[]")),
    "not UTF-8": (DISCOVERY, (200, {}, b'{"issuer": "\xff"}')),
    "two issuers": (DISCOVERY, (200, {}, b'{"issuer": "a", "issuer": "b"}')),
    "deep": (DISCOVERY, (200, {}, b"[" * 100_000)),
    "too long": (DISCOVERY, (200, {}, b" " * (MAX_BYTES + 1))),
    "a length that is not kept": (DISCOVERY, (200, {"Content-Length": "999"}, b"{}")),
    "an error": (DISCOVERY, (500, {}, b"")),
    "compressed": (DISCOVERY, (200, {"Content-Encoding": "gzip"}, b"\x1f\x8b")),
    "elsewhere": (DISCOVERY, (302, {"Location": "http://127.0.0.2/"}, b"")),
    "a file": (DISCOVERY, (302, {"Location": "file:///etc/passwd"}, b"")),
    "a circle": (DISCOVERY, (302, {"Location": DISCOVERY}, b"")),
    "no keys": (KEYS, (200, {}, b'{"keys": []}')),
    "keys that are none": (KEYS, (200, {}, b'{"keys": [1, {}, {"kty": "oct", "k": "AAAA"}]}')),
    "too many keys": (KEYS, (200, {}, json.dumps({"keys": [{"kty": "x"}] * 101}).encode())),
    "not modified without a condition": (KEYS, (304, {}, b"")),
}


@pytest.mark.parametrize("attack", HOSTILE)
async def test_what_is_refused(provider: Provider, attack: str) -> None:
    """One sentence, and nothing of it counts."""
    path, answer = HOSTILE[attack]
    provider.answers[path] = answer
    with pytest.raises(FetchError) as refused:
        await learned(provider)
    assert "evil" not in str(refused.value)


async def test_a_redirect_within_the_provider_is_followed(provider: Provider) -> None:
    """The same scheme, host and port."""
    provider.answers[DISCOVERY] = (301, {"Location": "/moved"}, b"")
    provider.answers["/moved"] = configuration(issuer=provider.issuer, jwks_uri=provider.issuer + KEYS)
    assert (await learned(provider)).keys is not None


@pytest.mark.parametrize("location", ["http://[", "//[::1", "https://a:b:c/", "https://\x7f/", "//evil@[", "https://"])
async def test_a_redirect_to_what_is_no_url(provider: Provider, location: str) -> None:
    """Is the provider's fault, said as such and asked again later, and none of control's."""
    provider.answers[DISCOVERY] = (302, {"Location": location}, b"")
    with pytest.raises(FetchError) as refused:
        await learned(provider)
    assert "evil" not in str(refused.value)


async def test_a_provider_cannot_send_control_to_a_private_address(provider: Provider) -> None:
    """A ``jwks_uri`` on another host than the issuer's must be public and https."""
    for url in ("http://localhost:1/keys", "https://169.254.169.254/latest", "https://[::1]/keys", "https://vault/v1"):
        provider.answers[DISCOVERY] = configuration(issuer=provider.issuer, jwks_uri=url)
        with pytest.raises(FetchError, match=r"not https|private network|resolved"):
            await learned(provider)


async def leads_to(*addresses: str) -> Sequence[str]:
    """What a name server says."""
    return addresses


async def test_a_public_name_that_leads_inside_is_refused(provider: Provider) -> None:
    """DNS rebinding: the address that is judged is the one that is called. An operator may allow a network."""
    port = provider.issuer.rsplit(":", 1)[1]
    place = Place(f"http://login.example.com:{port}{KEYS}", allow_http=True)
    with pytest.raises(FetchError, match="private network"):
        await Fetcher(resolve=lambda *_: leads_to("127.0.0.1", "10.0.0.1")).get(place)
    assert provider.asked == []
    allowed = Fetcher([ip_network("127.0.0.0/8")], resolve=lambda *_: leads_to("127.0.0.1"))
    assert (await allowed.get(place)).body is not None
    assert provider.asked[0][1]["host"] == f"login.example.com:{port}"


async def test_plain_http_needs_the_policys_word() -> None:
    """Not to a name that is not this machine; and no user name ever."""
    for url in ("http://idp.test/keys", "ftp://idp.test/keys", "https://user:pass@idp.test/keys", "https://", "x"):
        with pytest.raises(FetchError) as refused:
            await Fetcher(resolve=lambda *_: leads_to("127.0.0.1")).get(Place(url))
        assert "pass" not in str(refused.value)


async def test_each_address_is_tried() -> None:
    """The first that takes the connection answers."""
    with Provider() as provider:
        port = provider.issuer.rsplit(":", 1)[1]
        fetcher = Fetcher(resolve=lambda *_: leads_to("127.0.0.9", "127.0.0.1"))
        assert (await fetcher.get(Place(f"http://localhost:{port}{KEYS}"))).body is not None


async def test_a_provider_that_says_nothing_is_given_up(autojump_clock: trio.abc.Clock) -> None:
    """Ten seconds for all of it, the name included."""

    async def never(_host: str, _port: int) -> Sequence[str]:
        await trio.sleep_forever()
        raise AssertionError

    with pytest.raises(FetchError, match="within 10 s"):
        await Fetcher(resolve=never).get(Place("https://idp.example.com/keys"))


async def test_tls_is_verified(provider: Provider) -> None:
    """A port that speaks no TLS, or shows no trusted certificate, has no keys."""
    port = provider.issuer.rsplit(":", 1)[1]
    with pytest.raises(FetchError):
        await Fetcher().get(Place(f"https://127.0.0.1:{port}{KEYS}"))


@pytest.mark.parametrize(
    ("said", "fresh_s"),
    [
        ({}, None),
        ({"Cache-Control": "max-age=60"}, 60),
        ({"Cache-Control": "max-age=60", "Age": "50"}, 10),
        ({"Cache-Control": "max-age=60", "Age": "x"}, 60),
        ({"Cache-Control": "no-cache, max-age=60"}, 0),
        ({"Cache-Control": "max-age=99999999999999"}, None),
    ],
)
async def test_how_long_an_answer_is_fresh(provider: Provider, said: dict[str, str], fresh_s: int | None) -> None:
    """RFC 9111 as far as it matters."""
    provider.answers["/x"] = (200, said, b"{}")
    assert (await Fetcher().get(Place(provider.issuer + "/x"))).fresh_s == fresh_s


def test_one_bad_key_keeps_no_good_one_out(provider: Provider) -> None:
    """A private, a weak and a strange key are passed over; of two with one kid the first counts."""
    good = provider.jwks()["keys"][0]
    weak = {"kty": "RSA", "n": "AQAB", "e": "AQAB", "kid": "weak"}
    listed = [{**good, "kid": "leaked", "d": "AAAA"}, weak, good, good, {"kty": "new"}, 7]
    keys, passed_over = usable_keys(json.dumps({"keys": listed}).encode())
    assert keys == (good,)
    assert len(passed_over) == 5


@pytest.mark.parametrize(
    ("address", "host", "named", "may"),
    [
        ("8.8.8.8", "login.example.com", True, True),
        ("10.1.2.3", "login.example.com", True, False),
        ("::ffff:10.1.2.3", "login.example.com", True, False),
        ("64:ff9b::7f00:1", "login.example.com", True, False),
        ("2002:7f00:1::", "login.example.com", True, False),
        ("::127.0.0.1", "login.example.com", True, False),
        ("::169.254.169.254", "keycloak", True, False),
        ("::ffff:0:10.1.2.3", "login.example.com", True, False),
        ("64:ff9b:1::7f00:1", "login.example.com", True, False),
        ("fec0::1", "login.example.com", True, False),
        ("fec0::1", "keycloak", True, True),
        ("::1", "localhost", True, True),
        ("2a00:1450:4001::1", "login.example.com", True, True),
        ("fe80::1%eth0", "keycloak", True, False),
        ("169.254.169.254", "metadata.internal", True, False),
        ("0.0.0.0", "keycloak", True, False),  # noqa: S104 - an address to be refused
        ("10.1.2.3", "keycloak", True, True),
        ("10.1.2.3", "keycloak", False, False),
        ("127.0.0.1", "127.0.0.1", True, True),
        ("100.64.0.1", "sso.corp.example.com", True, False),
    ],
)
def test_where_a_name_may_lead(address: str, host: str, named: bool, may: bool) -> None:
    """Public addresses, and private ones for a private name that the policy itself wrote."""
    assert may_connect(address, host, named_by_policy=named, networks=()) is may


def test_private_names() -> None:
    """One label, a reserved ending, an address."""
    assert all(is_private_name(name) for name in ("keycloak", "idp.test", "a.b.internal.", "127.0.0.1", "::1"))
    assert not any(is_private_name(name) for name in ("login.example.com", "test.example.com"))
