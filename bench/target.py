"""Ours, as a target of a rig that compares proxies: ``python bench/target.py --keys DIR --listen 127.0.0.1:8080``.

DIR has the rig's ``jwks.json``; the rig's issuer, audience and upstream are the defaults. One worker; the access log
goes to stdout, whose place is the caller's to choose. The process that this becomes is the one to measure.
"""

import argparse
import json
import os
import tempfile
import time
from pathlib import Path

from control.testing.processes import BIN
from sidecar.contract.snapshot import Issuer, Route, Snapshot, encode


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--keys", type=Path, required=True)
    parser.add_argument("--listen", default="127.0.0.1:8080")
    parser.add_argument("--upstream", default="http://127.0.0.1:9000")
    parser.add_argument("--issuer", default="https://issuer.example")
    parser.add_argument("--audience", default="orders-api")
    options, more = parser.parse_known_args()
    issuer = Issuer(
        name="rig",
        issuer=options.issuer,
        audiences=(options.audience,),
        algorithms=("RS256", "ES256"),
        keys=tuple(json.loads((options.keys / "jwks.json").read_text())["keys"]),
    )
    snapshot = Snapshot("rig.test", "orders", 1, int(time.time()), issuers=(issuer,), routes=(Route("/**"),))
    file = Path(tempfile.mkdtemp(prefix="sidegate-target-")) / "snapshot"
    file.write_bytes(encode(snapshot))
    sidecar = [str(BIN / "sidecar"), "run", "--snapshot", str(file), "--upstream", options.upstream]
    os.execv(sidecar[0], [*sidecar, "--listen", options.listen, "--admin", "127.0.0.1:0", *more])  # noqa: S606


if __name__ == "__main__":
    main()
