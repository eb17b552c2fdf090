"""The peers' service as a WSGI application, for gunicorn. What each path answers is said in ``services.py``."""

import gzip
import hashlib
import json
import threading
from collections import defaultdict
from urllib.parse import parse_qs

BLOCK = bytes(range(251)) * 256
GATES: dict[str, threading.Event] = defaultdict(threading.Event)


def pattern(size):
    """``size`` bytes in blocks; every block but the last is a whole number of periods."""
    for start in range(0, size, len(BLOCK)):
        yield BLOCK[: size - start]


def echo(environ, start):
    digest, size = hashlib.sha256(), 0
    while data := environ["wsgi.input"].read(65536):
        digest.update(data)
        size += len(data)
    headers = [[name[5:].replace("_", "-").lower(), value] for name, value in environ.items() if name[:5] == "HTTP_"]
    seen = {"method": environ["REQUEST_METHOD"], "target": environ["RAW_URI"], "headers": headers}
    said = json.dumps(seen | {"size": size, "sha256": digest.hexdigest()}).encode()
    start("200 OK", [("Content-Type", "application/json"), ("Content-Length", str(len(said)))])
    return [b"" if environ["REQUEST_METHOD"] == "HEAD" else said]


def events(name):
    yield b"data: first\n\n"
    GATES[name].wait()
    yield b"data: second\n\n"


def app(environ, start):
    """The application."""
    query = {name: values[0] for name, values in parse_qs(environ["QUERY_STRING"]).items()}
    status, headers, blocks = "200 OK", [], []
    match environ["PATH_INFO"].split("/")[1:]:
        case ["hello"] if environ.get("HTTP_IF_NONE_MATCH") == '"v1"':
            status, headers = "304 Not Modified", [("ETag", '"v1"')]
        case ["hello"]:
            headers = [("ETag", '"v1"'), ("Content-Length", "6"), ("Content-Type", "text/plain")]
            blocks = [b"" if environ["REQUEST_METHOD"] == "HEAD" else b"hello\n"]
        case ["bytes", size]:
            headers, blocks = [("Content-Length", size)], pattern(int(size))
        case ["chunks", size]:
            blocks = pattern(int(size))
        case ["nothing"]:
            status = "204 No Content"
        case ["moved"]:
            status, headers = "302 Found", [("Location", "/hello"), ("Content-Length", "0")]
        case ["cookies"]:
            headers = [("Set-Cookie", "a=1"), ("Set-Cookie", "b=2; Path=/"), ("Content-Length", "0")]
        case ["gzip"]:
            zipped = gzip.compress(b"zipped\n" * 1000)
            headers, blocks = [("Content-Encoding", "gzip"), ("Content-Length", str(len(zipped)))], [zipped]
        case ["early"]:
            status, headers, blocks = "413 Too Large", [("Content-Length", "6"), ("Connection", "close")], [b"enough"]
        case ["events"]:
            headers, blocks = [("Content-Type", "text/event-stream")], events(query["id"])
        case ["release"]:
            GATES[query["id"]].set()
            status = "204 No Content"
        case _:
            return echo(environ, start)
    start(status, headers)
    return blocks
