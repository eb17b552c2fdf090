"""RFC 8414 and OpenID Connect Discovery: what a client may ask of the built-in issuer. Lists what is served, and
nothing that is planned."""

from collections.abc import Callable, Sequence

from .oauth.claimant import AUTH_METHODS, CONFIDENTIAL
from .oauth.client_keys import ALGORITHMS
from .oauth.clients import DEVICE, EXCHANGE
from .oauth.device_grant import PAGE_PATH
from .oauth.registration import REGISTRATION_PATH

TOKEN_PATH = "/oauth2/token"
JWKS_PATH = "/.well-known/jwks.json"
AUTHORIZE_PATH = "/oauth2/authorize"
"""Where people are asked. Without it nothing that needs them is named."""
_ENDPOINTS = {
    "revocation_endpoint": "/oauth2/revoke",
    "introspection_endpoint": "/oauth2/introspect",
}
_WITH_PEOPLE = {
    "authorization_endpoint": AUTHORIZE_PATH,
    "pushed_authorization_request_endpoint": "/oauth2/par",
    "end_session_endpoint": "/oauth2/logout",
    "registration_endpoint": REGISTRATION_PATH,
}
_WITH_DEVICES = {"device_authorization_endpoint": "/oauth2/device_authorization"}
_PROVES = {
    "token_endpoint": CONFIDENTIAL,
    "revocation_endpoint": AUTH_METHODS,
    "introspection_endpoint": CONFIDENTIAL,
}
Served = Callable[[str], bool]
"""Is that path served?"""


def metadata(issuer: str, is_served: Served = lambda _path: False) -> dict[str, object]:
    """The document at ``/.well-known/oauth-authorization-server``."""
    asks_people = is_served(AUTHORIZE_PATH)
    asks_devices = asks_people and is_served(PAGE_PATH)
    paths = {**_ENDPOINTS, **(_WITH_PEOPLE if asks_people else {}), **(_WITH_DEVICES if asks_devices else {})}
    proves = {**_PROVES, "token_endpoint": AUTH_METHODS} if asks_people else _PROVES
    found = {name: issuer + path for name, path in paths.items() if is_served(path)}
    of = {name: methods for name, methods in proves.items() if name == "token_endpoint" or name in found}
    return {
        "issuer": issuer,
        "token_endpoint": issuer + TOKEN_PATH,
        "jwks_uri": issuer + JWKS_PATH,
        "response_types_supported": [],  # required by section 2
        **found,
        **{f"{name}_auth_methods_supported": list(methods) for name, methods in of.items()},
        **{f"{name}_auth_signing_alg_values_supported": list(ALGORITHMS) for name in of},
        **(_CODES if asks_people else {}),
        "grant_types_supported": _grant_types(asks_people, asks_devices),
    }


_CODES: dict[str, object] = {
    "response_types_supported": ["code"],
    "response_modes_supported": ["query"],
    "code_challenge_methods_supported": ["S256"],
    "authorization_response_iss_parameter_supported": True,
    "request_parameter_supported": False,
    "request_uri_parameter_supported": False,
}


def _grant_types(asks_people: bool, asks_devices: bool) -> list[str]:
    people = ["authorization_code", "refresh_token"] if asks_people else []
    return ["client_credentials", EXCHANGE, *people, *([DEVICE] if asks_devices else [])]


def discovery(issuer: str, algorithms: Sequence[str], is_served: Served) -> dict[str, object] | None:
    """The document at ``/.well-known/openid-configuration``; None where people are not asked."""
    if not is_served(AUTHORIZE_PATH):
        return None
    return {
        **metadata(issuer, is_served),
        "userinfo_endpoint": issuer + "/oauth2/userinfo",
        "subject_types_supported": ["public"],
        "id_token_signing_alg_values_supported": list(dict.fromkeys(algorithms)),
        "scopes_supported": ["openid", "profile", "email"],
        "claims_supported": ["iss", "sub", "aud", "iat", "exp", "auth_time", "nonce"],
        "prompt_values_supported": ["none", "login", "consent", "select_account"],
        "claims_parameter_supported": False,
    }
