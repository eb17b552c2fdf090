"""What a service does with a client, it does with a sidecar in between: every client with every service."""

import pytest

from .clients import Client, Request, checksum
from .conftest import Sidecar

pytestmark = pytest.mark.peers
LARGE = 5_000_000


def test_a_call_arrives_as_it_was_sent(client: Client, sidecar: Sidecar) -> None:
    """Method, target and headers arrive; the token became the caller's name."""
    headers = {**sidecar.bearer, "X-Trial": "one, two", "X-Auth-Subject": "mallory"}
    said = client.send(Request("GET", "/a/b%20c?d=e&f=%2F", headers))
    assert said.status == 200
    seen = said.json()
    fields = {name.lower(): value for name, value in seen["headers"]}
    assert (seen["method"], seen["target"]) == ("GET", "/a/b%20c?d=e&f=%2F")
    assert (fields["x-trial"], fields["x-auth-subject"]) == ("one, two", "peer")
    assert "authorization" not in fields


def test_refusals_are_understood(client: Client, sidecar: Sidecar) -> None:
    """No token and too few scopes: the client sees status, challenge and reason, and goes on."""
    refused = client.send(Request("GET", "/a"))
    assert (refused.status, refused.json()["reason"], refused.all("www-authenticate")) == (
        401,
        "missing_token",
        ["Bearer"],
    )
    lacking = client.send(Request("GET", "/admin/a", sidecar.bearer))
    assert (lacking.status, lacking.json()["reason"]) == (403, "insufficient_scope")
    refused_upload = client.send(Request("POST", "/a", size=1000))
    assert refused_upload.status == 401
    assert client.send(Request("GET", "/hello")).status == 200


@pytest.mark.parametrize("chunked", [False, True], ids=["length", "chunked"])
@pytest.mark.parametrize("size", [0, 1, 70_000, LARGE])
def test_bodies_up(client: Client, sidecar: Sidecar, size: int, chunked: bool) -> None:
    """What was sent arrives, byte for byte, with and without a length."""
    said = client.send(Request("PUT", "/upload", sidecar.bearer, size=size, chunked=chunked))
    assert (said.status, said.json()["size"], said.json()["sha256"]) == (200, size, checksum(size))


@pytest.mark.parametrize("path", ["bytes", "chunks"])
@pytest.mark.parametrize("size", [0, 1, 70_000, LARGE])
def test_bodies_down(client: Client, sidecar: Sidecar, path: str, size: int) -> None:
    """What the service sends arrives, byte for byte, with and without a length."""
    said = client.send(Request("GET", f"/{path}/{size}", sidecar.bearer))
    assert (said.status, said.size, said.sha256) == (200, size, checksum(size))


def test_head(client: Client, sidecar: Sidecar) -> None:
    """The head of a GET without its body, and the connection is still in step."""
    said = client.send(Request("HEAD", "/hello"))
    assert (said.status, said.size, said.all("content-length")) == (200, 0, ["6"])
    assert client.send(Request("GET", "/hello")).body == b"hello\n"


def test_no_content(client: Client, sidecar: Sidecar) -> None:
    """204 has no body, and the connection is still in step."""
    said = client.send(Request("DELETE", "/nothing", sidecar.bearer))
    assert (said.status, said.size) == (204, 0)
    assert client.send(Request("GET", "/hello")).body == b"hello\n"


def test_not_modified(client: Client, sidecar: Sidecar) -> None:
    """An ETag goes down, comes back, and is 304."""
    etag = client.send(Request("GET", "/hello")).all("etag")[0]
    said = client.send(Request("GET", "/hello", {"If-None-Match": etag}))
    assert (said.status, said.size, said.all("etag")) == (304, 0, [etag])


def test_redirects(client: Client, sidecar: Sidecar) -> None:
    """A redirect is passed on; a client that follows it gets there through the sidecar."""
    said = client.send(Request("GET", "/moved", sidecar.bearer))
    assert (said.status, said.all("location")) == (302, ["/hello"])
    assert client.send(Request("GET", "/moved", sidecar.bearer, follow=True)).body == b"hello\n"


def test_cookies(client: Client, sidecar: Sidecar) -> None:
    """Two Set-Cookie lines stay two; a Cookie goes up."""
    set_ = client.send(Request("GET", "/cookies")).all("set-cookie")
    assert ", ".join(set_) == "a=1, b=2; Path=/"
    fields = dict(client.send(Request("GET", "/echo", {"Cookie": "a=1; b=2"})).json()["headers"])
    assert {name.lower(): value for name, value in fields.items()}["cookie"] == "a=1; b=2"


def test_content_codings_pass(client: Client, sidecar: Sidecar) -> None:
    """gzip is the business of the two ends."""
    said = client.send(Request("GET", "/gzip", {"Accept-Encoding": "gzip"}))
    assert (said.status, said.plain()) == (200, b"zipped\n" * 1000)


def test_an_early_answer(client: Client, client_name: str, sidecar: Sidecar) -> None:
    """A service that refuses an upload before it has read it is heard, by clients that listen while they send."""
    said = client.send(Request("POST", "/early", sidecar.bearer, size=200_000))
    assert (said.status, said.body) == (413, b"enough")


def test_a_connection_is_used_again(client: Client, client_name: str, sidecar: Sidecar) -> None:
    """Mixed requests, one connection; curl's is given up with its process."""
    for _ in range(5):
        assert client.send(Request("GET", "/hello")).status == 200
        assert client.send(Request("GET", "/chunks/70000", sidecar.bearer)).size == 70000
        assert client.send(Request("POST", "/upload", sidecar.bearer, size=10)).status == 200
    assert sidecar.gauge("sidegate_connections") <= (0 if client_name == "curl" else 2)
    assert sidecar.gauge("sidegate_in_flight") == 0


@pytest.mark.parametrize("client_name", ["curl", "http", "java", "go"], indirect=True)
def test_expect_continue(client: Client, sidecar: Sidecar) -> None:
    """The body is asked for when the request is allowed."""
    said = client.send(Request("POST", "/upload", {**sidecar.bearer, "Expect": "100-continue"}, size=LARGE))
    assert (said.status, said.json()["sha256"]) == (200, checksum(LARGE))


@pytest.mark.parametrize("client_name", ["curl", "http", "go"], indirect=True)
def test_a_body_that_is_not_asked_for(client: Client, sidecar: Sidecar) -> None:
    """A refusal comes instead of the 100. Java's client waits for ever for the 100 then, also of a plain server
    (JDK-8286171, before Java 20), and is not asked."""
    refused = client.send(Request("POST", "/upload", {"Expect": "100-continue"}, size=LARGE))
    assert refused.status == 401
    assert client.send(Request("GET", "/hello")).status == 200
