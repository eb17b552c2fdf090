"""What the two planes agree on. Pure: no trio, socket, clock or randomness.

``reasons``    the stable words a refusal can carry
``strict``     reading untrusted msgpack: bounded, no duplicates, no leftovers
``snapshot``   one service's policy, keys and revocations, as values and as bytes
``envelope``   a snapshot's signature
``messages``   the frames of the push socket
``join``       the text form of a join token
"""
