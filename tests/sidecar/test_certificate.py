"""The port's certificate: what is taken, what is refused, and how a new one comes."""

import contextlib
import logging
import ssl
import time
from collections.abc import Callable
from pathlib import Path

import pytest
import trio
from hypothesis import given, settings
from hypothesis import strategies as st

from sidecar.certificate import Certificate, CertificateError, load

from .pairs import write_pair


def test_what_the_port_speaks(tmp_path: Path) -> None:
    """TLS 1.2 and newer, forward secrecy, HTTP/1.1, no renegotiation."""
    loaded = load(*write_pair(tmp_path, days=30))
    assert loaded.context.minimum_version is ssl.TLSVersion.TLSv1_2
    assert loaded.context.options & ssl.OP_NO_RENEGOTIATION
    assert {cipher["kea"] for cipher in loaded.context.get_ciphers()} <= {"kx-any", "kx-ecdhe", "kx-dhe"}  # type: ignore[typeddict-item]  # not in typeshed
    assert 29 * 86400 < loaded.expires_at - time.time() < 31 * 86400


def test_what_cannot_be_used_is_one_sentence(tmp_path: Path) -> None:
    """The file and the reason; an encrypted key never asks the terminal."""
    certificate, key = write_pair(tmp_path)
    other = tmp_path / "other"
    other.mkdir()
    _, other_key = write_pair(other)
    text = tmp_path / "text.pem"
    text.write_text("hello")
    sentences = {
        (certificate, other_key): "is not the key of the certificate",
        (certificate, certificate): "cannot be used",
        (key, key): "holds no certificate in PEM",
        (certificate, text): "cannot be used",
        (text, key): "holds no certificate in PEM",
        (tmp_path, key): "Is a directory",
        (certificate, tmp_path / "none"): "No such file",
    }
    for pair, sentence in sentences.items():
        with pytest.raises(CertificateError, match=sentence) as caught:
            load(*pair)
        assert "\n" not in str(caught.value)
    write_pair(other, passphrase=b"secret")
    with pytest.raises(CertificateError, match="without a passphrase"):
        load(other / "cert.pem", other / "key.pem")


class Watched:
    """A certificate with its watcher, and time to let it look."""

    def __init__(self, folder: Path, look_every_s: float = 0.01) -> None:
        self.folder = folder
        self.certificate = Certificate(*write_pair(folder, days=30), look_every_s)

    def days(self) -> int:
        """For how long the pair in use is good."""
        return round((self.certificate.expires_at - time.time()) / 86400)


@pytest.fixture
async def watched(tmp_path: Path, nursery: trio.Nursery) -> Watched:
    """Looking every few milliseconds: threads do the looking, which a virtual clock does not wait for."""
    made = Watched(tmp_path)
    nursery.start_soon(made.certificate.watch)
    return made


async def until(condition: Callable[[], object], within_s: float = 10) -> None:
    """Wait for it."""
    with trio.fail_after(within_s):
        while not condition():  # noqa: ASYNC110  # a thread makes it true
            await trio.sleep(0.005)


async def test_a_new_pair_is_taken(watched: Watched) -> None:
    """Without being told, once both files have settled."""
    write_pair(watched.folder, days=60)
    await until(lambda: watched.days() == 60)
    assert watched.certificate.error == ""


async def test_a_broken_pair_is_told_and_the_old_one_stays(watched: Watched, caplog: pytest.LogCaptureFixture) -> None:
    """Once; and the next good pair is taken."""
    (watched.folder / "key.pem").write_text("half a k")
    await until(lambda: watched.certificate.error)
    await trio.sleep(0.1)
    assert watched.days() == 30
    assert [record.levelno for record in caplog.records] == [logging.ERROR]
    write_pair(watched.folder, days=90)
    await until(lambda: watched.days() == 90 and not watched.certificate.error)


async def test_a_pair_that_vanishes_stays_in_use(watched: Watched) -> None:
    """As while a directory is replaced."""
    (watched.folder / "cert.pem").unlink()
    await until(lambda: "No such file" in watched.certificate.error)
    assert watched.days() == 30


async def test_links_that_are_turned_are_noticed(tmp_path: Path, nursery: trio.Nursery, watched: Watched) -> None:
    """Kubernetes replaces a secret by turning one symbolic link."""
    for name, days in (("a", 30), ("b", 60)):
        (tmp_path / name).mkdir()
        write_pair(tmp_path / name, days=days)
    data = tmp_path / "data"
    data.symlink_to("a")
    certificate = Certificate(data / "cert.pem", data / "key.pem", 0.01)
    nursery.start_soon(certificate.watch)
    (tmp_path / "data.new").symlink_to("b")
    (tmp_path / "data.new").replace(data)
    await until(lambda: round((certificate.expires_at - time.time()) / 86400) == 60)


async def test_a_reload_looks_at_once(tmp_path: Path, nursery: trio.Nursery) -> None:
    """However long the next look is away."""
    watched = Watched(tmp_path, look_every_s=1_000_000)
    nursery.start_soon(watched.certificate.watch)
    await trio.testing.wait_all_tasks_blocked()
    write_pair(tmp_path, days=60)
    watched.certificate.reload()
    await until(lambda: watched.days() == 60)


async def test_what_failed_for_a_passing_reason_is_tried_again(
    tmp_path: Path, nursery: trio.Nursery, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """A new pair that could not be read for want of a right or a descriptor is taken once it can be, though the files
    have not changed since; the log says it once."""
    watched, read = Watched(tmp_path), Path.read_bytes
    tries = []

    def denied(path: Path) -> bytes:
        tries.append(path)
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr(Path, "read_bytes", denied)
    write_pair(tmp_path, days=60)
    nursery.start_soon(watched.certificate.watch)
    await until(lambda: len(tries) > 3)
    assert watched.certificate.error.endswith("Permission denied")
    monkeypatch.setattr(Path, "read_bytes", read)
    await until(lambda: watched.days() == 60)
    assert watched.certificate.error == ""
    assert [record.levelname for record in caplog.records].count("ERROR") == 1


def test_a_version_that_x509_does_not_have_is_a_sentence(tmp_path: Path) -> None:
    """cryptography's exception for it is no ValueError."""
    certificate, key = write_pair(tmp_path)
    der = bytearray(ssl.PEM_cert_to_DER_cert(certificate.read_text()))
    der[der.index(b"\xa0\x03\x02\x01\x02") + 4] = 7
    certificate.write_text(ssl.DER_cert_to_PEM_cert(bytes(der)))
    with pytest.raises(CertificateError, match="no certificate"):
        load(certificate, key)


# A serial number that damage made negative is still read, with a warning that a later version will not.
@pytest.mark.filterwarnings("ignore:Parsed a serial number:cryptography.utils.CryptographyDeprecationWarning")
def test_a_damaged_certificate_is_a_sentence(tmp_path: Path) -> None:
    """PEM around bytes that are no certificate any more: told as such, wherever the damage is."""
    certificate, key = write_pair(tmp_path)
    der = ssl.PEM_cert_to_DER_cert(certificate.read_text())

    @settings(max_examples=150, deadline=None)
    @given(st.lists(st.tuples(st.integers(0, 4000), st.integers(0, 255)), min_size=1, max_size=4))
    def damaged(changes: list[tuple[int, int]]) -> None:
        changed = bytearray(der)
        for place, value in changes:
            changed[place % len(der)] = value
        certificate.write_text(ssl.DER_cert_to_PEM_cert(bytes(changed)))
        with contextlib.suppress(CertificateError):
            load(certificate, key)

    damaged()
