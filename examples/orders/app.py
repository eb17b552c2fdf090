"""An example service: a few orders, and no word about tokens. Its sidecar has checked the caller before it hears.

It believes the ``X-Auth-*`` headers because nobody but its sidecar can reach it, and its sidecar removes any that a
caller made up. Standard library only.
"""

import json
import os
import re
import signal
import socket
import sys
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

ITEMS = ("a lamp", "two chairs", "a kettle", "a map of the coast")


class Handler(BaseHTTPRequestHandler):
    """``/public/hello``, ``/orders/{id}`` and ``/admin/stats``."""

    protocol_version = "HTTP/1.1"  # keep-alive
    timeout = 75  # longer than the sidecar keeps an idle connection, so that the sidecar is the one to close it
    served = 0

    def do_GET(self) -> None:
        Handler.served += 1
        if self.path == "/public/hello":
            self.answer(200, {"hello": "from orders"})
        elif self.path == "/admin/stats":
            self.answer(200, {"requests": Handler.served})
        elif found := re.fullmatch(r"/orders/(\d{1,9})", self.path):
            number = int(found[1])
            caller = {"subject": self.headers["X-Auth-Subject"], "scope": self.headers["X-Auth-Scope"]}
            order = {"order": number, "item": ITEMS[number % len(ITEMS)]}
            self.answer(200, {**order, "caller": caller, "served_by": socket.gethostname()})
        else:
            self.answer(404, {"error": "no such thing"})

    def answer(self, status: int, value: object) -> None:
        body = json.dumps(value).encode()
        self.send_response(status)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_: object) -> None:
        """The sidecar keeps the access log."""


def main() -> None:
    """Serves on HOST:PORT until SIGTERM."""
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(0))
    host = os.environ.get("HOST", "0.0.0.0")  # noqa: S104  # its network is private
    server = ThreadingHTTPServer((host, int(os.environ.get("PORT", "8080"))), Handler)
    print(f"orders listening on {host}:{server.server_port}", flush=True)
    server.serve_forever()


if __name__ == "__main__":
    main()
