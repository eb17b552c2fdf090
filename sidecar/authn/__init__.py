"""Who calls. Pure: no trio, socket, clock or randomness; ``now`` is an argument.

``rejection``    why a credential does not count: a stable word and a private detail
``credential``   the one credential of a request, from where its route lets one stand
``api_keys``     credentials without a signature: found by id, proven by hash
``strict_json``  JSON with one reading: no duplicates, no NaN, bounded
``jose``         a compact JWS taken apart, before any cryptography
``keys``         an issuer's keys, each bound to its algorithms; weak ones refused
``strength``     is a key strong enough?
``edwards``      points of Ed25519 and Ed448
``claims``       a step-by-step path into the claims
``principal``    verified claims -> who calls, or why they do not count
``revocations``  the tokens that no longer count, found in constant time
``cache``        tokens that verified, bounded, by digest
``trusted``      one issuer: its rules, its keys, and the tokens that they verified
``verifier``     the door: a credential in, a Principal or a Rejection out
"""
