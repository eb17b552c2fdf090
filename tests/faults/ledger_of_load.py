"""Operators who change the mesh as fast as they can, and who remember what control acknowledged: what must be there
afterwards, whatever became of control meanwhile.
"""

import random
import threading
from dataclasses import dataclass, field
from typing import Any

import httpx

from tests.stories.conftest import Stack

POLICY = """\
trust_domain: shop.test
issuers: {own: {builtin: true}}
services:
  orders: {routes: [{path: /%s, access: public}, {path: /**}]}
  stock: {routes: [{path: /stock-%s, access: public}]}
"""


@dataclass
class Acknowledged:
    """What control has said is done, by kind."""

    pushes: dict[int, str] = field(default_factory=dict)
    revocations: set[str] = field(default_factory=set)
    api_keys: set[str] = field(default_factory=set)
    signing_keys: set[int] = field(default_factory=set)
    join_tokens: set[str] = field(default_factory=set)

    def __len__(self) -> int:
        kinds = (self.pushes, self.revocations, self.api_keys, self.signing_keys, self.join_tokens)
        return sum(len(kind) for kind in kinds)


class Load:
    """Three operators in threads, until control is gone. ``enough`` is set after so many acknowledged changes."""

    def __init__(self, stack: Stack, made: Acknowledged, round_: int, after: int) -> None:
        self.made, self.enough = made, threading.Event()
        self._url = stack.operator["CONTROL_URL"]
        self._headers = {"Authorization": "Bearer " + stack.operator["CONTROL_TOKEN"]}
        self._round, self._left, self._lock = round_, after, threading.Lock()
        self._threads = [threading.Thread(target=self._run, args=(n,)) for n in range(3)]

    def __enter__(self) -> "Load":
        for thread in self._threads:
            thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        for thread in self._threads:
            thread.join()

    def _run(self, operator: int) -> None:
        rng = random.Random(self._round * 3 + operator)
        changes = (self._push, self._revoke, self._revoke, self._api_key, self._join_token, self._rotate)
        with httpx.Client(base_url=self._url, headers=self._headers, trust_env=False, timeout=30) as client:
            try:
                for number in range(1_000_000):
                    rng.choice(changes)(client, f"{self._round}-{operator}-{number}")
            except httpx.TransportError:  # control is gone: whether this last change was made nobody was told
                self.enough.set()

    def _done(self, answer: httpx.Response) -> Any:
        assert answer.status_code == 201, answer.text
        with self._lock:
            self._left -= 1
            if self._left <= 0:
                self.enough.set()
        return answer.json()

    def _push(self, client: httpx.Client, name: str) -> None:
        source = POLICY % (name, name)
        self.made.pushes[self._done(client.post("/v1/policy", json={"source": source}))["version"]] = source

    def _revoke(self, client: httpx.Client, name: str) -> None:
        answer = client.post("/v1/revocations", json={"by": "jti", "value": name})
        if answer.status_code != 404:  # before the first policy
            self._done(answer)
            self.made.revocations.add(name)

    def _api_key(self, client: httpx.Client, name: str) -> None:
        self.made.api_keys.add(self._done(client.post("/v1/api-keys", json={"subject": name}))["id"])

    def _join_token(self, client: httpx.Client, _name: str) -> None:
        self.made.join_tokens.add(self._done(client.post("/v1/join-tokens", json={"service": "stock"}))["id"])

    def _rotate(self, client: httpx.Client, _name: str) -> None:
        answer = client.post("/v1/keys/rotate", json={})
        if answer.status_code != 409:  # one waits for the sidecars
            self.made.signing_keys.add(self._done(answer)["version"])
