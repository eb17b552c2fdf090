"""OAuth 2.1 where people are asked: over Authlib's server, with what has to be kept kept in the store.

``clients``        applications that may ask people, and where those may be sent back to
``grants``         authorization codes, and the families of refresh tokens that come of them
``token_grants``   the two grants at the token endpoint: a code with PKCE, a refresh token
``authorization``  the authorization endpoint without its pages: look at a request, allow it, deny it
``revocation``     RFC 7009: a client gives a token back
"""
