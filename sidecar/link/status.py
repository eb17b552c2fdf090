"""What the link can say of itself, for ``/ready``, metrics and people. A value: each change is a new one."""

from dataclasses import dataclass
from typing import Literal

LinkState = Literal["starting", "connecting", "connected", "refused", "disconnected"]


@dataclass(frozen=True, slots=True)
class LinkStatus:
    """``error`` is the last trouble, or "" while connected; ``last_contact`` is unix seconds of the last frame from
    control, 0 for never; ``in_use`` is the version enforced, 0 for none, and ``source`` where it came from.
    ``written``: a restart would begin with it."""

    state: LinkState = "starting"
    address: str = ""
    sidecar_id: str = ""
    error: str = ""
    last_contact: float = 0.0
    in_use: int = 0
    source: Literal["", "last_good", "push"] = ""
    last_nack: str = ""
    written: bool = True
