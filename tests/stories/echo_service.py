"""A service for the stories: answers with the request as it saw it; reads uploads whole and counts them."""

import hashlib
import json
import os
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer


class Echo(BaseHTTPRequestHandler):
    """GET and POST anything. ``/bytes/N`` answers N bytes."""

    protocol_version = "HTTP/1.1"

    def _answer(self) -> None:
        digest, size = hashlib.sha256(), 0
        for block in self._blocks():
            digest.update(block)
            size += len(block)
        if self.path.startswith("/bytes/"):
            body = b"x" * int(self.path.rpartition("/")[2])
        else:
            seen = {"method": self.command, "path": self.path, "headers": [list(item) for item in self.headers.items()]}
            body = json.dumps(seen | {"size": size, "sha256": digest.hexdigest(), "pid": os.getpid()}).encode()
        self.send_response(200)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(body)

    def _blocks(self):
        if self.headers.get("Transfer-Encoding", "").lower() == "chunked":
            while (size := int(self.rfile.readline().split(b";")[0], 16)) > 0:
                yield self.rfile.read(size)
                self.rfile.readline()
            self.rfile.readline()
            return
        left = int(self.headers.get("Content-Length", 0))
        while left:
            block = self.rfile.read(min(left, 1 << 20))
            if not block:
                return
            left -= len(block)
            yield block

    do_GET = do_POST = do_PUT = do_DELETE = do_PATCH = do_HEAD = do_OPTIONS = _answer

    def log_message(self, *_: object) -> None:
        """The stories look at answers, not at this log."""


server = ThreadingHTTPServer(("127.0.0.1", int(os.environ.get("PORT", "0"))), Echo)
print(f"listening on http://127.0.0.1:{server.server_address[1]}", flush=True)
server.serve_forever()
