"""May they. Pure: no trio, socket, clock or randomness; ``now`` is an argument.

``target``     a request target -> the one path that is matched and forwarded
``pattern``    a route's path, compiled
``router``     the first route that matches path and method
``rules``      scopes and claim rules, compiled
``evaluator``  the decision (the PDP): a request in, a Decision out
``explain``    the same decision, told step by step

``docs/paths.md`` is the table of what a path becomes; a test runs each of its rows.
"""
