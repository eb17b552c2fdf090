"""What a browser is told not to do with a page."""

import re
from urllib.parse import urlsplit

_HOST = re.compile(r"[A-Za-z0-9._-]+")
FIXED = {
    "Cache-Control": "no-store",
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
    "Referrer-Policy": "no-referrer",
    "Cross-Origin-Resource-Policy": "same-origin",
}


def policy(leads_to: str | None = None) -> str:
    """The Content-Security-Policy. ``leads_to``: where a form may lead in the end: Chromium follows no redirect of an
    answer to a form unless ``form-action`` names it."""
    forms = "'self'" if leads_to is None else f"'self' {source_of(leads_to)}"
    return f"default-src 'none'; style-src 'self'; form-action {forms}; frame-ancestors 'none'; base-uri 'none'"


def source_of(uri: str) -> str:
    """The one origin of a redirect URI, or its scheme: of what a native application holds, and of what no host of a
    policy can be, such as ``[::1]`` (CSP3 section 2.3.1) and names with a semicolon."""
    parts = urlsplit(uri)
    if parts.scheme not in ("http", "https") or not _HOST.fullmatch(parts.hostname or ""):
        return f"{parts.scheme}:"
    port = "" if parts.port is None else f":{parts.port}"
    return f"{parts.scheme}://{parts.hostname}{port}"
