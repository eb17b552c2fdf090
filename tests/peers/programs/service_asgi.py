"""The peers' service as an ASGI application, for uvicorn. What each path answers is said in ``services.py``."""

import asyncio
import gzip
import hashlib
import json
from collections import defaultdict
from urllib.parse import parse_qs

PERIOD = bytes(range(251))
BLOCK = PERIOD * 256
GATES: dict[str, asyncio.Event] = defaultdict(asyncio.Event)
REPORTS: dict[str, bytes] = {}


def pattern(size):
    """``size`` bytes in blocks; every block but the last is a whole number of periods."""
    for start in range(0, size, len(BLOCK)):
        yield BLOCK[: size - start]


async def body(receive):
    while True:
        message = await receive()
        yield message.get("body", b"")
        if not message.get("more_body"):
            return


async def answer(send, status, headers, blocks=()):
    pairs = [(name.lower().encode(), value.encode()) for name, value in headers]
    await send({"type": "http.response.start", "status": status, "headers": pairs})
    for block in blocks:
        await send({"type": "http.response.body", "body": block, "more_body": True})
    await send({"type": "http.response.body", "body": b""})


async def events(send, name):
    await send({"type": "http.response.start", "status": 200, "headers": [(b"content-type", b"text/event-stream")]})
    await send({"type": "http.response.body", "body": b"data: first\n\n", "more_body": True})
    await GATES[name].wait()
    await send({"type": "http.response.body", "body": b"data: second\n\n"})


async def echo(scope, receive, send):
    digest, size = hashlib.sha256(), 0
    async for data in body(receive):
        digest.update(data)
        size += len(data)
    target = scope["raw_path"].decode() + ("?" + scope["query_string"].decode() if scope["query_string"] else "")
    seen = {"method": scope["method"], "target": target, "size": size, "sha256": digest.hexdigest()}
    seen["headers"] = [[name.decode(), value.decode()] for name, value in scope["headers"]]
    said = json.dumps(seen).encode()
    head = [("Content-Type", "application/json"), ("Content-Length", str(len(said)))]
    await answer(send, 200, head, [] if scope["method"] == "HEAD" else [said])


async def http(scope, receive, send):
    """One request."""
    path, headers = scope["path"], dict(scope["headers"])
    query = {name: values[0] for name, values in parse_qs(scope["query_string"].decode()).items()}
    match path.split("/")[1:]:
        case ["hello"] if headers.get(b"if-none-match") == b'"v1"':
            await answer(send, 304, [("ETag", '"v1"')])
        case ["hello"]:
            text = b"" if scope["method"] == "HEAD" else b"hello\n"
            await answer(send, 200, [("ETag", '"v1"'), ("Content-Length", "6"), ("Content-Type", "text/plain")], [text])
        case ["bytes", size]:
            await answer(send, 200, [("Content-Length", size)], pattern(int(size)))
        case ["chunks", size]:
            await answer(send, 200, [], pattern(int(size)))
        case ["nothing"]:
            await answer(send, 204, [])
        case ["moved"]:
            await answer(send, 302, [("Location", "/hello"), ("Content-Length", "0")])
        case ["cookies"]:
            await answer(send, 200, [("Set-Cookie", "a=1"), ("Set-Cookie", "b=2; Path=/"), ("Content-Length", "0")])
        case ["gzip"]:
            zipped = gzip.compress(b"zipped\n" * 1000)
            await answer(send, 200, [("Content-Encoding", "gzip"), ("Content-Length", str(len(zipped)))], [zipped])
        case ["early"]:
            await answer(send, 413, [("Content-Length", "6"), ("Connection", "close")], [b"enough"])
        case ["events"]:
            await events(send, query["id"])
        case ["release"]:
            GATES[query["id"]].set()
            await answer(send, 204, [])
        case ["report"] if scope["method"] == "POST":
            REPORTS[query["id"]] = b"".join([data async for data in body(receive)])
            GATES[query["id"]].set()
            await answer(send, 204, [])
        case ["report"]:  # a long poll
            await GATES[query["id"]].wait()
            await answer(send, 200, [("Content-Type", "application/json")], [REPORTS[query["id"]]])
        case ["page"]:
            await answer(send, 200, [("Content-Type", "text/html; charset=utf-8")], [PAGE])
        case _:
            await echo(scope, receive, send)


async def websocket(scope, receive, send):
    """Echoes every message; closes when it is told to."""
    await receive()
    await send({"type": "websocket.accept", "subprotocol": (scope["subprotocols"] or [None])[0]})
    while (message := await receive())["type"] == "websocket.receive":
        if message.get("text") == "close":
            await send({"type": "websocket.close", "code": 4000, "reason": "as told"})
            return
        said = {"text": message["text"]} if message.get("text") is not None else {"bytes": message["bytes"]}
        await send({"type": "websocket.send", **said})


async def app(scope, receive, send):
    """The application."""
    await {"http": http, "websocket": websocket}[scope["type"]](scope, receive, send)


PAGE = b"""<!doctype html><title>peer</title><script type="module">
const id = new URLSearchParams(location.search).get('id'), seen = {};
const opened = kind => new Promise((done, failed) => { kind(done, failed); });
const query = '?id=' + id + '-events';
try {
  seen.events = await opened(done => {
    const source = new EventSource('/events' + query), got = [];
    source.onmessage = async event => {
      got.push(event.data);
      if (got.length === 1) await fetch('/release' + query);
      else { source.close(); done(got); }
    };
  });
  const data = new Uint8Array(3_000_000).map((_, i) => i % 251);
  seen.upload = await (await fetch('/echo', {method: 'PUT', body: data})).json();
  seen.download = (await (await fetch('/chunks/3000000')).arrayBuffer()).byteLength;
  seen.parallel = (await Promise.all([...Array(40).keys()].map(async i => (await fetch('/hello?' + i)).status)));
  seen.zipped = (await (await fetch('/gzip')).text()).length;
  await fetch('/cookies');
  seen.cookies = document.cookie;
  seen.websocket = await opened(done => {
    const socket = new WebSocket('ws://' + location.host + '/socket'), got = [];
    socket.onopen = () => { socket.send('hello'); socket.send(new Uint8Array([0, 1, 255])); socket.send('close'); };
    socket.onmessage = event => got.push(typeof event.data === 'string' ? event.data : event.data.size);
    socket.onclose = event => done([...got, event.code, event.reason]);
  });
} catch (error) { seen.error = String(error); }
await fetch('/report?id=' + id, {method: 'POST', body: JSON.stringify(seen)});
</script>"""
