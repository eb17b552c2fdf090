"""The first thing that anybody types."""

import subprocess
import sys
from pathlib import Path

DEMO = Path(__file__).parents[2] / "examples" / "demo.py"


def test_the_demo_keeps_its_promises() -> None:
    """It exits 0 by itself and shows a refusal, a token, a push, a revocation, each with the time it took."""
    done = subprocess.run([sys.executable, str(DEMO)], capture_output=True, text=True, timeout=180, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    for shown in ("401 missing_token", "403 insufficient_scope", "401 token_revoked", "in force on 2 of 2", " ms)"):
        assert shown in done.stdout
