"""The ``control`` command: ``serve``, and clients of the admin API.

``verbs``     the entry point; the one place where a failure becomes an exit code
``failure``   why a command did not do what was asked, in a sentence, with its exit code
``client``    the admin API over HTTP
``output``    for people and, with ``-o json``, for programs
``options``   arguments that several verbs share
``policy``    check, diff, push, rollback, history, get, explain;  ``replay``
``rollout``   ``--wait``: who has it, and the receipt
``fleet``     status, join-token
``identity``  app, token
``users``     user
``scopes``    scope
``credentials`` credential
``operators`` operator, whoami
``keys``      keys, revoke
``audit``     audit
``master_key`` master-key
``backup``    backup, restore: on the database itself
``serve``     serve

Nothing heavy is imported before a verb needs it, so that ``control --help`` is quick and ``control check`` needs
neither a network nor a running control.
"""

import sys
from collections.abc import Sequence

__all__ = ["main"]


def main(arguments: Sequence[str] | None = None) -> int:
    """The console script: the exit code."""
    try:
        from .verbs import main as run
    except ModuleNotFoundError as error:
        print(
            f"control: {error.name} is not installed. Install it whole: pip install 'sidegate[control]'",
            file=sys.stderr,
        )
        return 2
    return run(arguments)
