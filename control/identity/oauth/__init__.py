"""OAuth 2.1 where people are asked: over Authlib's server, with what has to be kept kept in the store.

``clients``        what applications may do beyond asking for tokens of their own
``redirects``      where people may be sent back to
``client_keys``    the public keys by which clients prove themselves
``assertions``     RFC 7523: a client proves itself by a key
``claimant``       who says to be a client, as Authlib asks about it
``grants``         authorization codes, and what people let clients do
``families``       the refresh tokens of one grant
``token_grants``   two grants of the token endpoint: a code with PKCE, a refresh token
``exchange``       RFC 8693: a token that says no more, for whoever acts for somebody
``devices``        RFC 8628: what devices wait for, and what people said to it
``device_grant``   RFC 8628 over Authlib: the endpoint, the grant, what the page stands on
``client_metadata``      RFC 7591: what a client says of itself, and what is told of it
``registration``         RFC 7591: a client registers itself
``registration_access``  RFC 7592: the tokens by which it comes back
``client_configuration`` RFC 7592: it reads, replaces and removes what it registered
``authorization``  the authorization endpoint without its pages: look at a request, allow it, deny it
``question``       what people are asked, and how fresh their signing in has to be
``pushed``         RFC 9126: requests that clients send ahead
``id_tokens``      OpenID Connect: who let the client in
``userinfo``       OpenID Connect: what is known of them
``logout``         OpenID Connect: a client asks that somebody be signed out
``own_tokens``     our tokens, read again
``revocation``     RFC 7009: a client gives a token back
``introspection``  RFC 7662: what a token says, and whether it counts
"""
