"""HTTP/1.1 over trio streams, and nothing about policy. The only room that knows h11 and httptools.

``limits``      every bound and every wait, by name
``errors``      what can go wrong with a peer, as three exceptions
``fields``      the raw scan: lines and header fields as RFC 9112 has them and nothing looser
``express``     the fields of plain heads, read fast
``framing``     how long a message is, decided once and strictly
``request``     a request head: scanned and judged by h11, or plain; reduced to origin-form
``response``    a response head: scanned and judged as strictly
``body``        a body's bytes, taken from a buffer as its framing says
``chunked``     the chunked coding, decoded and encoded
``trailers``    which trailer fields may pass
``upgrade``     which upgrades count, and whether a 101 grants one
``wire``        a stream, what was read ahead of it, and a time limit on each wait
``server``      the downstream connection: requests in, responses out
``client``      the upstream connection: a request out, a response in
"""
