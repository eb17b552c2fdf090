"""The control plane: holds policy, keys and applications, and pushes them to the sidecars.

Of the sidecar it imports ``contract``, ``authn`` and ``authz`` and never the rest, so that a decision
previewed here is made by the very code that makes it there. (``control.testing``, the pytest plugin,
runs whole sidecars and is the one exception.)
"""
