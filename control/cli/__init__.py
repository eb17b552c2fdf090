"""The ``control`` command: ``serve``, and clients of the admin API.

``main``      the entry point; the one place where a failure becomes an exit code
``failure``   why a command did not do what was asked, in a sentence, with its exit code
``client``    the admin API over HTTP
``output``    for people and, with ``-o json``, for programs
``options``   arguments that several verbs share
``policy``    check, diff, push, rollback, history, get, explain
``rollout``   ``--wait``: who has it, and the receipt
``fleet``     status, join-token
``identity``  app, token
``keys``      keys, revoke
``serve``     serve

Nothing heavy is imported before a verb needs it, so that ``control --help`` is quick and ``control check`` needs
neither a network nor a running control.
"""

from .main import main

__all__ = ["main"]
