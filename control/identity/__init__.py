"""The built-in issuer: who may have a token, and what the token says.

``applications``    clients of the token endpoint
``application_secrets``  their secrets, several at a time
``endings``         what ends with a person, an application or a secret
``api_keys``        keys that are shown as they are: an id, a secret of which the hash is kept
``operators``       people and programs who administer, and their tokens
``roles``           what an operator may do: a role, and scopes that narrow it
``credentials``     making a secret, keeping only its hash, comparing
``access_tokens``   what a token says: scopes, audience, times (RFC 9068, RFC 8707)
``token_request``   one request to the token endpoint, read strictly
``token_endpoint``  RFC 6749 and its neighbours over Authlib
``oauth``           clients, grants that people stand behind, and what is asked of tokens
``people``          who they are, how they sign in, and where they have
``issuer``          all of it put together
``metadata``        RFC 8414: what clients may ask of this issuer
"""

from .access_tokens import AccessTokens, IssuedToken
from .applications import Application, Applications
from .issuer import BuiltinIssuer
from .operators import Operator, Operators
from .roles import Role
from .token_endpoint import TokenEndpoint

__all__ = [
    "AccessTokens",
    "Application",
    "Applications",
    "BuiltinIssuer",
    "IssuedToken",
    "Operator",
    "Operators",
    "Role",
    "TokenEndpoint",
]
