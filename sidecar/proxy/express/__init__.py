"""The express engine: ordinary exchanges, carried by plain function calls instead of a task each.

One task waits for one epoll object, in which every caller's plain socket is registered for good, and every idle
connection to the service. What is ready is a call: read, head, ruling; or, of the service's, read, head. What it has to
say is written when the round of calls is over: to the service; to the caller, and recorded. No task is switched, no
scope opened, no timer set for an exchange.

It never decides anything by itself. What a request may do is asked of the ``judge``, as everywhere; what the judge said
of one request is said again of the next one that is the same in all that was looked at (``rulings``). And it carries
only what is ordinary: whatever is not (a body that is not there yet, an upgrade, an odd head, an answer that is chunked
or a second late, a peer that takes nothing, a drain) is handed over, with its bytes and its record and at the point
that it has reached, to the coroutines of ``exchange`` and ``relay``, which can do everything, and are the only ones
that can. When those have finished, the connection comes back.

``engine``    the loop, the registrations, the clock
``caller``    a caller's connection, and the requests on it
``under``     an exchange under way: sent to the service, waited for, passed on, recorded
``service``   a connection to the service while the engine has it
``asked``     request heads, read line by line
``answered``  response heads, too
``asking``    what a request may do, and what the service is then sent
``rulings``   what the judge has said, to be said again
``handover``  back to the coroutines
``pipe``      through which large bodies go
``memo``      what was met before, bounded
"""
