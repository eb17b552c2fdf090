"""The status page with hostile names in every place that has one: text, and never markup, a link or an order to read
backwards."""

from dataclasses import replace
from html.parser import HTMLParser

import httpx
import pytest

from control.api.fleet import Sidecar
from control.dashboard import pages, rollout
from control.distribution import SidecarView
from control.mesh import Mesh
from control.mesh.canaries import Canary
from control.rollout.judge import Comparison, Tally, Verdict
from control.rollout.watch import Report
from tests.control.api.conftest import OPERATOR, POLICY, http, mesh, open_http

__all__ = ["http", "mesh", "open_http"]

EVIL = "</td></table><script>alert(1)</script><img src=x onerror=alert(1)>\"'&lt;\u202egnp.exe\x1b[2J"


class Tags(HTMLParser):
    """What a browser would make of a page: its elements, and their attributes."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.seen: set[str] = set()
        self.attributes: set[str] = set()
        self.text = ""
        self.feed(text)
        self.close()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.seen.add(tag)
        self.attributes |= {name for name, _ in attrs}

    def handle_data(self, data: str) -> None:
        self.text += data


OURS = {
    *("html", "head", "meta", "title", "style", "body", "header", "h1", "h2", "p", "span", "form", "button", "label"),
    *("input", "table", "thead", "tbody", "tr", "th", "td"),
}


def check(page: str, shown: int) -> None:
    """Our elements alone, and the hostile text as text, at least ``shown`` times."""
    found = Tags(page)
    assert found.seen <= OURS
    assert not {name for name in found.attributes if name.startswith("on") or name in ("src", "href", "style")}
    assert found.text.count("<script>alert(1)</script>") >= shown
    assert "\u202e" not in page
    assert "\x1b" not in page


SEEN = SidecarView("id", EVIL, EVIL, EVIL, EVIL, "nacked", 1, 2, EVIL, 5.0, 5.0, 3, (EVIL, EVIL))


def test_what_blocks_a_push() -> None:
    """Everything in it is a sidecar's word."""
    told = Sidecar(
        id=EVIL,
        service=EVIL,
        instance=EVIL,
        address=EVIL,
        agent=EVIL,
        connected=True,
        state="nacked",
        reason=EVIL,
        version=1,
        desired=2,
        last_seen=5,
        protocol=3,
        capabilities=[EVIL, EVIL],
    )
    check(pages.page(EVIL, *rollout.blocking([told, told.model_copy(update={"state": "pending"})])), 10)


@pytest.mark.parametrize("state", ["nacked", "pending", "acked"])
def test_a_canary(state: str) -> None:
    """Who tries it, their numbers (also those that are too large, or none), and the verdict that quotes them."""
    running = Canary(2, "policy", 1000, 1000, 5, EVIL, None, "", EVIL, 0)
    tally, none = Tally(EVIL, "candidate", 2.0**54, 2.0**54, 2.0**54), Tally(EVIL, "before", 0, 0, 0)
    members = [replace(SEEN, state=state)]  # type: ignore[arg-type]  # one of the three
    comparisons = [Comparison(EVIL, "before", tally, none, False), Comparison(EVIL, "stable", none, tally, True)]
    report = Report(running, members, comparisons, Verdict("abort", EVIL))
    check(pages.page("control", *rollout.canary(report)), 5)


async def test_the_whole_page(http: httpx.AsyncClient, mesh: Mesh) -> None:
    """With a freeze, notes and applications as hostile as the API takes them; and no name of an API key at all."""
    evil = EVIL.replace("\x1b", "").replace("\u202e", "")
    note = {"source": POLICY, "note": EVIL}
    assert (await http.post("/v1/policy", json=note)).status_code == 201
    assert (await http.post("/v1/apps", json={"name": evil, "scopes": []})).status_code in (201, 422)
    assert (await http.post("/v1/apps", json={"name": "<script>alert(1)</script>", "scopes": []})).status_code == 201
    made = await http.post("/v1/api-keys", json={"app": "<script>alert(1)</script>", "name": "<b>key</b>"})
    assert made.status_code == 201
    assert (await http.put("/v1/freeze", json={"reason": EVIL})).status_code == 200
    assert (await http.post("/login", data={"credential": OPERATOR})).status_code == 303
    page = (await http.get("/")).text
    check(page, 3)
    assert "<b>" not in page
    assert made.json().get("key", "no key") not in page
    assert "The policy is frozen by" in page


async def test_nobody_frames_it_and_no_page_is_kept(open_http: httpx.AsyncClient) -> None:
    """Clickjacking, and the cache of a shared machine."""
    for path in ("/", "/login", "/v1/apps", "/nowhere"):
        answer = await open_http.get(path)
        assert answer.headers["x-frame-options"] == "DENY"
        assert "frame-ancestors 'none'" in answer.headers["content-security-policy"]
        assert answer.headers["cache-control"] == "no-store"
        assert answer.headers["x-content-type-options"] == "nosniff"


async def test_a_session_of_the_page_is_no_credential(open_http: httpx.AsyncClient) -> None:
    """No other site's form can push, freeze or revoke with the browser's cookie."""
    await open_http.post("/login", data={"credential": OPERATOR})
    for method, path in (("PUT", "/v1/freeze"), ("POST", "/v1/policy"), ("DELETE", "/v1/operators/x")):
        refused = await open_http.request(method, path, content=b"reason=x", headers={"Origin": "https://evil.test"})
        assert refused.status_code == 401
