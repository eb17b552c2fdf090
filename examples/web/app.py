"""An example service that calls another one: a shop window in front of ``orders``.

It passes the caller's own token on, so that orders' sidecar decides about the caller and not about web. Standard
library only.
"""

import json
import os
import re
import signal
import sys
from http.client import HTTPConnection, HTTPException
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import urlsplit

ORDERS = urlsplit(os.environ.get("ORDERS_URL", "http://orders:8000"))
CALL_TIMEOUT_S = 10


class Handler(BaseHTTPRequestHandler):
    """``/`` and ``/shop/orders/{id}``."""

    protocol_version = "HTTP/1.1"  # keep-alive
    timeout = 75  # longer than the sidecar keeps an idle connection, so that the sidecar is the one to close it

    def do_GET(self) -> None:
        if self.path == "/":
            self.answer(200, {"hello": "from web", "try": "/shop/orders/7"})
        elif found := re.fullmatch(r"/shop/orders/(\d{1,9})", self.path):
            self.answer(*self.order(int(found[1])))
        else:
            self.answer(404, {"error": "no such thing"})

    def order(self, number: int) -> tuple[int, object]:
        """What orders says about one order: its answer when it gives one, its refusal as our own when it does not."""
        connection = HTTPConnection(ORDERS.hostname or "", ORDERS.port, timeout=CALL_TIMEOUT_S)
        passed_on = {n: v for n in ("Authorization", "X-Request-Id", "traceparent") if (v := self.headers[n])}
        try:
            connection.request("GET", f"/orders/{number}", headers=passed_on)
            response = connection.getresponse()
            said = json.loads(response.read())
        except (OSError, HTTPException, ValueError) as error:
            return 502, {"error": f"orders gave no answer ({type(error).__name__})"}
        finally:
            connection.close()
        return response.status, {"shop": "yours", "orders_said": said}

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
    print(f"web listening on {host}:{server.server_port}", flush=True)
    server.serve_forever()


if __name__ == "__main__":
    main()
