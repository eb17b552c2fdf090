"""One document of a provider over HTTPS, within bounds of size, time and place.

The name is resolved here, each address is judged, and the connection goes to the address that was judged, so that the
DNS cannot answer one thing to the judge and another to the socket. Proxies of the environment are not used. Knows
nothing of keys. A fault is a FetchError: one sentence, without the URL's query and without what was received.
"""

import re
import ssl
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from functools import cached_property
from urllib.parse import urljoin

import httpx
import trio

from .addresses import Network, is_loopback_name, may_connect

MAX_BYTES = 512 * 1024
TIMEOUT_S = 10.0
MAX_REDIRECTS = 3
MAX_ADDRESSES = 4
_MAX_ETAG = 500

Resolve = Callable[[str, int], Awaitable[Sequence[str]]]
"""Host and port -> its addresses; OSError if there are none."""


class FetchError(Exception):
    """The document was not to be had. The text says why, for an operator."""


@dataclass(frozen=True, slots=True)
class Place:
    """A URL, and how far it is trusted. ``named_by_policy``: an operator wrote its host, not a provider."""

    url: str
    allow_http: bool = False
    named_by_policy: bool = True


@dataclass(frozen=True, slots=True)
class Document:
    """What was received. ``body`` None: it is as ``etag`` says it was (304). ``fresh_s`` None: nothing was said."""

    body: bytes | None
    etag: str = ""
    fresh_s: int | None = None


async def _resolve(host: str, port: int) -> Sequence[str]:
    found = await trio.socket.getaddrinfo(host, port, type=trio.socket.SOCK_STREAM)
    return list(dict.fromkeys(str(address[0]) for *_, address in found))


class Fetcher:
    """Gets documents. ``networks``: private ones that the operator allows public names to lead to."""

    def __init__(self, networks: Sequence[Network] = (), resolve: Resolve = _resolve) -> None:
        self._networks, self._resolve = tuple(networks), resolve

    @cached_property
    def _tls(self) -> ssl.SSLContext:
        return httpx.create_ssl_context()  # trusts what SSL_CERT_FILE names, else the public CAs

    async def get(self, place: Place, etag: str = "") -> Document:
        """The document at ``place``; FetchError."""
        with trio.move_on_after(TIMEOUT_S):
            return await self._follow(place, etag)
        raise FetchError(f"{shown_url(place.url)}: no whole answer within {TIMEOUT_S:.0f} s")

    async def _follow(self, place: Place, etag: str) -> Document:
        url = _url(place, place.url)
        for _ in range(MAX_REDIRECTS + 1):
            answer = await self._once(url, place, etag)
            if isinstance(answer, Document):
                return answer
            target = _url(place, answer, str(url))
            if (target.scheme, target.host, target.port) != (url.scheme, url.host, url.port):
                raise FetchError(f"{shown_url(place.url)}: redirects to {target.host}, and is followed nowhere else")
            url = target
        raise FetchError(f"{shown_url(place.url)}: redirects more than {MAX_REDIRECTS} times")

    async def _once(self, url: httpx.URL, place: Place, etag: str) -> Document | str:
        """The document, or where it redirects to. Addresses are tried in turn until one takes the connection."""
        shown, fault = shown_url(str(url)), "cannot be reached"
        for address in await self._addresses(url, place):
            try:
                return await self._ask(url, address, etag)
            except httpx.ConnectError as error:
                fault = _why(error)
            except (httpx.HTTPError, httpx.InvalidURL) as error:
                raise FetchError(f"{shown}: {_why(error)}") from None
        raise FetchError(f"{shown}: {fault}")

    async def _addresses(self, url: httpx.URL, place: Place) -> Sequence[str]:
        host = url.raw_host.decode("ascii")
        try:
            found = await self._resolve(host, url.port or 443)
        except (OSError, UnicodeError):
            raise FetchError(f"{shown_url(str(url))}: its name cannot be resolved") from None
        allowed = [
            address
            for address in found
            if may_connect(address, host, named_by_policy=place.named_by_policy, networks=self._networks)
        ]
        if not allowed:
            raise FetchError(f"{shown_url(str(url))}: leads into a private network (see provider_networks)")
        return allowed[:MAX_ADDRESSES]

    async def _ask(self, url: httpx.URL, address: str, etag: str) -> Document | str:
        host = url.raw_host.decode("ascii")
        headers = {
            "Host": url.netloc.decode("ascii"),
            "Accept": "application/json, application/jwk-set+json",
            "Accept-Encoding": "identity",  # what inflates has no size that could be bounded beforehand
            "User-Agent": "sidegate-control",
            **({"If-None-Match": etag} if etag else {}),
        }
        transport = httpx.AsyncHTTPTransport(verify=self._tls, trust_env=False)
        async with (
            httpx.AsyncClient(transport=transport, trust_env=False, timeout=TIMEOUT_S) as client,
            client.stream(
                "GET", url.copy_with(host=address), headers=headers, extensions={"sni_hostname": host}
            ) as response,
        ):
            return await _read(response, str(url))


async def _read(response: httpx.Response, url: str) -> Document | str:
    if response.status_code in (301, 302, 303, 307, 308) and "location" in response.headers:
        return str(response.headers["location"])
    etag = response.headers.get("etag", "")
    kept = etag if len(etag) <= _MAX_ETAG and etag.isascii() and etag.isprintable() else ""
    fresh_s = _fresh_s(response.headers)
    if response.status_code == 304:
        return Document(None, kept, fresh_s)
    if response.status_code != 200:
        raise FetchError(f"{shown_url(url)}: answered {response.status_code}")
    if response.headers.get("content-encoding", "identity").lower() != "identity":
        raise FetchError(f"{shown_url(url)}: is compressed, which was not asked for")
    body = bytearray()
    # A generator that is left early is closed by the garbage collector, outside of the event loop; one that is
    # cancelled unwinds here.
    with trio.CancelScope() as enough:
        async for piece in response.aiter_raw():
            body += piece
            if len(body) > MAX_BYTES:
                enough.cancel()
    if len(body) > MAX_BYTES:
        raise FetchError(f"{shown_url(url)}: is longer than {MAX_BYTES // 1024} KiB")
    return Document(bytes(body), kept, fresh_s)


def _url(place: Place, text: str, base: str = "") -> httpx.URL:
    """The URL, if control may go there at all: TLS, but for this machine or where the policy says otherwise."""
    try:
        text = urljoin(base, text)
        url = httpx.URL(text)
    except (httpx.InvalidURL, ValueError):
        raise FetchError(f"{shown_url(base or text)}: {'redirects to what ' if base else ''}is not a URL") from None
    if url.scheme not in ("https", "http") or not url.host or url.userinfo or len(text) > 2048:
        raise FetchError(f"{shown_url(text)}: is not an https:// URL without a user name")
    if url.scheme == "http" and not place.allow_http and not (place.named_by_policy and is_loopback_name(url.host)):
        raise FetchError(f"{shown_url(text)}: is not https (allow_http in the policy permits it)")
    return url


def _fresh_s(headers: httpx.Headers) -> int | None:
    """How long the answer may be used, RFC 9111 sections 4.2 and 5.2.2; None if it does not say."""
    said = headers.get("cache-control", "").lower()
    if re.search(r"\bno-(store|cache)\b", said):
        return 0
    found = re.search(r'\bmax-age="?([0-9]{1,10})\b', said)
    if not found:
        return None
    age = headers.get("age", "0")
    return max(0, int(found[1]) - (int(age) if re.fullmatch("[0-9]{1,10}", age) else 0))


def shown_url(url: str) -> str:
    """For a log: without a query and without credentials, on one line."""
    bare = re.sub(r"//[^/@]*@", "//", url.partition("?")[0].partition("#")[0])
    return "".join(c if c.isprintable() else "?" for c in bare[:300])


def _why(error: Exception) -> str:
    text = str(error)
    if "CERTIFICATE_VERIFY_FAILED" in text or "certificate verify failed" in text:
        return "its TLS certificate is not trusted"
    if isinstance(error, httpx.TimeoutException):
        return "no answer in time"
    if isinstance(error, httpx.ConnectError):
        return "cannot be connected to"
    return "broke off" if isinstance(error, httpx.TransportError) else "cannot be asked for"
