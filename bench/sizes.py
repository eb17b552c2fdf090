"""How many bytes go to a sidecar for each kind of change: ``python bench/sizes.py``.

A rotation of keys is pushed as a whole snapshot. Beside it stands what an increment of its own would hold: the issuer's
public keys, in the envelope that a revocation has.
"""

import argparse
import logging
import tempfile
from pathlib import Path

from control.mesh import Mesh, open_mesh
from sidecar.contract.increment import Chain
from sidecar.contract.messages import Increments, Push, frame
from sidecar.contract.snapshot import decode
from sidecar.contract.strict import pack

ROUTE = """      - path: /area{n}/items/{{id}}
        methods: [GET, PUT]
        require: {{scopes: [items{n}:read], claims: {{tenant: acme, roles: {{any: [clerk, boss]}}}}}}
        timeout: 10s
"""


def policy(routes: int) -> str:
    """One service with so many routes, like those of the README."""
    head = "trust_domain: shop.test\nissuers:\n  own: {builtin: true}\nservices:\n  orders:\n    routes:\n"
    return head + "".join(ROUTE.format(n=n) for n in range(routes))


def newest(mesh: Mesh) -> Chain:
    """What orders runs."""
    chain = mesh.chain_for("orders")
    if chain is None:
        raise SystemExit("there is no snapshot")
    return chain


def measure(routes: int) -> tuple[int, int, int]:
    """Bytes of the frames: a rotation as it is pushed, a revocation, and the keys alone."""
    with tempfile.TemporaryDirectory() as directory:
        mesh = open_mesh(Path(directory), "http://127.0.0.1:7000")
        mesh.push(policy(routes), {}, {}, "bench")
        mesh.rotate_keys("bench")
        rotated = newest(mesh)
        whole = len(frame(Push(1, rotated.in_use.version, rotated.snapshot)))
        mesh.revoke("jti", "0b6a2c1e-6f0f-4a57-9d53-2f6a2f9c2e11", "bench")
        revoked = newest(mesh)
        revocation = len(frame(Increments(2, revoked.in_use.version, revoked.increments)))
        keys = [dict(key) for issuer in decode(rotated.snapshot.payload).issuers for key in issuer.keys]
        alone = len(pack(keys)) + revocation - len(pack([]))
        mesh.close()
    return whole, revocation, alone


def main() -> None:
    """A table."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--routes", type=int, nargs="*", default=[10, 100, 1000])
    logging.disable(logging.WARNING)
    print(f"{'routes':>8} {'rotation, whole':>16} {'keys alone, about':>18} {'revocation':>11}")
    for routes in parser.parse_args().routes:
        whole, revocation, alone = measure(routes)
        print(f"{routes:>8} {whole:>16,} {alone:>18,} {revocation:>11,}")


if __name__ == "__main__":
    main()
