"""An issuer as the sidecar trusts it: its rules, its prepared keys, and the tokens that they verified.

The three stand and fall together. A later snapshot takes one over only if it holds the very same issuer, keys and rules
included; so nothing that was verified outlives the key or the rule that let it through. Knows nothing of revocations.
"""

from sidecar.contract.reasons import Reason
from sidecar.contract.snapshot import Issuer

from .cache import CacheCounts, TokenCache
from .jose import Token
from .keys import load_keys
from .rejection import Rejection, invalid, shown


class TrustedIssuer:
    """ContractError at construction if a key is weak or out of place. ``signatures_checked`` and ``hits`` count;
    ``counts`` is what is counted of all issuers together."""

    def __init__(self, issuer: Issuer, counts: CacheCounts | None = None) -> None:
        self.issuer = issuer
        self.cache = TokenCache(counts=counts)
        self.signatures_checked = self.hits = 0
        self._keys = load_keys(issuer)

    def fault(self, token: Token, digest: bytes) -> Rejection | None:
        """Why this issuer did not sign this token as one of the kind that is wanted, or None."""
        issuer = self.issuer
        if token.algorithm not in issuer.algorithms:
            return invalid(f"alg {shown(token.algorithm)} is not one of issuer {issuer.name}")
        if issuer.token_type != "any" and token.type != issuer.token_type:
            return invalid(f"typ {shown(token.type)}: issuer {issuer.name}'s tokens are {issuer.token_type}")
        if not issuer.keys_known:
            return Rejection(Reason.KEYS_UNAVAILABLE, f"the keys of issuer {issuer.name} were never obtained")
        key = self._keys.find(token.algorithm, token.key_id)
        if key is None:
            detail = f"issuer {issuer.name} has no {token.algorithm} key for kid {shown(token.key_id)}"
            ask = issuer.refreshable and token.key_id is not None
            return Rejection(Reason.INVALID_TOKEN, detail, refresh=issuer.name if ask else None)
        self.signatures_checked += 1
        if not key.verifies(token.signing_input, token.signature):
            self.cache.put_false(digest)
            return self.false_signature()
        return None

    def false_signature(self) -> Rejection:
        """What is said of a signature that is not of this issuer's key."""
        return invalid(f"the signature does not verify with issuer {self.issuer.name}'s key")
