"""The canary, the freeze and the events over the API."""

import httpx
import pytest
import trio
from starlette.types import Message

from control.api.events import Stream
from control.mesh import Mesh
from control.rollout.events import Events

from .conftest import POLICY

OTHER = POLICY.replace("[orders:read]", "[orders:write]")


async def test_there_is_no_canary_at_first(http: httpx.AsyncClient) -> None:
    """Which is no error; but there is nothing to end."""
    assert (await http.get("/v1/canary")).json() == {"canary": None}
    for verdict in ("promote", "abort"):
        refused = await http.post(f"/v1/canary/{verdict}", json={"reason": "x"})
        assert (refused.status_code, refused.json()["detail"]) == (404, "no canary runs")


@pytest.mark.parametrize("percent", [0, 0.001, 100, -1, "10", None])
async def test_a_share_is_a_percentage_below_all(http: httpx.AsyncClient, percent: object) -> None:
    """All of them is a push."""
    refused = await http.post("/v1/canary", json={"source": POLICY, "percent": percent})
    assert refused.status_code == 422


async def test_a_canary_needs_something_to_compare_with(http: httpx.AsyncClient) -> None:
    """A policy in force, a difference, and somebody to try it: else 409 with a sentence, and nothing is changed."""
    tried = {"source": OTHER, "percent": 10}
    assert (await http.post("/v1/canary", json=tried)).json()["code"] == "no_policy"
    await http.post("/v1/policy", json={"source": POLICY})
    assert (await http.post("/v1/canary", json={**tried, "source": POLICY})).json()["code"] == "no_difference"
    refused = await http.post("/v1/canary", json=tried)
    assert (refused.status_code, refused.json()["code"]) == (409, "nobody_to_try")
    stale = await http.post("/v1/canary", json=tried, headers={"If-Match": '"7"'})
    assert stale.status_code == 412
    assert len((await http.get("/v1/versions")).json()["versions"]) == 1


async def test_a_running_one_is_shown_and_keeps_others_out(http: httpx.AsyncClient, mesh: Mesh) -> None:
    """With what is missing; promoting it names the version that it began with."""
    await http.post("/v1/policy", json={"source": POLICY})
    mesh.canaries.begin(OTHER, {}, {}, "ann", share=1000, connected=[("a", "orders")])
    shown = (await http.get("/v1/canary")).json()["canary"]
    assert (shown["version"], shown["state"], shown["percent"], shown["sidecars"]) == (2, "running", 10, [])
    assert "nobody of the canary is connected" in shown["missing"]
    for path, body in (
        ("/v1/policy", {"source": OTHER}),
        ("/v1/versions/1/rollback", {}),
        ("/v1/canary", {"source": OTHER, "percent": 10}),
    ):
        refused = await http.post(path, json=body)
        assert (refused.status_code, refused.json()["code"]) in ((409, "canary_runs"),), path
    assert (await http.post("/v1/canary/promote", json={"version": 1})).status_code == 409
    made = await http.post("/v1/canary/promote", json={"version": 2, "reason": "fine"})
    assert (made.status_code, made.json()["kind"], made.json()["note"]) == (201, "promote", "fine")
    ended = (await http.get("/v1/canary")).json()["canary"]
    assert (ended["state"], ended["ended"], ended["reason"]) == ("promoted", 3, "fine")


async def test_waiting_for_the_end(http: httpx.AsyncClient, mesh: Mesh) -> None:
    """Answers when it has ended, long before the time is over."""
    await http.post("/v1/policy", json={"source": POLICY})
    mesh.canaries.begin(OTHER, {}, {}, "ann", share=1000, connected=[("a", "orders")])
    async with trio.open_nursery() as nursery:

        async def wait() -> None:
            with trio.fail_after(20):
                answer = await http.get("/v1/canary?wait_s=60")
            assert answer.json()["canary"]["state"] == "aborted"

        nursery.start_soon(wait)
        await http.post("/v1/canary/abort", json={"reason": "no"})


async def test_a_freeze_is_said_to_whoever_pushes(http: httpx.AsyncClient) -> None:
    """409, by whom and why, until it is taken back."""
    frozen = (await http.put("/v1/freeze", json={"reason": "sale"})).json()["frozen"]
    assert frozen["reason"] == "sale"
    assert (await http.get("/v1/freeze")).json() == {"frozen": frozen}
    refused = await http.post("/v1/policy", json={"source": POLICY})
    assert (refused.status_code, refused.json()["code"]) == (409, "frozen")
    assert "sale" in refused.json()["detail"]
    assert (await http.put("/v1/freeze", json={"reason": ""})).status_code == 422
    assert (await http.delete("/v1/freeze")).status_code == 204
    assert (await http.delete("/v1/freeze")).status_code == 404
    assert (await http.post("/v1/policy", json={"source": POLICY})).status_code == 201


async def test_events_are_frames_of_the_html_standard(mesh: Mesh, autojump_clock: trio.testing.MockClock) -> None:
    """An id, a kind and one line of JSON, whatever a sidecar says; a reader that does not read is cut off."""
    events, operator = Events(lambda: 5.0), mesh.operators.list()[0]
    sent = list[bytes]()

    async def receive() -> Message:
        await trio.sleep_forever()
        raise AssertionError("unreachable")

    async def send(message: Message) -> None:
        body: bytes = message.get("body", b"")
        if b"the last" in body:
            await trio.sleep_forever()
        sent.append(body)

    async with trio.open_nursery() as nursery:
        nursery.start_soon(Stream(events, "0-0", mesh, operator), {}, receive, send)
        await trio.testing.wait_all_tasks_blocked()
        events.tell("nacked", reason="no\n\nevent: forged\ndata: {}")
        await trio.testing.wait_all_tasks_blocked()
        events.tell("the last")
    frames = [body.decode() for body in sent]
    assert any(frame.startswith("id: ") and "\nevent: gap\n" in frame for frame in frames)
    (told,) = (frame for frame in frames if "forged" in frame)
    assert told.count("\n") == 4
    assert told.splitlines()[1] == "event: nacked"
