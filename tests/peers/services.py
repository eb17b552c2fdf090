"""Other people's HTTP servers as the service behind a sidecar. Uvicorn, gunicorn and Node answer alike:

    /hello     6 bytes with ETag "v1", 304 if it matches     /nothing   204
    /bytes/N   N bytes of the pattern, with a length          /moved     302 to /hello
    /chunks/N  the same, without                              /cookies   two Set-Cookie
    /gzip      7,000 bytes, as gzip                           /early     413 before the request is read
    /events    one event, and another after /release          others     the request as JSON, with its checksum

nginx serves files, and takes them with PUT.
"""

import os
import sys
from pathlib import Path

from control.testing.processes import Processes

from .clients import pattern

PROGRAMS = Path(__file__).with_name("programs")
BIN = Path(sys.executable).parent
FILE_BYTES = 5_000_000

NGINX = """\
daemon off;
worker_processes 1;
error_log stderr notice;
pid {folder}/nginx.pid;
events {{ worker_connections 256; }}
http {{
  access_log off;
  client_body_temp_path {folder}/body; proxy_temp_path {folder}/proxy; fastcgi_temp_path {folder}/fastcgi;
  uwsgi_temp_path {folder}/uwsgi; scgi_temp_path {folder}/scgi;
  client_max_body_size 100m;
  default_type application/octet-stream;
  types {{ text/plain txt; }}
  {body}
}}
"""
FILES = """
  server {{
    listen unix:{folder}/nginx.sock;
    root {folder}/files;
    gzip on; gzip_types text/plain; gzip_min_length 100;
    gzip_proxied any; # without it nginx zips nothing for a request with a Via
    location = /nothing {{ return 204; }}
    location = /moved {{ absolute_redirect off; return 302 /hello.txt; }}
    location /put/ {{ dav_methods PUT; }}
    location = /early {{ return 413; }}
  }}
"""
FRONT = """
  upstream sidecar {{ server {address}; keepalive 4; }}
  map $http_upgrade $connection_upgrade {{ default upgrade; '' ''; }}
  server {{
    listen unix:{folder}/nginx.sock;
    location /as-1.0/ {{ proxy_pass http://sidecar/; }}
    location / {{
      proxy_http_version 1.1; proxy_request_buffering off; proxy_buffering off;
      proxy_set_header Connection $connection_upgrade; proxy_set_header Upgrade $http_upgrade;
      proxy_pass http://sidecar;
    }}
  }}
"""


def start(name: str, processes: Processes) -> str:
    """The service of that name; where it is."""
    commands = {
        "uvicorn": ([sys.executable, "-m", "uvicorn", "--app-dir", str(PROGRAMS), "service_asgi:app", "--port", "0"]),
        "gunicorn": [
            *(sys.executable, "-m", "gunicorn", "--chdir", str(PROGRAMS), "service_wsgi:app"),
            *("--threads", "8", "--bind", "127.0.0.1:0", "--keep-alive", "1", "--no-control-socket"),
        ],
        "node": ["node", str(PROGRAMS / "service.mjs")],
        "websockets": [sys.executable, str(PROGRAMS / "service_websockets.py")],
    }
    return processes.start(name, commands[name], r"(?:running on|Listening at:|listening on) (http://\S+:\d+)")[1]


def start_nginx(folder: Path, processes: Processes, body: str, **values: str) -> str:
    """nginx with one server on a unix socket, so that no port has to be chosen for it; ``unix:PATH``."""
    folder.mkdir()
    config = folder / "nginx.conf"
    config.write_text(NGINX.format(folder=folder, body=body.format(folder=folder, **values)))
    if os.geteuid() == 0:  # its workers are nobody then
        config.write_text("user root;\n" + config.read_text())
    processes.start(folder.name, ["nginx", "-p", str(folder), "-c", str(config)], r"start worker process \d+")
    return f"unix:{folder}/nginx.sock"


def files(folder: Path) -> None:
    """What nginx serves."""
    (folder / "put").mkdir(parents=True)
    (folder / "hello.txt").write_text("hello\n")
    (folder / "zipped.txt").write_text("zipped\n" * 1000)
    (folder / "large").write_bytes(b"".join(pattern(FILE_BYTES)))
