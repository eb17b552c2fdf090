"""Master keys: what is one, where it may come from, and what is said of one that is not."""

import stat
import sys
from pathlib import Path

import pytest

from control.authority import key_source
from control.authority.key_source import KeySource, KeyUnreadable
from control.authority.master_key import MasterKey, new, parse
from control.errors import Invalid

HEX = "".join(f"{n:02x}" for n in range(100, 132))
B64 = "ZGVmZ2hpamtsbW5vcHFyc3R1dnd4eXp7fH1+f4CBgoM="


@pytest.mark.parametrize("text", [HEX, HEX.upper(), B64, B64.rstrip("="), B64.replace("+", "-"), f" {B64}\n"])
def test_one_key_in_every_spelling(text: str) -> None:
    """Hex and both alphabets of base64, with and without padding, are the same key."""
    assert parse(text).id == parse(HEX).id
    assert parse(text).encryption_key == parse(HEX).encryption_key


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("", "is 0 characters and no base64 or hex"),
        ("hunter2", "is 5 bytes"),
        (HEX[:-2], "is 46 bytes"),
        (B64[:-4], "is 30 bytes"),
        ("correct horse battery staple", "is 28 characters and no base64 or hex"),
        ("ü" * 32, "no base64 or hex"),
        ("A" * 43, "is not random"),
        ("00" * 32, "is not random"),
        ("A" * 10_000, "is 10000 characters"),
    ],
)
def test_what_is_no_key_is_a_sentence(text: str, says: str) -> None:
    """It says what is wrong and how to make one, and quotes nothing."""
    with pytest.raises(Invalid, match=says) as refused:
        parse(text)
    assert "control master-key new" in str(refused.value)
    assert not text or text not in str(refused.value)


def test_the_id_tells_nothing() -> None:
    """Neither the id nor what is shown of a key holds a byte sequence of it, and the id is no part of what encrypts."""
    key = parse(HEX)
    assert key.id.hex() not in HEX
    assert key.id not in key.encryption_key
    assert repr(key) == f"MasterKey({key.id.hex()})"
    assert bytes.fromhex(HEX) != key.encryption_key


def test_new_keys_differ() -> None:
    """What the verb prints is a key, another each time."""
    assert len({parse(new()).id for _ in range(20)}) == 20


def test_a_file_and_a_command(tmp_path: Path) -> None:
    """Either gives the key that its text is; the command's arguments meet no shell."""
    file = tmp_path / "a key; false"
    file.write_text(B64 + "\n")
    wanted = parse(HEX).id
    assert KeySource("f", file=file).read().id == wanted
    printing = "import pathlib, sys; print(pathlib.Path(sys.argv[1]).read_text())"
    assert KeySource("c", command=(sys.executable, "-c", printing, str(file))).read().id == wanted


@pytest.mark.parametrize(
    ("program", "says"),
    [
        ("raise SystemExit(3)", "failed with exit code 3"),
        ("pass", "is 0 characters"),
        ("print('x' * 10000)", "holds more than 400 bytes"),
        ("import os\nwhile True: os.write(1, b'x' * 65536)", "holds more than 400 bytes"),
        ("import time; print('a', flush=True); time.sleep(60)", "took longer than"),
        ("import os, time; os.close(1); time.sleep(60)", "took longer than"),
        (f"print({HEX!r}); raise SystemExit(1)", "failed with exit code 1"),
    ],
)
def test_a_command_that_fails(program: str, says: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """One sentence each, soon, and without what was printed."""
    monkeypatch.setattr(key_source, "COMMAND_WITHIN_S", 1.0)
    with pytest.raises(KeyUnreadable, match=says) as refused:
        KeySource("master_key_command", command=(sys.executable, "-c", program)).read()
    assert str(refused.value).startswith("master_key_command: ")
    assert HEX not in str(refused.value)


def test_what_cannot_be_read(tmp_path: Path) -> None:
    """A file or program that is not there, a directory, and a device without end."""
    for source in (
        KeySource("f", file=tmp_path / "none"),
        KeySource("f", file=tmp_path),
        KeySource("f", file=Path("/dev/zero")),
        KeySource("c", command=(str(tmp_path / "none"),)),
    ):
        with pytest.raises(KeyUnreadable):
            source.read()


def test_the_source_does_not_show_it() -> None:
    """A settings value can be printed."""
    assert HEX not in repr(KeySource("master_key", text=HEX))


def test_the_verb(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """``control master-key new`` prints a key and nothing else, or writes it for its owner alone."""
    from control.cli import main

    assert main(["master-key", "new"]) == 0
    assert isinstance(parse(capsys.readouterr().out), MasterKey)
    assert main(["master-key", "new", "--out", str(tmp_path / "key")]) == 0
    assert stat.S_IMODE((tmp_path / "key").stat().st_mode) == 0o600
    assert isinstance(parse((tmp_path / "key").read_text()), MasterKey)
    assert main(["master-key", "new", "--out", str(tmp_path / "key")]) == 1
