"""RFC 8414: what a client may ask of the built-in issuer. Lists what exists and nothing that is planned."""

from .oauth.token_grants import AUTH_METHODS as REVOCATION_AUTH_METHODS
from .token_endpoint import AUTH_METHODS, GRANT_TYPES

TOKEN_PATH = "/oauth2/token"
REVOCATION_PATH = "/oauth2/revoke"
JWKS_PATH = "/.well-known/jwks.json"


def metadata(issuer: str) -> dict[str, object]:
    """The document at ``/.well-known/oauth-authorization-server``."""
    return {
        "issuer": issuer,
        "token_endpoint": issuer + TOKEN_PATH,
        "revocation_endpoint": issuer + REVOCATION_PATH,
        "revocation_endpoint_auth_methods_supported": list(REVOCATION_AUTH_METHODS),
        "jwks_uri": issuer + JWKS_PATH,
        "grant_types_supported": list(GRANT_TYPES),
        "token_endpoint_auth_methods_supported": list(AUTH_METHODS),
        "response_types_supported": [],  # required by section 2, and there is no authorization endpoint
    }
