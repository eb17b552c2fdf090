"""The data plane: a sidecar stands beside one service and enforces the policy in force.

Rooms, from the ground up (an arrow only ever points down this list):

``contract``  what the two planes agree on: snapshot, messages, signatures. Pure.
``authn``     who calls: find the credential, verify it, name the principal. Pure.
``authz``     may they: compile the policy, decide, explain. Pure.
``http1``     HTTP/1.1 to trio and back; knows nothing of policy.
``observe``   access log, metrics, the admin endpoint.
``proxy``     one exchange from its head to its last byte.
``link``      the sidecar's end of the push socket; last-good snapshot; identity.
``app``       composition: settings in, one nursery tree out.
"""

__version__ = "0.1.0"
