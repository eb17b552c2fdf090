"""docs/tokens.md says what the code does."""

import re
from pathlib import Path

from sidecar.authn import api_keys, cache, jose, strength, strict_json

ROOT = Path(__file__).resolve().parents[2]
PAGE = (ROOT / "docs" / "tokens.md").read_text()


def test_every_section_of_rfc_8725_has_code_and_tests() -> None:
    """The table names modules and tests that exist, for each of the twelve sections."""
    rows = re.findall(r"^\| (3\.\d+) [^|]*\|([^|]*)\|([^|]*)\|$", PAGE, re.MULTILINE)
    assert [section for section, _, _ in rows] == [f"3.{number}" for number in range(1, 13)]
    sources = [*(ROOT / "tests" / "authn").glob("*.py"), *(ROOT / "tests" / "attacks").glob("test_token*.py")]
    sources.append(ROOT / "tests" / "fuzz" / "test_authn.py")
    tests = set(re.findall(r"^def (test_\w+)", "\n".join(source.read_text() for source in sources), re.MULTILINE))
    for section, kept, tried in rows:
        modules, named = re.findall(r"`(\w+)`", kept), re.findall(r"`(\w+)`", tried)
        assert modules, section
        assert named, section
        assert not set(named) - tests
        assert all((ROOT / "sidecar" / "authn" / f"{module}.py").is_file() for module in modules)


def test_the_page_has_the_limits_of_the_code() -> None:
    """Each number that it promises."""
    said = PAGE.replace(",", "")
    for number in (
        jose.MAX_TOKEN_CHARS,
        strict_json.MAX_DEPTH,
        strict_json.MAX_BRACKETS,
        strict_json.MAX_NUMBER_CHARS,
        api_keys.MAX_KEY_CHARS,
        strength.MIN_RSA_BITS,
        strength.MAX_RSA_BITS,
        strength.MAX_EXPONENT_BITS,
        cache.MAX_ENTRIES,
        cache.MAX_FALSE,
    ):
        assert re.search(rf"\b{number}\b", said), number
    assert f"{cache.MAX_BYTES // 2**20} MiB" in PAGE
