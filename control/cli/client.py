"""The admin API over HTTP, for the verbs. Every way in which that can fail is a Failure with a sentence.

Whoever answers is not believed to be control: an answer has a size and a time, a list an end, and nothing is unpacked.
"""

import json
import os
import time
from collections.abc import Iterator, Mapping
from pathlib import Path
from types import TracebackType
from typing import Any
from urllib.parse import quote, urlsplit

import httpx

from .failure import REFUSED, UNREACHABLE, USAGE, Failure, answered

DEFAULT_URL = "http://127.0.0.1:7000"
CONNECT_TIMEOUT_S = 5.0
ANSWER_TIMEOUT_S = 30.0
STREAM_TIMEOUT_S = 45.0
"""Three times what control is silent for."""
PAGE = 500
MAX_ANSWER_BYTES = 64 * 1024 * 1024
MAX_LIST_BYTES, MAX_PAGES = 512 * 1024 * 1024, 10_000
MAX_LINE_BYTES = 1024 * 1024
BODY_S = 60.0
"""How long an answer may take from its first byte to its last."""
_LOOPBACK = ("127.0.0.1", "localhost", "::1")


class Client:
    """One control, as its operator sees it. A context manager."""

    def __init__(self, environ: Mapping[str, str] = os.environ) -> None:
        self.url, self._heard = _url(environ), 0
        # A proxy from the environment is for the world outside; loopback is not outside.
        trust_env = urlsplit(self.url).hostname not in _LOOPBACK
        self._http = httpx.Client(
            base_url=self.url,
            headers={"Authorization": f"Bearer {_credential(environ)}", "Accept": "application/json"},
            timeout=httpx.Timeout(ANSWER_TIMEOUT_S, connect=CONNECT_TIMEOUT_S),
            trust_env=trust_env,
        )

    def __enter__(self) -> "Client":
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, tb: TracebackType | None) -> None:
        self._http.close()

    def get(self, path: str, *, wait_s: float = 0, **query: object) -> Any:
        """The answer's JSON. ``wait_s``: how long control itself may take before it answers."""
        said = {name: str(value) for name, value in query.items() if value is not None}
        if wait_s:
            said["wait_s"] = f"{wait_s:.3f}"
        return self._send("GET", path, params=said, timeout=httpx.Timeout(wait_s + ANSWER_TIMEOUT_S))

    def all(self, path: str, name: str, **query: str | None) -> Any:
        """A list, whole: every page's ``name`` as one answer."""
        asked, heard = {"limit": str(PAGE), **query}, self._heard
        answer = self._page(path, asked)
        for _ in range(MAX_PAGES):
            if (cursor := answer.pop("next", None)) is None:
                return answer
            more = self._page(path, {**asked, "cursor": cursor})
            if self._heard - heard > MAX_LIST_BYTES:
                break
            answer[name] += more[name]
            answer["next"] = more["next"]
        raise Failure(f"What answers at {self.url} is not control: its list has no end. See CONTROL_URL.")

    def _page(self, path: str, query: Mapping[str, str | None]) -> Any:
        return self._send("GET", path, params={name: value for name, value in query.items() if value is not None})

    def post(
        self, path: str, body: object | None = None, headers: Mapping[str, str] | None = None, *, file: str = ""
    ) -> Any:
        """The answer's JSON. ``file``: what the lines of a refusal are lines of."""
        return self._send("POST", path, file, json={} if body is None else body, headers=dict(headers or {}))

    def patch(self, path: str, body: object) -> Any:
        """The answer's JSON."""
        return self._send("PATCH", path, json=body)

    def lines(self, path: str, headers: Mapping[str, str]) -> Iterator[str]:
        """A stream's lines, until it ends."""
        patience = httpx.Timeout(ANSWER_TIMEOUT_S, connect=CONNECT_TIMEOUT_S, read=STREAM_TIMEOUT_S)
        said = {**headers, "Accept": "text/event-stream"}
        try:
            with self._http.stream("GET", "/v1" + path, headers=said, timeout=patience) as response:
                if response.status_code != 200:
                    self._read(response, "")
                yield from self._lines(response)
        except httpx.RequestError as error:
            raise Failure(f"The connection to control at {self.url} has ended ({_why(error)}).", UNREACHABLE) from None

    def put(self, path: str, body: object) -> Any:
        """The answer's JSON."""
        return self._send("PUT", path, json=body)

    def delete(self, path: str) -> Any:
        """The answer's JSON, if there is one."""
        return self._send("DELETE", path)

    def _send(self, method: str, path: str, file: str = "", **options: Any) -> Any:
        try:
            with self._http.stream(method, "/v1" + path, **options) as response:
                return self._read(response, file)
        except httpx.TimeoutException:
            raise Failure(f"control at {self.url} does not answer. Try again, or see its log.", UNREACHABLE) from None
        except httpx.RequestError as error:
            raise Failure(
                f"Cannot reach control at {self.url} ({_why(error)}). Is it running? CONTROL_URL says where it is.",
                UNREACHABLE,
            ) from None

    def _read(self, response: httpx.Response, file: str) -> Any:
        if response.status_code == 204:
            return None
        try:
            answer = json.loads(self._whole(response))
        except (ValueError, RecursionError):
            answer = None
        if response.is_success and answer is not None:
            return answer
        if not isinstance(answer, dict) or "code" not in answer:
            raise Failure(f"What answers at {self.url} is not control (HTTP {response.status_code}). See CONTROL_URL.")
        raise _refused(response.status_code, answer, self.url, file)

    def _whole(self, response: httpx.Response) -> bytes:
        answered(self.url)
        body, late = bytearray(), time.monotonic() + BODY_S
        for chunk in response.iter_raw():
            body += chunk
            if len(body) > MAX_ANSWER_BYTES or time.monotonic() > late:
                raise Failure(f"What answers at {self.url} is not control: its answer has no end. See CONTROL_URL.")
        self._heard += len(body)
        return bytes(body)

    def _lines(self, response: httpx.Response) -> Iterator[str]:
        answered(self.url)
        rest = b""
        for chunk in response.iter_raw():
            *lines, rest = (rest + chunk).split(b"\n")
            yield from (line.removesuffix(b"\r").decode("utf-8", "replace") for line in lines)
            if len(rest) > MAX_LINE_BYTES:
                raise Failure(f"What answers at {self.url} is not control: its event has no end. See CONTROL_URL.")


def segment(text: str) -> str:
    """A name as one segment of a path."""
    if text in ("", ".", "..") or "/" in text:
        raise Failure(f"{text!r} cannot stand in a URL. Name it by its id.", USAGE)
    return quote(text, safe="")


def _refused(status: int, answer: Mapping[str, Any], url: str, file: str) -> Failure:
    if status == 401:
        return Failure(f"control at {url} does not know this credential. CONTROL_TOKEN should be the operator's.")
    lines = []
    for problem in answer.get("problems", ()):
        place = (f"{file}:{problem['line']}: " if file else f"line {problem['line']}: ") if problem.get("line") else ""
        where = f"{problem['path']}: " if problem.get("path") else ""
        lines.append(f"{place}{where}{problem['message']}")
    if not lines and len(answer.get("errors", ())) > 1:
        lines = [f"{error['where']}: {error['message']}" for error in answer["errors"]]
    said = str(answer.get("detail") or f"control refused (HTTP {status})")
    if status >= 500:
        said += f" (request {str(answer.get('instance', '')).removeprefix('urn:uuid:')})"
    return Failure(said, REFUSED, tuple(lines))


def _url(environ: Mapping[str, str]) -> str:
    url = environ.get("CONTROL_URL", "").strip() or DEFAULT_URL
    try:
        parts = urlsplit(url)
        usable = parts.scheme in ("http", "https") and bool(parts.hostname) and (parts.port is None or parts.port > 0)
    except ValueError:
        usable = False
    if not usable:
        raise Failure(f"CONTROL_URL is not an http:// or https:// URL: {url!r}.", USAGE)
    return url.rstrip("/")


def _credential(environ: Mapping[str, str]) -> str:
    token, file = environ.get("CONTROL_TOKEN", "").strip(), environ.get("CONTROL_TOKEN_FILE", "")
    if not token and file:
        try:
            token = Path(file).read_text(encoding="utf-8").strip()
        except (OSError, ValueError) as error:
            reason = getattr(error, "strerror", None) or "not text"
            raise Failure(f"CONTROL_TOKEN_FILE {file} cannot be read: {reason}.", USAGE) from None
    if not token:
        raise Failure(
            "No credential. Set CONTROL_TOKEN, or CONTROL_TOKEN_FILE, to the operator credential that control printed "
            "when it was first started.",
            USAGE,
        )
    if not token.isascii() or not token.isprintable() or " " in token:
        raise Failure("CONTROL_TOKEN holds characters that no credential has. Copy it again, whole.", USAGE)
    return token


def _why(error: httpx.RequestError) -> str:
    text = str(error).lower()
    for known, plain in (
        ("refused", "connection refused"),
        ("name or service", "unknown host"),
        ("temporary failure in name", "unknown host"),
        ("no address", "unknown host"),
        ("certificate", "its TLS certificate is not trusted"),
        ("ssl", "TLS failed"),
        ("disconnected", "it closed the connection"),
        ("unreachable", "network unreachable"),
    ):
        if known in text:
            return plain
    if isinstance(error, httpx.ReadError | httpx.RemoteProtocolError):
        return "no answer in HTTP, as from a push socket"
    return type(error).__name__
