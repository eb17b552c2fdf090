"""The admin API under ``/v1``, the issuer's endpoints, and probes: HTTP in, calls of the mesh out.

``app``         the FastAPI application, put together
``gate``        before any route: who may come in, how large and how slow a request may be
``bodies``      JSON that has one reading
``rate``        how often secrets may be tried
``problems``    every refusal as ``application/problem+json`` (RFC 9457)
``given``       what routes are handed: the mesh, the fleet, the operator; and the shapes they share
``access``      which role and scope each endpoint needs
``described``   what the OpenAPI document does not offer is refused
``conditional``  ETags of answers, and 304
``preconditions``  If-Match
``openapi``     the OpenAPI document
``paging``      lists in pages
``operators``   who may administer
``policy``      push, check, diff, explain; ``policy_shapes``: what it answers
``versions``    history, rollback, rollout
``fleet``       sidecars and join tokens
``identity``    applications and tokens
``clients``     applications as OAuth clients
``users``       people who sign in
``scopes``      what people are told that a scope means
``credentials``  the secrets of applications
``api_keys``    keys that are shown as they are
``issuers``     whose tokens count, and how fresh their keys are
``keys``        signing keys and revocations
``registration``  clients that register themselves, and come back
``issuer``      ``/oauth2/token``, ``/.well-known/*``, ``/live``, ``/ready``: open to all
"""
