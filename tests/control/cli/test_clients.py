"""``control client``."""

import json
from pathlib import Path

from control.authority import signing_keys

from .conftest import Run

BACK = "https://web.shop.test/back"


def test_client_verbs(control: Run) -> None:
    """Registered, listed, shown, changed, removed."""
    assert control("app", "add", "shop", "--scope", "orders:read").code == 0
    made = control("client", "add", "shop", "--redirect", BACK, "--public")
    assert (made.code, "proof      public" in made.out, f"redirect   {BACK}" in made.out) == (0, True, True)
    assert "authorization_code" in control("client", "list").out
    changed = control("client", "update", "shop", "--confidential", "--device", "--exchange")
    assert "grants     authorization_code, device_code, token-exchange" in changed.out
    assert "proof      secret" in changed.out
    kept = control("client", "update", "shop", "--no-redirects", "--no-exchange", "-o", "json").json
    assert (kept["redirect_uris"], len(kept["grant_types"])) == ([], 1)
    assert control("client", "show", "shop", "-o", "json").json == kept
    assert control("client", "remove", "shop").code == 0
    assert control("client", "show", "shop").code == 1


def test_keys_come_from_a_file(control: Run, tmp_path: Path) -> None:
    """Public halves alone; what is no JWK Set is exit 2."""
    control("app", "add", "robot")
    jwks = tmp_path / "robot.jwks.json"
    jwks.write_text(json.dumps({"keys": [signing_keys.public_jwk(signing_keys.generate("EdDSA"), "EdDSA")]}))
    assert "proof      private_key_jwt" in control("client", "add", "robot", "--jwks", str(jwks)).out
    assert control("client", "update", "robot", "--no-jwks", "--device").code == 0
    jwks.write_text("{")
    assert control("client", "update", "robot", "--jwks", str(jwks)).code == 2
    assert control("client", "update", "robot", "--jwks", str(tmp_path / "none")).code == 2
    assert control("client", "update", "robot").code == 2
    assert control("client", "update", "robot", "--redirect", BACK, "--no-redirects").code == 2
    assert control("client", "add", "robot").code == 1
