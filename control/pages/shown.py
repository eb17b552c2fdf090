"""What each template is handed, and examples of it. Every template gets ``site`` and ``style_url`` besides.

With the examples an operator's templates are tried before anything is served; ``docs/pages.md`` has the same names.
Secrets that a page has to hand on (``ticket``, ``link``, ``secret``) are in here and nowhere else.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from markupsafe import Markup


@dataclass(frozen=True, slots=True)
class Scope:
    """``says``: a sentence, or the name again."""

    name: str
    says: str


@dataclass(frozen=True, slots=True)
class LetIn:
    """An application that a person lets do something. ``services``: for which tokens it has."""

    client_id: str
    name: str
    scopes: Sequence[Scope]
    services: Sequence[str]


@dataclass(frozen=True, slots=True)
class SignedInBrowser:
    """Times are unix seconds; ``is_this``: the one that looks."""

    id: str
    agent: str
    address: str
    began: int
    last_seen: int
    is_this: bool


_SCOPES = (Scope("openid", "Know who you are"), Scope("orders:read", "orders:read"))
_FORM: dict[str, Any] = {"here": "/oauth2/authorize?client_id=web", "token": "t"}
_NEXT: dict[str, Any] = {**_FORM, "client": "web"}
_ASKED: dict[str, Any] = {
    "username": "ann",
    "client": "web",
    "scopes": _SCOPES,
    "services": ("https://orders.shop.test",),
    "token": "t",
}
_BROWSERS = (
    SignedInBrowser("1", "A browser", "192.0.2.1", 1_800_000_000, 1_800_000_060, True),
    SignedInBrowser("2", "", "", 1_800_000_000, 1_800_000_060, False),
)
_CHANGES = (
    *("password", "second_factor_begin", "second_factor_remove"),
    *("session_end", "sessions_end", "client_remove"),
)
_ACCOUNT: dict[str, Any] = {
    "username": "ann",
    "name": "Ann",
    "email": "ann@shop.test",
    "notice": "",
    "error": "",
    "has_second_factor": False,
    "browsers": _BROWSERS,
    "clients": (LetIn("web-1", "web", _SCOPES, ("https://orders.shop.test",)),),
    "tokens": dict.fromkeys((*_CHANGES, "sign_out"), "t"),
}
_SETUP: dict[str, Any] = {"username": "ann", "token": "t"}

EXAMPLES: Mapping[str, Sequence[Mapping[str, Any]]] = {
    "sign_in.html": (
        {**_NEXT, "error": "", "username": "", "again": False},
        {**_NEXT, "error": "no", "username": "ann", "again": True},
        {**_NEXT, "client": "", "error": "", "username": "", "again": False},
    ),
    "second_factor.html": ({**_NEXT, "error": "", "ticket": "x"}, {**_NEXT, "error": "no", "ticket": "x"}),
    "consent.html": (
        {**_ASKED, "here": _FORM["here"], "back_to": "https://web.shop.test"},
        {**_ASKED, "here": _FORM["here"], "back_to": "com.shop.app:", "scopes": (), "services": ()},
    ),
    "device.html": (
        {"username": "ann", "user_code": "", "error": "", "token": "t"},
        {"username": "ann", "user_code": "ABCD-EFGH", "error": "no", "token": "t"},
    ),
    "device_consent.html": (
        {**_ASKED, "user_code": "ABCD-EFGH"},
        {**_ASKED, "user_code": "ABCD-EFGH", "scopes": (), "services": ()},
    ),
    "device_done.html": ({"client": "tv", "allowed": True}, {"client": "tv", "allowed": False}),
    "logout.html": (
        {**_FORM, "username": "ann", "client": "web", "other": False},
        {**_FORM, "username": "ann", "client": "", "other": True},
    ),
    "signed_out.html": ({},),
    "account.html": (
        _ACCOUNT,
        {
            **_ACCOUNT,
            **{"notice": "done", "error": "no", "has_second_factor": True, "browsers": _BROWSERS[:1], "clients": ()},
        },
    ),
    "second_factor_new.html": (
        {
            "username": "ann",
            "secret": "ABCD",
            "uri": "otpauth://totp/x",
            "qr": Markup("<svg/>"),
            "token": "t",
            "error": "",
        },
        {"username": "ann", "secret": "", "uri": "", "qr": "", "token": "t", "error": "no"},
    ),
    "recovery_codes.html": ({"codes": ("abcd-efgh", "ijkl-mnop")},),
    "reset.html": (
        {"username": "ann", "link": "x", "token": "t", "error": ""},
        {"username": "ann", "link": "x", "token": "t", "error": "no"},
    ),
    "reset_done.html": ({"username": "ann"},),
    "message.html": (
        {"title": "Too many tries", "sentence": "Wait.", "again": ""},
        {"title": "No", "sentence": "No.", "again": "/account"},
    ),
}
