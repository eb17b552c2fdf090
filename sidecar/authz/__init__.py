"""May they. Pure: no trio, socket, clock or randomness; ``now`` is an argument.

``decision``     what goes in and what comes out: RequestFacts, Decision
``again``        what of a decision holds for the next request like it
``evaluator``    the decision (the PDP), in its fixed order
``explain``      the same decision, told step by step
``ruleset``      a snapshot's rules, compiled once
``reading``      a request, read: ``target`` (the one path), ``fields``, ``host``; its route and its deny rules
``router``       the first route, found in a ``tree`` of ``pattern`` for each host
``asking``       a request and who asks: what rules look at;  ``asked`` the same, to be written down
``requirement``  scopes, claims (``rules``), ``callers`` and condition of a route
``condition``    a CEL expression, compiled; ``expression`` says what one may say, ``effort`` and ``work`` what it costs
``deny``         rules that refuse before a route allows
``limits``       whose of the ``buckets`` a request takes from
``rewrite``      the target for the upstream
``cors``         preflights, and what responses tell browsers

``docs/paths.md`` is the table of what a path becomes; a test runs each of its rows.
"""
