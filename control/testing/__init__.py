"""Testing a service as it will stand: behind a real sidecar, with real policy and real tokens.

``plugin``     the ``mesh`` fixture for pytest
``mesh``       sidecars in front of simulated services, in one process, over memory streams
``services``   what a simulated service can be: a function, an ASGI app, a canned reply
``client``     the caller's side: one request, one response
``tokens``     keys and tokens of any issuer, with any claims
``provider``   an OpenID provider with discovery and keys that rotate
``processes``  whole programs: control, sidecars and services as child processes with logs
"""
