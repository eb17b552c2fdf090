"""What the two planes agree on. Pure: no trio, socket, clock or randomness.

``reasons``    the stable words a refusal can carry
``strict``     reading untrusted msgpack: bounded, no duplicates, no leftovers
``snapshot``   one service's policy, keys and revocations, as values and as bytes
``increment``  the revocations made after it, and the chain that they make
``envelope``   the signature of both
``messages``   the messages of the push socket
``framing``    the bytes of a stream, cut into frames
``join``       the text form of a join token
``journal``    the form of a log line
``names``      header names as careless readers see them
``secrets``    what looks like a credential, made unreadable in one
"""
