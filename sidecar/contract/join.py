"""A join token: what a sidecar is given once to become part of the mesh.

Text ``sgj1_`` and base64url of a msgpack map. It carries control's CA certificate, so that the first connection
is already pinned and the secret is never shown to anyone else. The secret is 32 random bytes; control keeps only
its SHA-256.
"""

import base64
import binascii
from dataclasses import dataclass, field

from .strict import ContractError, Fields, pack, unpack

PREFIX = "sgj1_"
MAX_CHARS = 4096


@dataclass(frozen=True, slots=True)
class JoinToken:
    """``token_id`` finds the row, ``secret`` proves it, ``ca_der`` is the X.509 certificate to pin."""

    token_id: str
    service: str
    secret: bytes = field(repr=False)
    ca_der: bytes = field(repr=False)


def format_join_token(token: JoinToken) -> str:
    """The token as text for a file or a variable."""
    data = pack({"id": token.token_id, "service": token.service, "secret": token.secret, "ca": token.ca_der})
    return PREFIX + base64.urlsafe_b64encode(data).rstrip(b"=").decode()


def parse_join_token(text: str) -> JoinToken:
    """The token in ``text``; ContractError ``bad_join_token`` (which never quotes it) if it is none."""
    text = text.strip()
    if not text.startswith(PREFIX) or len(text) > MAX_CHARS:
        raise ContractError("bad_join_token", f"not a join token: it should begin with {PREFIX}")
    body = text[len(PREFIX) :]
    try:
        data = base64.b64decode(body + "=" * (-len(body) % 4), altchars=b"-_", validate=True)
        with Fields(unpack(data), "join token") as f:
            return JoinToken(f.text("id"), f.text("service"), f.blob("secret"), f.blob("ca"))
    except (binascii.Error, ContractError, ValueError) as error:
        raise ContractError("bad_join_token", "the join token is damaged: copy it whole") from error
