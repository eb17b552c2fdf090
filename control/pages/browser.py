"""What binds a form to the browser it was shown in.

A token is an HMAC under a secret that only that browser holds (its session's cookie, or, before anybody signs in, a
random one of its own) over what the form is about. So it serves no other browser, no other session, no other form and
no other request, and nothing has to be kept. Another site can neither read nor set these cookies: over TLS they bear
the prefix ``__Host-`` (RFC 6265bis section 4.1.3.2). What the browser itself says of where a request comes from is
looked at first.
"""

import base64
import hashlib
import hmac
import re
import secrets
from collections.abc import Mapping
from urllib.parse import urlsplit

SESSION, BROWSER, FRESH = "sidegate_session", "sidegate_browser", "sidegate_fresh"
FRESH_S = 600
"""How long a sign-in counts as made for the request that asked for it."""
_COOKIE = re.compile(r"[A-Za-z0-9._~-]{16,300}")


class CookieNames:
    """``over_tls``: people reach control by https, so cookies are Secure and for this host alone."""

    def __init__(self, over_tls: bool) -> None:
        self.over_tls = over_tls
        prefix = "__Host-" if over_tls else ""
        self.session, self.browser, self.fresh = prefix + SESSION, prefix + BROWSER, prefix + FRESH


def found(cookies: Mapping[str, str], name: str) -> str:
    """The cookie of that name, "" if there is none that could be ours."""
    value = cookies.get(name, "")
    return value if _COOKIE.fullmatch(value) else ""


def new_secret() -> str:
    """For a browser in which nobody has signed in."""
    return secrets.token_urlsafe(32)


def bound(secret: str, *about: str) -> str:
    """The token for a form that is about that, in the browser that holds ``secret``."""
    said = b"".join(len(part).to_bytes(8, "big") + part for part in (one.encode() for one in about))
    return base64.urlsafe_b64encode(hmac.digest(secret.encode(), said, hashlib.sha256)).rstrip(b"=").decode()


def is_bound(token: str, secret: str, *about: str) -> bool:
    """Is it the one? Takes the same time whatever is wrong with it."""
    return bool(secret) and hmac.compare_digest(token.encode(), bound(secret, *about).encode())


def is_from_elsewhere(headers: Mapping[str, str], own_origin: str) -> bool:
    """Does the browser say that another site sent it? Over plain HTTP it may say nothing, and ``null`` is what it says
    of a page without a referrer, as ours are."""
    site = headers.get("sec-fetch-site")
    if site is not None:
        return site not in ("same-origin", "none")
    return headers.get("origin", "null") not in ("null", own_origin)


def origin_of(url: str) -> str:
    """RFC 6454 section 6.2."""
    parts = urlsplit(url)
    return f"{parts.scheme}://{parts.netloc}".lower()
