"""A provider's URL whose query is a credential: neither a fault nor a warning tells it."""

import logging

import pytest
import trio

from control.issuers.fetch import Document, Fetcher, FetchError, Place
from control.issuers.provider import Known, Provider, learn
from control.issuers.refresher import Refresher

from ..control.issuers.test_refresher import Notes

SECRET = "c2VjcmV0"
KEY = b'{"kty": "OKP", "crv": "Ed25519", "x": "11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo", "kid": "a"}'
PROVIDER = Provider("https://issuer.test", f"https://user:{SECRET}@issuer.test/keys?key={SECRET}#{SECRET}")


class Says(Fetcher):
    """One answer, whatever is asked."""

    def __init__(self, body: bytes | None) -> None:
        super().__init__()
        self.body = body

    async def get(self, place: Place, etag: str = "") -> Document:
        """No network."""
        assert (place.url, etag) == (PROVIDER.first_url, "")
        return Document(self.body)


@pytest.mark.parametrize("body", [None, b"", b"{}", b'{"keys": []}'])
async def test_a_fault_tells_no_query(body: bytes | None) -> None:
    """It is shown to whoever may look at issuers."""
    with pytest.raises(FetchError) as fault:
        await learn(Says(body), PROVIDER, Known())
    assert SECRET not in str(fault.value)


@pytest.mark.parametrize("broken", [False, True])
async def test_the_log_tells_no_query(caplog: pytest.LogCaptureFixture, autojump_clock: object, broken: bool) -> None:
    """Of a key that is passed over, and of an answer that cannot be kept."""
    notes = Notes(PROVIDER)
    notes.broken = broken
    with caplog.at_level(logging.DEBUG):
        await Refresher(notes, Says(b'{"keys": [{"kty": "oct"}, %b]}' % KEY), _here).look(PROVIDER)
    assert "issuer.test/keys" in caplog.text
    assert SECRET not in caplog.text


async def _here(function: object, *arguments: object) -> object:
    """What blocks nobody here needs no thread."""
    await trio.lowlevel.checkpoint()
    assert callable(function)
    return function(*arguments)
