"""An outside provider rotates its keys while callers come and go: nobody who is in the right is refused, and nobody
with a token of a removed key gets in once its removal is in force.
"""

import statistics
import threading
import time
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest

from control.testing.provider import KEYS, Provider

from .conftest import Stack

POLICY = """\
trust_domain: shop.test
issuers:
  partner: {issuer: ISSUER, audience: [orders], algorithms: [ES256], allow_http: true}
services:
  orders: {routes: [{path: /**}]}
"""
TRIES = 20
"""How often a token that must not count is shown."""


class Callers:
    """Threads that show the newest token over and over, on connections that they keep."""

    def __init__(self, url: str, token: str, callers: int = 4) -> None:
        self.token = token
        self.answers: Counter[int] = Counter()
        self._url, self._over = url, threading.Event()
        self._lock, self._rounds = threading.Condition(), [0] * callers
        self._threads = [threading.Thread(target=self._call, args=(number,)) for number in range(callers)]

    def __enter__(self) -> "Callers":
        for thread in self._threads:
            thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._over.set()
        for thread in self._threads:
            thread.join()

    def use(self, token: str) -> None:
        """From now on this one; when it returns no other is under way."""
        with self._lock:
            self.token = token
            begun = [number + 2 for number in self._rounds]
            assert self._lock.wait_for(lambda: all(n >= b for n, b in zip(self._rounds, begun, strict=True)), 30)

    def _call(self, number: int) -> None:
        with httpx.Client(timeout=30, trust_env=False) as http:
            while not self._over.is_set():
                answer = http.get(self._url, headers={"Authorization": f"Bearer {self.token}"})
                with self._lock:
                    self.answers[answer.status_code] += 1
                    self._rounds[number] += 1
                    self._lock.notify_all()


class Operator:
    """The admin API, as ``control`` uses it."""

    def __init__(self, stack: Stack) -> None:
        headers = {"Authorization": f"Bearer {stack.operator['CONTROL_TOKEN']}"}
        base = stack.operator["CONTROL_URL"] + "/v1"
        self.http = httpx.Client(base_url=base, headers=headers, timeout=90, trust_env=False)

    def refresh(self) -> None:
        """Look at the provider now; what was found is in force when this returns."""
        made = self.http.post("/issuers/partner/refresh").raise_for_status().json()
        assert made["issuer"]["error"] == ""
        self.in_force(made["version"])

    def in_force(self, version: int) -> None:
        """Until every sidecar has it."""
        rollout = self.http.get(f"/versions/{version}/rollout", params={"wait_s": 30}).raise_for_status().json()
        assert (rollout["complete"], rollout["nacked"]) == (True, [])

    def kids(self) -> list[str]:
        """The provider's keys that count."""
        (partner,) = self.http.get("/issuers").raise_for_status().json()["issuers"]
        return [key["kid"] for key in partner["keys"]]

    def removed(self, kid: str) -> None:
        """Until a key's removal is in force."""
        deadline = time.monotonic() + 60
        while kid in self.kids():
            assert time.monotonic() < deadline, f"{kid} never went"
            threading.Event().wait(0.02)
        newest: Any = self.http.get("/versions", params={"limit": 1}).json()["versions"][0]
        self.in_force(newest["version"])


@pytest.fixture
def provider() -> Iterator[Provider]:
    """It publishes one key."""
    with Provider() as running:
        yield running


@pytest.fixture
def partnered(tmp_path: Path, provider: Provider) -> Iterator[Stack]:
    """A mesh of one sidecar that knows tokens of the provider alone. Dropped keys have a grace of a second."""
    stack = Stack(tmp_path)
    stack.operator["CONTROL_KEY_GRACE"] = "1s"
    with stack.processes:
        stack.start_control()
        stack.add_sidecar("orders", "orders", stack.start_echo())
        stack.control("push", str(stack.policy(POLICY.replace("ISSUER", provider.issuer))), "--wait")
        yield stack
    stack.http.close()


@pytest.mark.parametrize("rotations", [3, pytest.param(100, marks=pytest.mark.slow)])
def test_a_provider_rotates_under_load(partnered: Stack, provider: Provider, rotations: int) -> None:
    """The next key is published, then signs, then the one before is dropped: every request with a token of the key
    that signs is answered, and a token of a key whose removal is in force is refused, however often it was good."""
    stack, operator = partnered, Operator(partnered)
    published_ms: list[float] = []
    kid, token = "first", provider.token("first")
    assert stack.get("orders", "/x", token).status_code == 200
    with operator.http, Callers(stack.urls["orders"] + "/x", token) as callers:
        for number in range(rotations):
            before, before_token, kid = kid, token, f"key-{number}"
            provider.add(kid)
            began = time.monotonic()
            operator.refresh()
            published_ms.append((time.monotonic() - began) * 1000)
            token = provider.token(kid)
            callers.use(token)
            leaked = provider.drop(before)
            operator.refresh()
            operator.removed(before)
            minted_late = provider.token(before, leaked)
            refused = [
                stack.get("orders", "/x", old).status_code for old in (before_token, minted_late) for _ in range(TRIES)
            ]
            assert set(refused) == {401}
    answered = sum(callers.answers.values())
    assert set(callers.answers) == {200}
    assert answered > rotations
    middle, worst = statistics.median(published_ms), max(published_ms)
    print(
        f"\n{rotations} rotations: {answered} requests with a valid token, 0 refused; {2 * TRIES * rotations} with one "
        f"of a removed key, 0 allowed; a new key was in force after {middle:.0f} ms (median), {worst:.0f} ms (longest)"
    )


def test_a_key_that_nobody_announced_is_found_by_its_first_token(partnered: Stack, provider: Provider) -> None:
    """A sidecar that meets an unknown kid is 401 once and tells control, which looks again by itself."""
    provider.add("surprise")
    token = provider.token("surprise")
    assert partnered.get("orders", "/x", token).status_code == 401
    deadline = time.monotonic() + 60
    while partnered.get("orders", "/x", token).status_code != 200:
        assert time.monotonic() < deadline, partnered.processes.log("control")[-2000:]
        threading.Event().wait(0.1)
    invented = provider.token("nobody's", provider.published["surprise"])
    asked = len(provider.asked)
    assert {partnered.get("orders", "/x", invented).status_code for _ in range(200)} == {401}
    assert len(provider.asked) - asked <= 4  # discovery and keys, twice if ten seconds passed


def test_a_provider_that_is_gone_takes_nothing_with_it(partnered: Stack, provider: Provider) -> None:
    """Control restarts and the provider has no keys to show: its tokens count as before, and the operator is told."""
    token = provider.token("first")
    provider.answers[KEYS] = (503, {}, b"")
    refused = partnered.control("issuer", "refresh", "partner", expect=1)
    assert "answered 503" in refused
    partnered.processes.terminate("control")
    partnered.start_control()
    assert "answered 503" in partnered.control("status")
    partnered.processes.kill("orders")
    partnered.start_sidecar("orders")
    assert partnered.get("orders", "/x", token).status_code == 200


def test_keys_that_were_never_obtained_are_503_for_that_issuer_alone(partnered: Stack, provider: Provider) -> None:
    """And 200 when the provider answers at last, without anybody's help."""
    with Provider() as late:
        late.answers[KEYS] = (500, {}, b"")
        more = POLICY.replace("ISSUER", provider.issuer).replace(
            "services:",
            f"  late: {{issuer: {late.issuer}, audience: [orders], algorithms: [ES256], allow_http: true}}\nservices:",
        )
        partnered.control("push", str(partnered.policy(more)), "--wait")
        unknown = partnered.get("orders", "/x", late.token("first"))
        assert (unknown.status_code, unknown.json()["reason"]) == (503, "keys_unavailable")
        assert "issuer late: its keys were never obtained" in partnered.control("status")
        assert partnered.get("orders", "/x", provider.token("first")).status_code == 200
        del late.answers[KEYS]
        deadline = time.monotonic() + 60
        while partnered.get("orders", "/x", late.token("first")).status_code != 200:
            assert time.monotonic() < deadline
            threading.Event().wait(0.1)
