"""A person signs in with a browser: real Chromium, control, a sidecar before a service, and a client of their own.

``SIDEGATE_SHOTS=DIR`` keeps a picture of each page, wide and narrow, light and dark.
"""

import base64
import hashlib
import http.server
import importlib.util
import os
import secrets
import shutil
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlencode, urlsplit

import httpx
import pytest

from control.identity.oauth.clients import DEVICE
from tests.control.pages.conftest import totp

from .conftest import Stack

pytestmark = pytest.mark.browser

QUIET = [
    *("--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-sync", "--no-proxy-server"),
    *("--disable-background-networking", "--disable-component-update", "--disable-dev-shm-usage"),
]
SHAPES = {"wide": {"width": 1280, "height": 800}, "narrow": {"width": 320, "height": 640}}
PASSWORD = "seven purple otters waltz"


class Client:
    """An application that people let in: it has a page to come back to, and redeems what they bring."""

    def __init__(self, stack: Stack) -> None:
        client, self.issuer = self, stack.operator["CONTROL_URL"]
        self.verifier, self.state, self.said = secrets.token_urlsafe(48), secrets.token_urlsafe(8), dict[str, str]()

        class Back(http.server.BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                if urlsplit(self.path).path == "/back":  # and not for the icon that browsers ask for
                    client.said = {name: values[0] for name, values in parse_qs(urlsplit(self.path).query).items()}
                self.send_response(200)
                self.send_header("Content-Type", "text/html")
                self.end_headers()
                self.wfile.write(b"<title>the shop</title><h1>back at the shop</h1>")

            def log_message(self, *_: object) -> None:
                """Says nothing."""

        self.server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Back)
        self.back = f"http://127.0.0.1:{self.server.server_port}/back"
        made = stack.control_json("app", "add", "shop", "--scope", "openid", "--scope", "orders:read")
        self.auth = (made["client_id"], made["client_secret"])
        stack.control("client", "add", "shop", "--redirect", self.back)
        threading.Thread(target=self.server.serve_forever, daemon=True).start()

    def authorize(self, **more: str) -> str:
        """Where it sends people."""
        challenge = base64.urlsafe_b64encode(hashlib.sha256(self.verifier.encode()).digest()).rstrip(b"=").decode()
        asked = {"response_type": "code", "client_id": self.auth[0], "redirect_uri": self.back, "state": self.state}
        pkce = {"code_challenge": challenge, "code_challenge_method": "S256"}
        return f"{self.issuer}/oauth2/authorize?" + urlencode({**asked, **pkce, "scope": "openid orders:read", **more})

    def redeem(self) -> dict[str, Any]:
        """The tokens for the code that came back."""
        assert (self.said["state"], self.said["iss"]) == (self.state, self.issuer)
        form = {"grant_type": "authorization_code", "code": self.said["code"], "redirect_uri": self.back}
        answer = httpx.post(
            f"{self.issuer}/oauth2/token",
            data={**form, "code_verifier": self.verifier},
            auth=self.auth,
            trust_env=False,
        )
        found: dict[str, Any] = answer.raise_for_status().json()
        return found


@pytest.fixture
def client(mesh_stack: Stack) -> Iterator[Client]:
    """Registered with control."""
    made = Client(mesh_stack)
    yield made
    made.server.shutdown()
    made.server.server_close()


@pytest.fixture
def page() -> Iterator[Any]:
    """Of a fresh browser."""
    chromium = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
    if chromium is None:
        pytest.skip("NO BROWSER: chromium is not installed")
    if importlib.util.find_spec("playwright") is None:
        pytest.skip("NO BROWSER: playwright is not installed: make browser")
    from playwright.sync_api import sync_playwright

    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=chromium, args=QUIET)
        page = browser.new_context(viewport=SHAPES["wide"]).new_page()  # type: ignore[arg-type]  # a dict of its options
        page.set_default_timeout(60_000)
        page.refused = []
        page.on(
            "console", lambda said: page.refused.append(said.text) if "Content Security Policy" in said.text else None
        )
        yield page
        browser.close()


def looks(page: Any, name: str) -> None:
    """Nothing hangs over the edge of a telephone, or of a screen; pictures, if they are wanted."""
    folder = os.environ.get("SIDEGATE_SHOTS")
    for shape, size in SHAPES.items():
        page.set_viewport_size(size)
        assert page.evaluate("document.documentElement.scrollWidth <= window.innerWidth"), f"{name} is too wide"
        for scheme in ("light", "dark") if folder else ():
            page.emulate_media(color_scheme=scheme)
            page.screenshot(path=Path(folder) / f"{name}-{shape}-{scheme}.png", full_page=True)
    page.set_viewport_size(SHAPES["wide"])


def set_password(page: Any, stack: Stack, username: str) -> None:
    """By the link that an operator gave."""
    page.goto(stack.control_json("user", "reset-link", username)["link"])
    looks(page, "reset")
    page.fill("#new", PASSWORD)
    page.fill("#again", PASSWORD)
    page.keyboard.press("Enter")
    page.get_by_role("heading", name="Password set").wait_for()


def focused(page: Any, field: str) -> None:
    """A page gives its first field the focus when it is first drawn, which may be after it has loaded."""
    page.locator(f"{field}:focus").wait_for()


def sign_in(page: Any, username: str) -> None:
    """By keyboard alone: the first field has the focus."""
    focused(page, "#username")
    page.keyboard.type(username)
    page.keyboard.press("Tab")
    page.keyboard.type(PASSWORD)
    page.keyboard.press("Enter")


def test_sign_in_allow_call_sign_out(mesh_stack: Stack, client: Client, page: Any) -> None:
    """From an operator's ``control user add`` to the service's 200, and back to 401."""
    mesh_stack.control("scope", "add", "orders:read", "See your orders")
    mesh_stack.control("user", "add", "ann", "--name", "Ann")
    set_password(page, mesh_stack, "ann")
    page.goto(client.authorize())
    looks(page, "sign-in")
    sign_in(page, "ann")
    page.get_by_role("heading", name="Allow shop?").wait_for()
    assert "See your orders" in page.inner_text("main")
    looks(page, "consent")
    page.get_by_role("button", name="Allow").click()
    page.get_by_role("heading", name="back at the shop").wait_for()
    token = client.redeem()["access_token"]
    assert mesh_stack.get("orders", "/orders/7").status_code == 401
    assert mesh_stack.get("orders", "/orders/7", token).status_code == 200

    page.goto(client.issuer + "/account")
    looks(page, "account")
    page.get_by_role("button", name="Shut shop out").click()
    page.get_by_text("The application was shut out.").wait_for()
    mesh_stack.control("status")
    refused = mesh_stack.get("orders", "/orders/7", token)
    assert (refused.status_code, refused.json()["reason"]) == (401, "token_revoked")
    page.get_by_role("button", name="Sign out", exact=True).click()
    page.get_by_role("heading", name="Signed out").wait_for()
    page.goto(client.issuer + "/account")
    page.get_by_role("heading", name="Sign in").wait_for()
    assert page.refused == []


def test_denied(mesh_stack: Stack, client: Client, page: Any) -> None:
    """No is told to the client, and brings no code; Chromium follows the redirect of the form."""
    mesh_stack.control("user", "add", "ann")
    set_password(page, mesh_stack, "ann")
    page.goto(client.authorize())
    sign_in(page, "ann")
    page.get_by_role("button", name="Deny").click()
    page.get_by_role("heading", name="back at the shop").wait_for()
    assert (client.said["error"], client.said["iss"]) == ("access_denied", client.issuer)
    assert "code" not in client.said
    page.goto(client.authorize(prompt="none"))
    assert client.said["error"] == "consent_required"
    assert page.refused == []


def test_a_second_factor_and_a_device(mesh_stack: Stack, client: Client, page: Any) -> None:
    """Set up by what the page shows, asked for at the next sign-in; then a device is let in by the code it shows."""
    mesh_stack.control("user", "add", "ann")
    tv = mesh_stack.control_json("app", "add", "tv", "--scope", "orders:read")["client_id"]
    mesh_stack.control("client", "add", "tv", "--public", "--device")
    set_password(page, mesh_stack, "ann")
    page.goto(client.issuer + "/account")
    sign_in(page, "ann")
    page.get_by_role("button", name="Set up second factor").click()
    looks(page, "second-factor-new")
    secret = base64.b32decode(page.inner_text(".secret"))
    page.fill("#code", totp(secret, time.time()))
    page.get_by_role("button", name="Turn on").click()
    page.get_by_role("heading", name="Your recovery codes").wait_for()
    looks(page, "recovery-codes")
    page.goto(client.issuer + "/oauth2/logout")
    looks(page, "logout")
    page.get_by_role("button", name="Sign out").click()
    page.get_by_role("heading", name="Signed out").wait_for()

    asked = httpx.post(client.issuer + "/oauth2/device_authorization", data={"client_id": tv}, trust_env=False).json()
    page.goto(asked["verification_uri_complete"])
    sign_in(page, "ann")
    page.get_by_role("heading", name="Enter your code").wait_for()
    looks(page, "second-factor")
    focused(page, "#code")
    page.keyboard.type(totp(secret, time.time() + 30))  # one that was used counts no more
    page.keyboard.press("Enter")
    page.get_by_role("heading", name="Connect a device").wait_for()
    looks(page, "device")
    page.get_by_role("button", name="Go on").click()
    page.get_by_role("heading", name="Allow tv?").wait_for()
    looks(page, "device-consent")
    page.get_by_role("button", name="Allow").click()
    page.get_by_role("heading", name="Allowed").wait_for()
    form = {"grant_type": DEVICE, "device_code": asked["device_code"], "client_id": tv}
    got = httpx.post(client.issuer + "/oauth2/token", data=form, trust_env=False).json()
    assert mesh_stack.get("orders", "/any", got["access_token"]).status_code == 200
    assert page.refused == []
