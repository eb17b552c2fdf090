"""RFC 8414: what a client may ask of the built-in issuer. Lists what is served, and nothing that is planned."""

from collections.abc import Callable

from .oauth.claimant import AUTH_METHODS, CONFIDENTIAL
from .oauth.client_keys import ALGORITHMS

TOKEN_PATH = "/oauth2/token"
JWKS_PATH = "/.well-known/jwks.json"
_ENDPOINTS = {
    "revocation_endpoint": ("/oauth2/revoke", AUTH_METHODS),
    "introspection_endpoint": ("/oauth2/introspect", CONFIDENTIAL),
}


def metadata(issuer: str, is_served: Callable[[str], bool] = lambda _path: False) -> dict[str, object]:
    """The document at ``/.well-known/oauth-authorization-server``; of what is optional, what ``is_served``."""
    endpoints = {name: (path, methods) for name, (path, methods) in _ENDPOINTS.items() if is_served(path)}
    return {
        "issuer": issuer,
        "token_endpoint": issuer + TOKEN_PATH,
        "jwks_uri": issuer + JWKS_PATH,
        "grant_types_supported": ["client_credentials"],
        "token_endpoint_auth_methods_supported": list(CONFIDENTIAL),
        "response_types_supported": [],  # required by section 2
        **{name: issuer + path for name, (path, _) in endpoints.items()},
        **{f"{name}_auth_methods_supported": list(methods) for name, (_, methods) in endpoints.items()},
        **{f"{name}_auth_signing_alg_values_supported": list(ALGORITHMS) for name in ("token_endpoint", *endpoints)},
    }
