"""The project keeps its own promises: dependencies declared and locked, links that lead somewhere, no strange paths."""

import ast
import json
import re
import subprocess
import sys
import tomllib
from importlib.metadata import packages_distributions
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
TEXT = {".py", ".md", ".toml", ".txt", ".yml", ".yaml", ".json", ".sh", ".ini", ".mako", ".html", ".css", ".js", ""}


def tracked() -> list[Path]:
    """Every file of the project: what git knows, or, without git, what is not made by a tool."""
    try:
        listed = subprocess.run(["git", "ls-files", "-z"], cwd=ROOT, capture_output=True, text=True, check=True).stdout
        paths = [ROOT / name for name in listed.split("\0") if name]
    except (OSError, subprocess.CalledProcessError):
        made = re.compile(r"/(\.|__pycache__|build|dist|data|state|node_modules|[^/]+\.egg-info)")
        paths = [path for path in ROOT.rglob("*") if not made.search(path.as_posix().removeprefix(ROOT.as_posix()))]
    return [path for path in paths if path.is_file()]


def canonical(name: str) -> str:
    """A distribution's name as PEP 503 compares it."""
    return re.sub(r"[-_.]+", "-", name).lower()


def names(requirements: list[str]) -> set[str]:
    """The distributions that a list of requirements names."""
    return {canonical(re.match(r"[A-Za-z0-9._-]+", line)[0]) for line in requirements}  # type: ignore[index]  # PEP 508


def locked(which: str) -> dict[str, str]:
    """Name to version in one of the locked lists."""
    lines = (ROOT / "requirements" / f"{which}.txt").read_text().splitlines()
    found = (re.match(r"([a-z0-9.-]+)==([^\s;\\]+)", line) for line in lines)
    return {canonical(match[1]): match[2] for match in found if match}


def imported(package: str) -> dict[str, Path]:
    """Top-level names that a package's modules import from outside the standard library, each with one place."""
    found: dict[str, Path] = {}
    for path in sorted((ROOT / package).rglob("*.py")):
        for node in ast.walk(ast.parse(path.read_text())):
            if isinstance(node, ast.Import):
                found |= {alias.name.split(".")[0]: path for alias in node.names}
            elif isinstance(node, ast.ImportFrom) and node.level == 0 and node.module:
                found[node.module.split(".")[0]] = path
    return {name: path for name, path in found.items() if name not in sys.stdlib_module_names}


CORE = names(PROJECT["dependencies"])
CONTROL = CORE | names(PROJECT["optional-dependencies"]["control"])
TESTING = CONTROL | names(PROJECT["optional-dependencies"]["testing"])


@pytest.mark.parametrize(("package", "declared"), [("sidecar", CORE), ("control", TESTING)])
def test_every_import_is_declared(package: str, declared: set[str]) -> None:
    """Nothing is imported that installing the package would not bring."""
    providers = packages_distributions()
    for name, path in imported(package).items():
        if name not in ("sidecar", "control"):
            given_by = {canonical(provider) for provider in providers.get(name, [])}
            assert given_by & declared, (
                f"{path.relative_to(ROOT)} imports {name}, which pyproject.toml does not declare"
            )


def test_only_the_test_kit_imports_pytest() -> None:
    """What control itself runs on does not need the testing extra."""
    for path in (ROOT / "control").rglob("*.py"):
        if "testing" not in path.relative_to(ROOT).parts:
            assert not re.search(r"^\s*(import|from) (_?pytest|pytest_trio)\b", path.read_text(), re.MULTILINE), path


@pytest.mark.parametrize(
    ("which", "declared"), [("sidecar", CORE), ("control", CONTROL), ("dev", TESTING - {"sidegate"})]
)
def test_every_declared_dependency_is_locked(which: str, declared: set[str]) -> None:
    """The lists are not older than pyproject.toml: `make lock` was run."""
    assert declared <= set(locked(which)), f"requirements/{which}.txt is behind pyproject.toml: make lock"


def test_what_is_tested_is_what_is_shipped() -> None:
    """Each list is cut from one resolution: the same package has the same version everywhere."""
    everything = locked("dev").items()
    for which in ("sidecar", "control", "build"):
        assert locked(which).items() <= everything
    assert {name for name, _ in locked("peers").items() - everything} <= {"gunicorn", "uvicorn", "websockets"}
    assert {name for name, _ in locked("browser").items() - everything} <= {"playwright", "greenlet"}


def test_the_sidecar_stays_light() -> None:
    """The sidecar's list holds no dependency of control and none of the tests, but for what the CEL package's command
    line asks for (docs/decisions/0010-cel.md); and of that nothing is imported until a policy has a condition."""
    heavy = (TESTING - CORE) | {"starlette", "pydantic-core", "greenlet", "click", "anyio", "ruff", "mypy"}
    of_cel = {"pydantic", "pydantic-core", "rich", "typer", "typing-extensions"}
    assert not (heavy - of_cel) & set(locked("sidecar"))
    code = f"import sidecar.cli, sys; print(sorted({of_cel | {'cel'}} & set(sys.modules)))"
    assert subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout == "[]\n"


@pytest.mark.parametrize("which", ["sidecar", "control", "dev", "build", "peers", "browser", "fuzz"])
def test_the_locks_are_whole_and_name_no_place(which: str) -> None:
    """Every line has its hashes, and nothing says where the packages came from."""
    text = (ROOT / "requirements" / f"{which}.txt").read_text()
    assert "://" not in text
    assert not re.search(r"^-", text, re.MULTILINE)
    for entry in re.split(r"\n(?=[a-z0-9])", text)[1:]:
        assert "--hash=sha256:" in entry, entry


def test_the_lock_of_the_peers_of_node_is_whole_and_names_no_place() -> None:
    """Each package has its hash, and nothing says where it came from."""
    packages = json.loads((ROOT / "tests/peers/programs/package-lock.json").read_text())["packages"]
    declared = json.loads((ROOT / "tests/peers/programs/package.json").read_text())["dependencies"]
    assert packages.pop("")["dependencies"] == declared
    for name, entry in packages.items():
        assert entry["integrity"].startswith("sha512-") and "resolved" not in entry, name


def headings(text: str) -> set[str]:
    """The anchors that a page's headings make."""
    titles = re.findall(r"^#+ (.+)$", re.sub(r"^```.*?^```", "", text, flags=re.MULTILINE | re.DOTALL), re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", title.lower()).strip().replace(" ", "-") for title in titles}


@pytest.mark.parametrize("page", [p for p in tracked() if p.suffix == ".md"], ids=lambda p: str(p.relative_to(ROOT)))
def test_links_in_the_documentation_resolve(page: Path) -> None:
    """A relative link leads to a file that is there, and to a heading that is on it."""
    prose = re.sub(r"^```.*?^```", "", page.read_text(), flags=re.MULTILINE | re.DOTALL)
    for target in re.findall(r"\]\(([^)\s]+)\)", prose):
        if not re.match(r"[a-z]+:", target):
            name, _, anchor = target.partition("#")
            path = (page.parent / name) if name else page
            assert path.exists(), f"{page.relative_to(ROOT)} links to {target}"
            assert not anchor or anchor in headings(path.read_text()), f"{page.relative_to(ROOT)} links to {target}"


STRANGE = re.compile(
    r"(?<![\w.])/(?:home|root|Users|work|opt)/\w"  # a path of somebody's machine
    r"|\b(?:TODO|FIXME|XXX)\b"
    r"|-----BEGIN [A-Z ]*PRIVATE KEY-----\n[A-Za-z0-9+/]{16}"
)


def test_no_file_speaks_of_one_machine() -> None:
    """No absolute path of a workstation, no unfinished note and no private key is in the tree."""
    for path in tracked():
        if path.suffix in TEXT and path != Path(__file__).resolve():
            found = STRANGE.search(path.read_text(encoding="utf-8"))
            assert not found, f"{path.relative_to(ROOT)}: {found[0] if found else ''}"


def test_the_version_is_said_once_and_logged() -> None:
    """The changelog begins with the version of pyproject.toml."""
    text = (ROOT / "CHANGELOG.md").read_text()
    newest = re.search(r"^## (\d+\.\d+\.\d+)", text, re.MULTILINE)
    assert newest
    assert newest[1] == PROJECT["version"]


def test_every_make_target_in_the_documentation_exists() -> None:
    """What a page tells the reader to type, the Makefile knows."""
    targets = set(re.findall(r"^([a-z][a-z-]*):", (ROOT / "Makefile").read_text(), re.MULTILINE))
    for page in (p for p in tracked() if p.suffix == ".md"):
        typed = "\n".join(re.findall(r"^```.*?^```|`[^`\n]+`", page.read_text(), re.MULTILINE | re.DOTALL))
        said = set(re.findall(r"^`?(?:\$ )?make ([a-z][a-z-]*)", typed, re.MULTILINE))
        assert said <= targets, f"{page.relative_to(ROOT)}: {said - targets}"


def test_compose_draws_the_promised_topology() -> None:
    """Each service is alone with sidecars on internal networks; only sidecars and control are on the mesh."""
    yaml = pytest.importorskip("yaml")
    stack = yaml.safe_load((ROOT / "compose.yml").read_text())
    networks = {name: set(service.get("networks", ())) for name, service in stack["services"].items()}
    for name, its in networks.items():
        if name.endswith("-app"):
            assert "mesh" not in its
            assert all(stack["networks"][network]["internal"] for network in its)
            assert all(other.endswith("-sidecar") for other in networks if other != name and networks[other] & its)
    assert {name for name, its in networks.items() if "mesh" in its} == {
        *("control", "bootstrap", "web-sidecar", "orders-sidecar")
    }
    for service in stack["services"].values():
        assert service["read_only"]
        assert service["cap_drop"] == ["ALL"]
