"""Asks pip-audit about one locked list, and tells "nothing known" from "nobody answered".

pip-audit skips a package that its service has never heard of and still exits 0. Behind a registry mirror that
serves files but no advisories, that would be every package: a green line that means nothing.
"""

import json
import subprocess
import sys
from pathlib import Path


def main(path: str) -> int:
    """Exit code 0: audited and clean. 1: vulnerabilities, or some packages unknown. 3: no advisory service, skipped."""
    audit = [sys.executable, "-m", "pip_audit", "--progress-spinner=off", "--disable-pip", "--require-hashes"]
    done = subprocess.run([*audit, "-r", path, "-f", "json"], capture_output=True, text=True)  # noqa: S603  # our own words
    try:
        packages = json.loads(done.stdout)["dependencies"]
    except ValueError:
        lines = done.stderr.strip().splitlines() or ["no output"]
        return skipped(path, lines[-1][:300])
    unknown = [p["name"] for p in packages if "skip_reason" in p]
    if packages and len(unknown) == len(packages):
        return skipped(path, "the advisory service knows none of the packages; it is not the real one")
    bad = [(p["name"], p["version"], v) for p in packages for v in p.get("vulns", ())]
    for name, version, found in bad:
        print(f"{name} {version}: {found['id']}, fixed in {', '.join(found['fix_versions']) or 'no version yet'}")
    for name in unknown:
        print(f"{name}: unknown to the advisory service")
    print(f"{path}: {len(packages) - len(unknown)} packages audited, {len(bad)} known vulnerabilities")
    return 1 if bad or unknown else 0


def skipped(path: str, why: str) -> int:
    """Says loudly that nothing was audited."""
    print(f"AUDIT SKIPPED, {Path(path).name} WAS NOT AUDITED: {why}", file=sys.stderr)
    return 3


if __name__ == "__main__":
    sys.exit(main(sys.argv[1]))
