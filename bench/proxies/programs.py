"""Where other people's programs are. PEERS_DIR is looked through too, for those that no system package brings."""

import os
import shutil
import subprocess
from pathlib import Path

PLACES = (os.environ.get("PATH", os.defpath), os.environ.get("PEERS_DIR", ""), "/usr/sbin")
NEEDED = {"wrk": "wrk", "h2load": "nghttp2-client", "nginx": "nginx", "taskset": "util-linux", "strace": "strace"}
NJS_MODULE = Path("/usr/lib/nginx/modules/ngx_http_js_module.so")


def find(name: str) -> str | None:
    """Its path, or None."""
    return shutil.which(name, path=os.pathsep.join(place for place in PLACES if place))


def need(name: str) -> str:
    """Its path; SystemExit names the package."""
    if path := find(name):
        return path
    raise SystemExit(f"{name} is not installed (Debian: {NEEDED[name]}); see bench/README.md")


def modules() -> str:
    """The line of nginx's configuration that loads njs."""
    if not NJS_MODULE.exists():
        raise SystemExit("nginx has no njs (Debian: libnginx-mod-http-js); see bench/README.md")
    return f"load_module {NJS_MODULE};"


def version(*command: str) -> str:
    """The first line that a program says about itself."""
    done = subprocess.run(command, capture_output=True, text=True, check=False)  # noqa: S603  # found above
    return (done.stdout or done.stderr).strip().partition("\n")[0]
