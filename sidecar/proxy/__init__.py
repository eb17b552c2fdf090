"""One exchange from head to last byte. Decisions come from authz, bytes from http1; here they meet.

``proxy``       connections in, exchanges one after the other, drain
``exchange``    one request: read, judged, refused or relayed, recorded; read top to bottom
``judge``       everything between a head received and a head sent: the one place where a request is let through
``permit``      a request that may go on, and what the relay has to know of it
``relay``       an allowed request to the service, and the response back
``tunnel``      an upgraded connection, bytes both ways
``standing``    what is open for long ends when it would now be refused
``watched``     work with something beside it that may end it
``shared``      what all exchanges of a process share
``gate``        the snapshot in force, as something that decides
``forwarding``  the head that the service gets, and the one that the caller gets back
``names``       header names in which no policy and no caller has a say
``changes``     what a policy removes, sets and adds among header fields
``stripping``   the credential, taken out of what goes on
``returning``   what becomes of a response's head: hop-by-hop, changes, CORS
``origin``      where a request came from, and which hops are believed
``identity``    the principal as headers
``refusals``    a reason as a response: status, headers, problem document
``answers``     responses made here that are no refusal: fixed ones, redirects, preflights
``enforceable`` can all that a snapshot asks be done?
``ids``         decision, request and trace ids from one source of randomness
``upstream``    where the service is and how to reach it
``pool``        connections to it that can be used again
"""
