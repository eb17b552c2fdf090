"""What goes into a decision and what comes out of it: values, and nothing that decides."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from sidecar.authn.principal import Principal
from sidecar.contract.reasons import Reason
from sidecar.contract.snapshot import Route, Source

from .target import Target


@dataclass(frozen=True, slots=True)
class RequestFacts:
    """What of a request the decision depends on. Header names are lower-case. ``host`` is the authority as it came
    (``Orders.shop.test:8000``), ``address`` the caller's IP address as far as proxies are trusted; "" is not known."""

    method: str
    target: bytes
    headers: Sequence[tuple[bytes, bytes]] = field(default=(), repr=False)
    host: str = ""
    address: str = ""
    scheme: str = "http"


@dataclass(frozen=True, slots=True)
class Decision:
    """``principal`` is None where nobody had to say who calls, and nobody did. ``allow_methods``: for 405. ``scope``:
    what an insufficient_scope challenge names (RFC 6750 section 3). ``parameters``: the path's named segments.
    ``credential``: where it stood, so that it is not passed on. ``retry_after_s``: for 429. ``shadow``: what rules that
    are only recorded would have said (``route 3: insufficient_scope``, ``deny block-eu: denied``). ``refresh``: the
    issuer whose keys are worth asking for. ``forwarded``: the target for the upstream, rewritten, and without a
    credential that stood in its query unless the service takes credentials."""

    allowed: bool
    reason: Reason
    detail: str
    route: Route | None = None
    target: Target | None = None
    principal: Principal | None = None
    allow_methods: tuple[str, ...] = ()
    scope: str = ""
    parameters: Mapping[str, str] = field(default_factory=dict)
    credential: Source | None = None
    retry_after_s: int = 0
    shadow: tuple[str, ...] = ()
    refresh: str | None = None
    forwarded: bytes = b""
