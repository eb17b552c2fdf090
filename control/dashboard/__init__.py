"""A status page at ``/``: versions, sidecars, applications. Read-only, rendered here, without a script.

``dashboard``  the page, and signing in and out with the operator credential
``rollout``    the canary, and who keeps a version from being in force everywhere
``sessions``   who has signed in; in memory, so that a restart signs everyone out
``pages``      HTML from values: every value is escaped, by construction
"""
