"""A browser loads a page through the sidecar, and the page tries what pages do. It reports to the service itself."""

import json
import secrets
import subprocess

import httpx
import pytest

from control.testing.processes import Processes

from .clients import checksum
from .conftest import Sidecar, require

pytestmark = pytest.mark.peers
QUIET = [
    *("--headless", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-sync"),
    *("--disable-background-networking", "--disable-component-update", "--disable-dev-shm-usage", "--no-proxy-server"),
]


def test_a_page_with_events_and_a_socket(before_uvicorn: Sidecar, processes: Processes) -> None:
    """Module script, server-sent events, upload, download, forty fetches at once, gzip, cookies, WebSocket."""
    require("chromium")
    name = secrets.token_hex(4)
    command = ["chromium", *QUIET, f"--user-data-dir={processes.folder}/browser-{name}"]
    # With a port to be told at, it stays until it is ended; nobody connects to it.
    browser = subprocess.Popen(
        [*command, "--remote-debugging-port=0", f"{before_uvicorn.url}/page?id={name}"], stderr=subprocess.DEVNULL
    )
    try:
        said = httpx.get(f"{before_uvicorn.url}/report?id={name}", timeout=60, trust_env=False)  # a long poll
    finally:
        browser.terminate()
        browser.wait(20)
    seen = json.loads(said.content)
    upload = seen.pop("upload")
    assert (upload["method"], upload["size"], upload["sha256"]) == ("PUT", 3_000_000, checksum(3_000_000))
    assert seen == {
        "events": ["first", "second"],
        "download": 3_000_000,
        "parallel": [200] * 40,
        "zipped": 7000,
        "cookies": "a=1; b=2",
        "websocket": ["hello", 3, 4000, "as told"],
    }
