"""Backups that were made to hurt, their hashes right: control tells what it found, not what the file says of itself."""

import base64
import hashlib
import json
import re
import sqlite3
from collections.abc import Callable
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from control.cli import main
from control.mesh import open_mesh
from control.mesh.backups import MAX_VERSION, STEP
from control.store.backup_file import spelled
from control.store.sqlite import FILE_NAME

URL = "http://control.test"
POLICY = "trust_domain: shop.test\nservices: {orders: {routes: [{path: /**, access: public}]}}\n"
Lines = list[Any]


@pytest.fixture(scope="module")
def lines(tmp_path_factory: pytest.TempPathFactory) -> Lines:
    """Those of a backup of a mesh at version 1."""
    folder = tmp_path_factory.mktemp("backup")
    mesh = open_mesh(folder / "data", URL)
    mesh.push(POLICY, {}, {}, "ann")
    mesh.close()
    assert main(["backup", str(folder / "made"), "--data", str(folder / "data")]) == 0
    return [json.loads(line) for line in (folder / "made").read_bytes().splitlines()]


def forged(lines: Lines, file: Path, change: Callable[[Lines], None]) -> Path:
    """A file with the lines as ``change`` leaves them, and the hash that belongs to them."""
    changed = json.loads(json.dumps(lines))
    change(changed)
    whole = b"".join(map(spelled, changed[:-1]))
    rows = sum(isinstance(line, list) for line in changed)
    file.write_bytes(whole + spelled({"rows": rows, "sha256": hashlib.sha256(whole).hexdigest()}))
    return file


@pytest.mark.parametrize(
    "said",
    [
        {"version": 10**300, "master_keys": 5, "plain_keys": False},
        {"version": True, "master_keys": ["\x1b[2J\x9b2J"], "plain_keys": []},
        {"version": {}, "master_keys": {"a": 1}},
        {},
    ],
)
def test_what_it_says_of_itself_is_not_told(
    lines: Lines, tmp_path: Path, capsys: pytest.CaptureFixture[str], said: dict[str, Any]
) -> None:
    """Not the version, not that keys are encrypted, and no word for the terminal."""
    file = forged(lines, tmp_path / "file", lambda changed: changed[0].update(said=said))
    assert main(["restore", str(file), "--data", str(tmp_path / "data")]) == 0
    told = capsys.readouterr()
    assert f"goes on at version {STEP + 1}\n" in told.out
    assert "NOT ENCRYPTED" in told.err
    assert (told.out + told.err).replace("\n", "").isprintable()


@pytest.mark.parametrize("newest", [2**63 - 5, MAX_VERSION - STEP + 1])
def test_there_are_numbers_left_after_it(
    lines: Lines, tmp_path: Path, capsys: pytest.CaptureFixture[str], newest: int
) -> None:
    """A mesh that could make no version more is not restored, and nothing is left of it."""

    def change(changed: Lines) -> None:
        at: dict[str, Any] = {}
        for line in changed:
            if isinstance(line, dict):
                at = line
            elif "version" in at["columns"] and at["table"] != "signing_key":
                line[list(at["columns"]).index("version")] = newest

    file = forged(lines, tmp_path / "file", change)
    assert main(["restore", str(file), "--data", str(tmp_path / "data")]) == 1
    assert "too large a number" in capsys.readouterr().err
    honest = forged(lines, tmp_path / "honest", lambda _: None)
    assert main(["restore", str(honest), "--data", str(tmp_path / "data")]) == 0
    assert (tmp_path / "data" / FILE_NAME).exists()


def signing_key(**changes: Any) -> Callable[[Lines], None]:
    """Other values in the first signing key."""
    return lambda lines: change_row(lines, "signing_key", **changes)


def secret(name: str, blob: bytes | None) -> Callable[[Lines], None]:
    """Another blob under that name."""
    return lambda lines: change_row(lines, "secret", name, blob=blob and base64.b64encode(blob).decode())


def change_row(lines: Lines, table: str, key: str | None = None, **changes: Any) -> None:
    """Other values in the first row of ``table``, or in that which begins with ``key``."""
    begins = next(number for number, line in enumerate(lines) if isinstance(line, dict) and line.get("table") == table)
    columns = list(lines[begins]["columns"])
    row = next(line for line in lines[begins + 1 :] if key is None or key in line)
    for column, value in changes.items():
        row[columns.index(column)] = value


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (
            signing_key(public_jwk=[]),
            r"line \d+, of the table signing_key, .*: public_jwk: input should be a valid d",
        ),
        (signing_key(public_jwk={"kid": 7}), "public_jwk['kid']: input should be a valid string"),
        (signing_key(public_jwk={}), "a signing key's public half is not that of its name"),
        (signing_key(public_jwk={"kty": "EC"}), "a signing key's public half is not that of its name"),
        (signing_key(algorithm="HS256"), "a signing key's public half is not that of its name"),
        (signing_key(state="asleep"), "a signing key is in no state that there is"),
        (signing_key(private_pem=None), "without its private half"),
        (signing_key(state="retiring", private_pem=None), "not one signing key is active"),
        (secret("ca.key", b"-----BEGIN X"), "the mesh's CA and snapshot signing key cannot be read"),
        (secret("ca.certificate", b"x"), "the mesh's CA and snapshot signing key cannot be read"),
        (secret("snapshot.key", b"x"), "a private key is stored in a form that this version of control does not know"),
    ],
)
def test_what_control_could_not_start_with_is_not_restored(
    lines: Lines, tmp_path: Path, capsys: pytest.CaptureFixture[str], change: Callable[[Lines], None], said: str
) -> None:
    """By its file and what is wrong with it; nothing is left, and the honest one is taken."""
    file = forged(lines, tmp_path / "file", change)
    assert main(["restore", str(file), "--data", str(tmp_path / "data")]) == 1
    told = capsys.readouterr().err
    assert told.startswith(f"control: Nothing was restored from {file}: ")
    assert said in told or re.search(said, told)
    assert "Traceback" not in told


@pytest.mark.parametrize(
    ("table", "changes", "said"),
    [
        ("revocation", {"by": "mood"}, "a revocation is none that sidecars take"),
        ("revocation", {"value": ""}, "a revocation is none that sidecars take"),
        ("revocation", {"before": -1}, "a revocation is none that sidecars take"),
        ("revocation", {"until": 2**62}, "a revocation is none that sidecars take"),
        ("operator", {"role": "king"}, "an operator may do what nobody may"),
        ("operator", {"scopes": ["mood:read"]}, "an operator may do what nobody may"),
    ],
)
def test_a_word_that_control_does_not_know_is_not_restored(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], table: str, changes: dict[str, Any], said: str
) -> None:
    """It would be met only when a token is refused by it, or somebody administers."""
    mesh = open_mesh(tmp_path / "a", URL)
    mesh.push(POLICY + "issuers: {own: {builtin: true}}\n", {}, {}, "ann")
    mesh.revoke("jti", "t-1", "ann")
    mesh.operators.ensure("x" * 40)
    mesh.close()
    assert main(["backup", str(tmp_path / "made"), "--data", str(tmp_path / "a")]) == 0
    made = [json.loads(line) for line in (tmp_path / "made").read_bytes().splitlines()]
    assert main(["restore", str(forged(made, tmp_path / "same", list)), "--data", str(tmp_path / "b")]) == 0
    file = forged(made, tmp_path / "file", lambda changed: change_row(changed, table, **changes))
    assert main(["restore", str(file), "--data", str(tmp_path / "c")]) == 1
    assert said in capsys.readouterr().err


def test_what_was_used_or_ended_since_is_not_put_back(tmp_path: Path) -> None:
    """A session that was signed out of and a link that has set a password open nothing after a restore; people stay."""
    open_mesh(tmp_path / "a", URL).close()
    once = ("person_session", "password_link", "sign_in_ticket")
    with closing(sqlite3.connect(tmp_path / "a" / FILE_NAME)) as database, database:
        database.execute("INSERT INTO person VALUES ('p', 'ann', 'ann', '', '', 1, NULL, 0, 0, NULL)")
        database.execute("INSERT INTO person_session VALUES (x'01', 's', 0, '[]', 0, 0, 9999999999, '', '', 'p')")
        database.execute("INSERT INTO password_link VALUES (x'02', 9999999999, 'p')")
        database.execute("INSERT INTO sign_in_ticket VALUES (x'03', 1, 5, 9999999999, 'p')")
    assert main(["backup", str(tmp_path / "file"), "--data", str(tmp_path / "a")]) == 0
    assert main(["restore", str(tmp_path / "file"), "--data", str(tmp_path / "b")]) == 0
    with closing(sqlite3.connect(tmp_path / "b" / FILE_NAME)) as database:
        count = {table: database.execute(f"SELECT count(*) FROM {table}").fetchone()[0] for table in ("person", *once)}  # noqa: S608
    assert count == {"person": 1, **dict.fromkeys(once, 0)}
