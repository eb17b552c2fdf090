"""Credentials where none belong: whatever a caller does, no log line and no explanation can be used to call."""

import logging

import pytest
import trio

from control.identity import credentials
from control.identity.oauth import device_grant, families, grants, registration_access
from control.identity.people import passwords, sessions, sign_in
from sidecar.authz.evaluator import Evaluator, RequestFacts
from sidecar.authz.explain import explain
from sidecar.contract.journal import JsonLines
from sidecar.contract.secrets import masked
from sidecar.observe.accesslog import line

from ..authn.minting import NOW, claims, mint
from ..proxy.stage import Stage, request, snapshot

TOKEN = mint(claims())
KEY = "sgk_ab12_Zm9vYmFyYmF6cXV4Zm9vYmFyYmF6cXV4"
JOIN = "sgj1_gaNmb29jYmFyYmF6cXV4"
SIGNATURE = TOKEN.rpartition(".")[2]
PAYLOAD = TOKEN.split(".")[1]

SENT = {
    "a matrix parameter": request(f"/public/a;access_token={TOKEN}"),
    "a segment": request(f"/public/{TOKEN}/x"),
    "a segment of no route": request(f"/nowhere/{TOKEN}"),
    "a segment, its dots escaped": request(f"/public/{TOKEN.replace('.', '%2E')}"),
    "a segment, its dots escaped twice": request(f"/public/{TOKEN.replace('.', '%252e')}"),
    "a path that is refused": request(f"/public/{TOKEN.replace('.', '%2e')}/%00"),
    "two in one path": request(f"/public/{TOKEN}/{KEY}"),
    "an API key": request(f"/public/{KEY}"),
    "a join token": request(f"/public/{JOIN}"),
    "the query": request(f"/public/a?access_token={TOKEN}"),
    "the method": request("/public/a", method=KEY),
    "the request id": request("/public/a", f"X-Request-Id: {KEY}\r\n".encode()),
    "a space before the colon": request("/public/a", f"X-Key : {KEY}\r\n".encode()),
    "no colon": request("/public/a", b"Authorization Basic c2VjcmV0OnNlY3JldA==\r\n"),
    "a folded line": request("/public/a", b"X-Key: a\r\n Basic c2VjcmV0OnNlY3JldA==\r\n"),
    "a header name": request("/public/a", f"{KEY} a: b\r\n".encode()),
    "the host": request("/public/a").replace(b"Host: orders", f"Host: {KEY}@".encode()),
}


@pytest.mark.parametrize("name", SENT)
async def test_no_log_line_holds_a_credential(nursery: trio.Nursery, autojump_clock: object, name: str) -> None:
    """Neither the line of the access log nor a name of a time series."""
    stage = Stage(nursery, snapshot=snapshot())
    await stage.ask(SENT[name].replace(b"\r\n\r\n", b"\r\nConnection: close\r\n\r\n", 1))
    (record,) = stage.records
    for text in (line(record), stage.metrics.exposition().decode()):
        for secret in (SIGNATURE, PAYLOAD, KEY[9:], JOIN[5:], "c2VjcmV0"):
            assert secret not in text


def test_an_explanation_holds_no_credential() -> None:
    """A path is told step by step, and a token in it is not."""
    for path in (f"/public/{TOKEN}", f"/nowhere/{KEY}", f"/orders/{KEY};a"):
        told = "\n".join(explain(Evaluator(snapshot()), RequestFacts("GET", path.encode(), host="orders"), NOW))
        assert not any(secret in told for secret in (SIGNATURE, PAYLOAD, KEY[9:]))


def test_a_message_of_the_process_holds_none() -> None:
    """Of either plane, whoever logs."""
    record = logging.LogRecord("control.api", logging.INFO, "", 0, "GET /v1/%s", (f"{TOKEN}/{JOIN}",), None)
    text = JsonLines().format(record)
    assert SIGNATURE not in text
    assert JOIN[5:] not in text


def test_whatever_control_hands_out_is_masked() -> None:
    """Secrets of applications and operators, codes, refresh tokens, links, cookies: each has a prefix of its own."""
    issued = [
        *(credentials.APPLICATION_PREFIX, credentials.OPERATOR_PREFIX, families.REFRESH_PREFIX, grants.CODE_PREFIX),
        *(device_grant.CODE_PREFIX, registration_access.PREFIX, passwords.LINK_PREFIX, sessions.COOKIE_PREFIX),
        sign_in.TICKET_PREFIX,
    ]
    assert len(set(issued)) == len(issued)
    for prefix in issued:
        assert masked(f"/a/{credentials.new_secret(prefix)}/b") == f"/a/{prefix}***/b"


def test_what_is_no_credential_stays() -> None:
    """An operator reads paths as they were, and which API key it was."""
    for text in (
        "/eyJ/a.b",
        "/orders/eyJhbGciOiJub25lIn0",
        "/a/sgk_",
        "/static/app.3f2c.js",
        "/heyJude.mp3",
        "/msgs_archive",
        "/x;v=1.2.3",
    ):
        assert masked(text) == text
    assert masked(f"/a/{KEY}/b") == "/a/sgk_ab12_***/b"
    assert masked(f"/Bearer%20{TOKEN}") == "/Bearer%20eyJ***"
    assert masked(f"/ApiKey%20{KEY}") == "/ApiKey%20sgk_ab12_***"
    assert masked(f"/a/{TOKEN}/b") == "/a/eyJ***/b"
