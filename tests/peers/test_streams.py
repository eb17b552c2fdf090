"""What takes its time or comes out of order: event streams, pipelining, early answers to large uploads, HTTP/1.0."""

import secrets
import subprocess
from collections.abc import Iterator

import httpx
import pytest

from control.testing.processes import Processes
from tests.stories.conftest import raw_exchange

from . import services
from .clients import Httpx, Request, checksum, pattern
from .conftest import Sidecar, require

pytestmark = pytest.mark.peers
LARGE = 5_000_000


def test_an_event_stream_is_not_held_back(sidecar: Sidecar) -> None:
    """The second event is only sent once the client has had the first, and said so."""
    name = secrets.token_hex(4)
    with httpx.stream("GET", f"{sidecar.url}/events?id={name}", timeout=30, trust_env=False) as response:
        lines = response.iter_lines()
        assert next(lines) == "data: first"
        assert httpx.get(f"{sidecar.url}/release?id={name}", trust_env=False).status_code == 204
        assert [line for line in lines if line] == ["data: second"]


def test_curl_shows_events_as_they_come(sidecar: Sidecar) -> None:
    """The same with curl, which reads as a program in a pipe does."""
    require("curl")
    name = secrets.token_hex(4)
    command = ["curl", "-sSN", "-m", "30", "--noproxy", "*", f"{sidecar.url}/events?id={name}"]
    with subprocess.Popen(command, stdout=subprocess.PIPE) as curl:
        assert curl.stdout
        assert curl.stdout.readline() == b"data: first\n"
        httpx.get(f"{sidecar.url}/release?id={name}", trust_env=False)
        assert curl.stdout.read() == b"\ndata: second\n\n"
    assert curl.returncode == 0


def test_curl_uses_its_connection_again(sidecar: Sidecar) -> None:
    """Three URLs, one connection."""
    require("curl")
    command = ["curl", "-sS", "-m", "30", "--noproxy", "*", "-w", "%{num_connects}"]
    done = subprocess.run([*command, *[f"{sidecar.url}/hello"] * 3], capture_output=True, text=True, check=True)
    assert done.stdout == "hello\n1hello\n0hello\n0"


def test_curl_hears_an_early_answer_to_a_large_upload(sidecar: Sidecar) -> None:
    """5 MB are on their way when the service says that it has enough."""
    require("curl")
    command = ["curl", "-sS", "-m", "30", "--noproxy", "*", "-H", f"Authorization: Bearer {sidecar.token}", "-T", "-"]
    done = subprocess.run(
        [*command, "-w", " %{http_code}", f"{sidecar.url}/early"], input=b"".join(pattern(LARGE)), capture_output=True
    )
    assert done.stdout == b"enough 413"


def test_pipelined_requests_are_answered_in_order(sidecar: Sidecar) -> None:
    """Three requests in one write: three whole answers, one after the other."""
    requests = [f"GET /echo?{n} HTTP/1.1\r\nHost: service\r\n" for n in range(3)]
    said = raw_exchange(sidecar.url, ("\r\n".join(requests) + "Connection: close\r\n\r\n").encode())
    places = [said.find(b'"/echo?%d"' % n) for n in range(3)]
    assert said.count(b"HTTP/1.1 200") == 3
    assert 0 < places[0] < places[1] < places[2]


def test_http_1_0_is_answered_and_closed(sidecar: Sidecar) -> None:
    """A body of unknown length ends with the connection: no chunk is ever sent to HTTP/1.0."""
    said = raw_exchange(sidecar.url, b"GET /chunks/70000 HTTP/1.0\r\nHost: service\r\n\r\n", limit=1 << 20)
    head, _, body = said.partition(b"\r\n\r\n")
    assert head.startswith(b"HTTP/1.1 200")
    assert b"chunked" not in head.lower()
    assert body == b"".join(pattern(70000))


def test_early_hints_pass(before_node: Sidecar) -> None:
    """103 arrives before the answer that it announces."""
    request = (
        f"GET /hints HTTP/1.1\r\nHost: s\r\nAuthorization: Bearer {before_node.token}\r\nConnection: close\r\n\r\n"
    )
    said = raw_exchange(before_node.url, request.encode())
    assert said.startswith(b"HTTP/1.1 103 ")
    assert b"rel=preload" in said.partition(b"HTTP/1.1 200")[0]


def test_nginx_as_the_service(before_nginx: Sidecar) -> None:
    """Files down and up, ranges, validators, its gzip, its redirect, on a unix socket."""
    client = Httpx(before_nginx.url)
    bearer = before_nginx.bearer
    try:
        assert client.send(Request("GET", "/large", bearer)).sha256 == checksum(services.FILE_BYTES)
        part = client.send(Request("GET", "/large", {**bearer, "Range": "bytes=251-501"}))
        assert (part.status, part.body) == (206, bytes(range(251)))
        hello = client.send(Request("GET", "/hello.txt", bearer))
        etag = hello.all("etag")[0]
        assert client.send(Request("GET", "/hello.txt", {**bearer, "If-None-Match": etag})).status == 304
        assert client.send(Request("HEAD", "/hello.txt", bearer)).all("content-length") == ["6"]
        zipped = client.send(Request("GET", "/zipped.txt", {**bearer, "Accept-Encoding": "gzip"}))
        assert (zipped.all("content-encoding"), zipped.body) == (["gzip"], b"zipped\n" * 1000)
        assert client.send(Request("GET", "/moved", bearer)).all("location") == ["/hello.txt"]
        assert client.send(Request("DELETE", "/nothing", bearer)).status == 204
        for chunked in (False, True):
            path = f"/put/{chunked}"
            assert client.send(Request("PUT", path, bearer, size=LARGE, chunked=chunked)).status == 201
            assert client.send(Request("GET", path, bearer)).sha256 == checksum(LARGE)
        assert client.send(Request("POST", "/early", bearer, size=200_000)).status == 413
    finally:
        client.close()


@pytest.fixture(scope="module")
def through_nginx(before_uvicorn: Sidecar, processes: Processes) -> Iterator[httpx.Client]:
    """A client of an nginx that stands before the sidecar, as an ingress does."""
    require("nginx")
    address = before_uvicorn.url.removeprefix("http://")
    socket = services.start_nginx(processes.folder / "front", processes, services.FRONT, address=address)
    transport = httpx.HTTPTransport(uds=socket.removeprefix("unix:"))
    with httpx.Client(transport=transport, base_url="http://service", headers=before_uvicorn.bearer) as client:
        yield client


@pytest.mark.parametrize("prefix", ["", "/as-1.0"])
def test_nginx_as_the_client(through_nginx: httpx.Client, prefix: str) -> None:
    """nginx as an ingress speaks HTTP/1.1 with kept connections where it is told to, and HTTP/1.0 where it is not."""
    assert through_nginx.get(prefix + "/hello").text == "hello\n"
    assert through_nginx.head(prefix + "/hello").headers["content-length"] == "6"
    assert through_nginx.delete(prefix + "/nothing").status_code == 204
    assert through_nginx.get(prefix + "/chunks/70000").content == b"".join(pattern(70000))
    said = through_nginx.put(prefix + "/upload", content=b"".join(pattern(LARGE))).json()
    assert said["sha256"] == checksum(LARGE)
    said = through_nginx.put(prefix + "/upload", content=pattern(LARGE)).json()
    assert said["sha256"] == checksum(LARGE)


def test_an_event_stream_through_nginx(through_nginx: httpx.Client) -> None:
    """Two proxies in a row hold nothing back."""
    name = secrets.token_hex(4)
    with through_nginx.stream("GET", f"/events?id={name}") as response:
        lines = response.iter_lines()
        assert next(lines) == "data: first"
        through_nginx.get(f"/release?id={name}")
        assert [line for line in lines if line] == ["data: second"]
