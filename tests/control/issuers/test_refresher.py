"""Providers are asked when they are due, once at a time, and a bad one delays nobody."""

from collections.abc import Callable, Sequence
from typing import Any

import pytest
import trio

from control.issuers.fetch import Document, Fetcher, FetchError, Place
from control.issuers.provider import Known, Learned, Provider
from control.issuers.refresher import Refresher, Wanted

GOOD, BAD = Provider("https://good.example.com"), Provider("https://bad.example.com")
KEYS = b'{"keys": [{"kty": "OKP", "crv": "Ed25519", "x": "11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo", "kid": "a"}]}'


class Pages(Fetcher):
    """What providers say, and when they were asked."""

    def __init__(self) -> None:
        super().__init__()
        self.asked: list[tuple[str, float]] = []
        self.slow_s = 0.0

    async def get(self, place: Place, etag: str = "") -> Document:
        """No network."""
        assert etag == ""
        self.asked.append((place.url, trio.current_time()))
        await trio.sleep(self.slow_s)
        if "bad" in place.url:
            raise FetchError("is down")
        if place.url.endswith("configuration"):
            return Document(b'{"issuer": "https://good.example.com", "jwks_uri": "https://good.example.com/keys"}')
        return Document(KEYS)


class Notes:
    """A book in memory: due once, then every 100 seconds."""

    def __init__(self, *providers: Provider) -> None:
        self.providers = list(providers)
        self.due: dict[str, float] = {}
        self.said: list[str] = []
        self.broken = False
        self.tell: Callable[[], None] = lambda: None

    def wanted(self) -> Sequence[Wanted]:
        """All of them."""
        if self.broken:
            raise OSError("no space left on device")
        now = trio.current_time()
        return [Wanted(one, self.due.get(one.source, now) - now, Known()) for one in self.providers]

    def known(self, provider: Provider) -> Known | None:
        """Known once it has answered."""
        return Known() if provider.source in self.due else None

    def learned(self, provider: Provider, learned: Learned) -> None:
        """Noted."""
        if self.broken:
            raise OSError("no space left on device")
        self.due[provider.source] = trio.current_time() + 100
        self.said.append(f"{provider.source}: {len(learned.keys or ())}")

    def failed(self, provider: Provider, why: str) -> None:
        """Noted."""
        self.due[provider.source] = trio.current_time() + 100
        self.said.append(f"{provider.source}: {why}")

    def expire(self) -> float:
        """Nothing does."""
        return 1e9

    def on_news(self, callback: Callable[[], None]) -> Callable[[], None]:
        """One listener."""
        self.tell = callback
        return lambda: None


async def at_once(function: Callable[..., Any], *arguments: Any) -> Any:
    """In place of a thread, of which a clock that jumps knows nothing."""
    await trio.lowlevel.checkpoint()
    return function(*arguments)


async def test_each_is_asked_and_what_came_of_it_written_down(
    nursery: trio.Nursery, autojump_clock: trio.abc.Clock
) -> None:
    """The one that is down keeps none of the others waiting."""
    notes, pages = Notes(BAD, GOOD), Pages()
    nursery.start_soon(Refresher(notes, pages, at_once).run)
    await trio.sleep(5)
    assert sorted(notes.said) == ["https://bad.example.com: is down", "https://good.example.com: 1"]
    await trio.sleep(500)
    assert [url for url, _ in pages.asked].count(GOOD.first_url) == 6


async def test_one_look_at_a_time(nursery: trio.Nursery, autojump_clock: trio.abc.Clock) -> None:
    """Whoever asks meanwhile waits for the same answer."""
    notes, pages = Notes(GOOD), Pages()
    pages.slow_s = 3
    refresher = Refresher(notes, pages, at_once)
    nursery.start_soon(refresher.run)
    async with trio.open_nursery() as impatient:
        for _ in range(20):
            impatient.start_soon(refresher.look, GOOD)
    assert notes.said == ["https://good.example.com: 1"]
    assert len(pages.asked) == 2


async def test_news_are_looked_at_at_once(nursery: trio.Nursery, autojump_clock: trio.abc.Clock) -> None:
    """A policy that names another provider, or a sidecar that met an unknown kid."""
    notes, pages = Notes(), Pages()
    nursery.start_soon(Refresher(notes, pages, at_once).run)
    await trio.sleep(7)
    notes.providers.append(GOOD)
    notes.tell()
    await trio.sleep(1)
    assert pages.asked[0] == (GOOD.first_url, 7)


async def test_a_store_that_is_down_is_asked_again(
    nursery: trio.Nursery, autojump_clock: trio.abc.Clock, caplog: pytest.LogCaptureFixture
) -> None:
    """A full disk ends nothing, and does not become a storm of requests."""
    notes, pages = Notes(GOOD), Pages()
    nursery.start_soon(Refresher(notes, pages, at_once).run)
    notes.learned = lambda *_: (_ for _ in ()).throw(OSError("no space left"))  # type: ignore[method-assign]
    await trio.sleep(9.5)
    assert 5 <= len(pages.asked) // 2 <= 11
    del notes.learned  # type: ignore[method-assign]
    await trio.sleep(2)
    assert notes.said == ["https://good.example.com: 1"]
    notes.broken = True
    await trio.sleep(200)
    notes.broken = False
    await trio.sleep(200)
    assert len(notes.said) > 1
    assert "no space left" in caplog.text


async def test_a_push_waits_a_moment_for_keys_that_were_never_obtained(autojump_clock: trio.abc.Clock) -> None:
    """No longer than its patience, and not at all for those that are known."""
    notes, pages = Notes(), Pages()
    refresher = Refresher(notes, pages, at_once)
    await refresher.obtain([GOOD, BAD], 2)
    assert len(notes.said) == 2
    await refresher.obtain([GOOD, BAD], 2)
    assert len(notes.said) == 2
    pages.slow_s = 60
    began = trio.current_time()
    await refresher.obtain([Provider("https://slow.example.com")], 2)
    assert trio.current_time() - began == 2
