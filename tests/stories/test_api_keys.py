"""A caller with an API key, and a service that is known by its own token: let in, and turned away when told to."""

import os
import sqlite3
from pathlib import Path

from .conftest import Stack

POLICY = """\
trust_domain: shop.test
issuers:
  own: {builtin: true}
services:
  orders:
    routes:
      - {path: /hooks/**, credentials: [bearer, api_key], require: {scopes: [hooks]}}
      - {path: /internal/**, require: {callers: [web]}}
      - {path: /header/**, credentials: [{api_key: {header: X-API-Key}}], require: {when: 'claims.sub == "ci"'}}
  web: {routes: [{path: /**}]}
"""


def status(stack: Stack, path: str, **headers: str) -> int:
    """What the sidecar answers."""
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    return stack.http.get(stack.urls["orders"] + path, headers=named).status_code


def started(stack: Stack) -> Stack:
    """With the policy above in force."""
    stack.add_sidecar("orders", "orders", stack.start_echo())
    stack.control("push", str(stack.policy(POLICY)), "--wait")
    return stack


def said_anywhere(stack: Stack, secret: str) -> list[str]:
    """Where the secret can be read: logs, the database, a sidecar's disk, the list of processes."""
    files = [file for file in stack.folder.rglob("*") if file.is_file()]
    found = [file.name for file in files if secret.encode() in file.read_bytes()]
    with sqlite3.connect(stack.folder / "data" / "control.sqlite3") as database:
        found += ["database"] * any(secret in line for line in database.iterdump())
    database.close()
    for process in Path("/proc").glob("[0-9]*"):
        try:
            line = (process / "cmdline").read_bytes()
        except OSError:
            continue
        found += [f"process {process.name}"] * (secret.encode() in line and int(process.name) != os.getpid())
    return found


def test_an_api_key_opens_what_its_scopes_say_until_it_is_removed(stack: Stack) -> None:
    """``key remove --wait`` returns when no sidecar takes it any more, and the key itself is written down nowhere."""
    started(stack)
    key = stack.control_json("key", "add", "--subject", "ci", "--name", "build", "--scope", "hooks", "--wait")["key"]
    asked = {"authorization": f"ApiKey {key}"}
    assert status(stack, "/hooks/1", **asked) == 200
    assert status(stack, "/hooks/1", authorization=f"ApiKey {key[:-1]}x") == 401
    assert status(stack, "/hooks/1", x_api_key=key) == 401
    assert status(stack, "/header/1", x_api_key=key) == 200
    assert status(stack, "/internal/1", **asked) == 401
    stack.control("key", "update", "build", "--no-scopes")
    assert "in force on 1 of 1" in stack.control("key", "remove", "build", "--wait")
    assert {status(stack, "/hooks/1", **asked) for _ in range(20)} == {401}
    assert said_anywhere(stack, key.rsplit("_", 1)[1]) == []


def test_api_keys_outlive_control_and_revocations_outlive_both(stack: Stack) -> None:
    """A key is verified locally, as a token is; ``revoke --subject`` reaches whatever stands for the subject."""
    started(stack)
    add = ("key", "add", "--scope", "hooks", "--wait", "--subject")
    good, bad = (stack.control_json(*add, subject)["key"] for subject in ("ci", "cd"))
    stack.control("revoke", "--subject", "cd", "--wait")
    assert [status(stack, "/hooks/1", authorization=f"ApiKey {key}") for key in (good, bad)] == [200, 401]
    stack.processes.kill("control")
    stack.processes.kill("orders")
    stack.start_sidecar("orders")
    assert [status(stack, "/hooks/1", authorization=f"ApiKey {key}") for key in (good, bad)] == [200, 401]


def test_a_service_is_let_in_by_its_own_token(stack: Stack) -> None:
    """As the application of its name; once that is removed its token counts nowhere. Another application is 403."""
    started(stack)
    stack.control("app", "add", "web")
    stack.control("app", "add", "batch")
    web, batch = (stack.control("token", "issue", "--app", name).strip() for name in ("web", "batch"))
    version = stack.control_json("history")["versions"][0]["version"]
    stack.http.get(
        f"{stack.operator['CONTROL_URL']}/v1/versions/{version}/rollout",
        params={"wait_s": 30},
        headers={"Authorization": f"Bearer {stack.operator['CONTROL_TOKEN']}"},
        timeout=60,
    )
    assert stack.get("orders", "/internal/1", web).status_code == 200
    refused = stack.get("orders", "/internal/1", batch)
    assert (refused.status_code, refused.json()["reason"]) == (403, "caller_refused")
    stack.control("app", "remove", "web")
    stack.control("revoke", "--jti", "any", "--wait")  # a version after it: both are in force when this returns
    assert stack.get("orders", "/internal/1", web).status_code == 401
