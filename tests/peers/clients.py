"""Other people's HTTP clients behind one face, so that each operation is written once for all of them.

The programs in other languages read a request a line and write an answer a line, tab-separated:

    METHOD  PATH  BODY-SIZE or -  length|chunked  stay|follow  Name: value|Name: value
    STATUS  SIZE  SHA-256  BASE64 of the body, if small  BASE64 of the head, one "Name: value" a line

Every body is the same pattern: byte i is i modulo 251, so that a block out of place changes the checksum.
"""

import base64
import gzip
import hashlib
import json
import subprocess
import threading
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Protocol

import httpx

PROGRAMS = Path(__file__).with_name("programs")
BLOCK = bytes(range(251)) * 256
WITHIN_S = 60


class PeerError(Exception):
    """The client gave up. The text is its own."""


@dataclass(frozen=True)
class Request:
    """``size`` None: no body."""

    method: str
    path: str
    headers: Mapping[str, str] = field(default_factory=dict)
    size: int | None = None
    chunked: bool = False
    follow: bool = False


@dataclass(frozen=True)
class Answer:
    """``body`` is there when it is small."""

    status: int
    size: int
    sha256: str
    body: bytes
    headers: tuple[tuple[str, str], ...]

    def all(self, name: str) -> list[str]:
        """The values of one header field; some clients join several lines with a comma."""
        return [value for key, value in self.headers if key.lower() == name.lower()]

    def plain(self) -> bytes:
        """The body without its content coding, which some clients take off by themselves."""
        return gzip.decompress(self.body) if self.body.startswith(b"\x1f\x8b") else self.body

    def json(self) -> Any:
        """The body as JSON."""
        return json.loads(self.body)


class Client(Protocol):
    """One of them. PeerError if it gives up."""

    def send(self, request: Request) -> Answer: ...

    def close(self) -> None: ...


def pattern(size: int) -> Iterator[bytes]:
    """``size`` bytes in blocks; every block but the last is a whole number of periods."""
    for start in range(0, size, len(BLOCK)):
        yield BLOCK[: size - start]


def checksum(size: int) -> str:
    """SHA-256 of the pattern."""
    digest = hashlib.sha256()
    for block in pattern(size):
        digest.update(block)
    return digest.hexdigest()


def answer(status: int, headers: Iterable[tuple[str, str]], blocks: Iterable[bytes]) -> Answer:
    """An Answer from a body in blocks; a large one is not held."""
    digest, size, kept = hashlib.sha256(), 0, b""
    for block in blocks:
        digest.update(block)
        size += len(block)
        if size <= 65536:
            kept += block
    return Answer(status, size, digest.hexdigest(), kept, tuple(headers))


def content(request: Request) -> bytes | Iterator[bytes] | None:
    """A request's body as the Python clients take it: an iterator is sent chunked."""
    if request.size is None:
        return None
    return pattern(request.size) if request.chunked else b"".join(pattern(request.size))


class Httpx:
    """httpx, one pooled client."""

    def __init__(self, base: str) -> None:
        self._client = httpx.Client(base_url=base, timeout=WITHIN_S, trust_env=False)

    def send(self, request: Request) -> Answer:
        try:
            with self._client.stream(
                request.method,
                request.path,
                headers=request.headers,
                content=content(request),
                follow_redirects=request.follow,
            ) as response:
                return answer(response.status_code, response.headers.multi_items(), response.iter_bytes())
        except httpx.HTTPError as error:
            raise PeerError(repr(error)) from error
        finally:
            self._client.cookies.clear()

    def close(self) -> None:
        self._client.close()


class Requests:
    """requests, one session."""

    def __init__(self, base: str) -> None:
        import requests

        self._base, self._session, self._error = base, requests.Session(), requests.RequestException
        self._session.trust_env = False

    def send(self, request: Request) -> Answer:
        try:
            with self._session.request(
                request.method,
                self._base + request.path,
                headers=dict(request.headers),
                data=content(request),
                allow_redirects=request.follow,
                stream=True,
                timeout=WITHIN_S,
            ) as response:
                headers = [(name, value) for name, value in response.raw.headers.items()]
                return answer(response.status_code, headers, response.iter_content(65536))
        except self._error as error:
            raise PeerError(repr(error)) from error

    def close(self) -> None:
        self._session.close()


class Urllib3:
    """urllib3, one pool of one connection."""

    def __init__(self, base: str) -> None:
        import urllib3

        self._error = urllib3.exceptions.HTTPError
        self._pool = urllib3.connection_from_url(
            base, maxsize=1, block=True, retries=urllib3.Retry(1, connect=0, read=0)
        )

    def send(self, request: Request) -> Answer:
        try:
            response = self._pool.urlopen(
                request.method,
                request.path,
                body=content(request),
                headers=dict(request.headers),
                redirect=request.follow,
                preload_content=False,
                timeout=WITHIN_S,
            )
            try:
                return answer(response.status, response.headers.items(), response.stream(65536))
            finally:
                response.release_conn()
        except self._error as error:
            raise PeerError(repr(error)) from error

    def close(self) -> None:
        self._pool.close()


class Curl:
    """curl: a process for each request, which is also the one that closes after every answer."""

    def __init__(self, base: str) -> None:
        self._base = base

    def send(self, request: Request) -> Answer:
        command = ["curl", "-sS", "-m", str(WITHIN_S), "--noproxy", "*", "-D", "/dev/stderr"]
        command += ["-I"] if request.method == "HEAD" else ["-X", request.method]
        command += [part for item in request.headers.items() for part in ("-H", ": ".join(item))]
        command += ["-L"] if request.follow else []
        body = b""
        if request.size is not None:
            body = b"".join(pattern(request.size))
            command += ["-H", "Transfer-Encoding: chunked", "-T", "-"] if request.chunked else ["--data-binary", "@-"]
        done = subprocess.run([*command, self._base + request.path], input=body, capture_output=True, check=False)
        heads = done.stderr.decode("latin-1")
        if done.returncode:
            raise PeerError(f"curl {done.returncode}: {heads[-300:]}")
        last = heads.rstrip("\r\n").rpartition("\r\n\r\n")[2].split("\r\n")
        headers = [(name, value.strip()) for name, _, value in (line.partition(":") for line in last[1:])]
        return answer(int(last[0].split()[1]), headers, [b"" if request.method == "HEAD" else done.stdout])

    def close(self) -> None:
        """Nothing is left running."""


class Program:
    """A client in another language, running for as long as it is used."""

    def __init__(self, *command: str) -> None:
        self._process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)

    def send(self, request: Request) -> Answer:
        size = "-" if request.size is None else str(request.size)
        parts = [request.method, request.path, size, "chunked" if request.chunked else "length"]
        parts += ["follow" if request.follow else "stay", "|".join(": ".join(item) for item in request.headers.items())]
        assert self._process.stdin
        assert self._process.stdout
        self._process.stdin.write("\t".join(parts) + "\n")
        self._process.stdin.flush()
        patience = threading.Timer(WITHIN_S, self._process.kill)
        patience.start()
        said = self._process.stdout.readline().rstrip("\n").split("\t")
        patience.cancel()
        patience.join()
        if len(said) != 5:
            raise PeerError(" ".join(said) or "the program ended")
        head = base64.b64decode(said[4]).decode("latin-1").splitlines()
        pairs = [(name, value) for name, _, value in (line.partition(": ") for line in head)]
        return Answer(int(said[0]), int(said[1]), said[2], base64.b64decode(said[3]), tuple(pairs))

    def close(self) -> None:
        assert self._process.stdin
        assert self._process.stdout
        self._process.stdin.close()
        try:
            self._process.wait(10)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()
        self._process.stdout.close()


def start(name: str, base: str, scratch: Path) -> Client:
    """The client called ``name``, to be sent to ``base``."""
    match name:
        case "httpx":
            return Httpx(base)
        case "requests":
            return Requests(base)
        case "urllib3":
            return Urllib3(base)
        case "curl":
            return Curl(base)
        case "fetch" | "http":
            return Program("node", str(PROGRAMS / "client.mjs"), name, base)
        case "java":
            return Program("java", "-XX:TieredStopAtLevel=1", str(PROGRAMS / "Client.java"), base)
        case "go":
            program = scratch / "client-go"
            subprocess.run(["go", "build", "-o", str(program), str(PROGRAMS / "client.go")], check=True, timeout=120)
            return Program(str(program), base)
    raise LookupError(name)


NEEDS = {"curl": "curl", "fetch": "node", "http": "node", "java": "java", "go": "go"}
"""The program that a client needs, where it is one."""
MODULES = {"requests": "requests", "urllib3": "urllib3", "httpx": "httpx"}
CLIENTS = ("curl", "httpx", "requests", "urllib3", "fetch", "http", "java", "go")
