"""Every property by name, and what it starts from."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from . import exchanges, heads, seeds
from .inputs import decode


@dataclass(frozen=True)
class Property:
    """``holds`` raises if it does not."""

    holds: Callable[[bytes, Sequence[int]], None]
    seeds: tuple[bytes, ...]

    def __call__(self, data: bytes) -> None:
        """Try one input as engines make them."""
        self.holds(*decode(data))


PROPERTIES = {
    "request-head": Property(heads.request_head, seeds.REQUESTS),
    "response-head": Property(heads.response_head, seeds.RESPONSES),
    "chunks": Property(heads.chunks, seeds.BODIES),
    "downstream": Property(heads.downstream, seeds.REQUESTS),
    "upstream": Property(heads.upstream, seeds.RESPONSES),
    "exchange": Property(exchanges.exchange, seeds.REQUESTS),
    "answer": Property(exchanges.answer, seeds.RESPONSES),
    "tunnel": Property(exchanges.tunnel, seeds.REQUESTS),
}
