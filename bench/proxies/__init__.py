"""Ours beside other proxies, each on one processor, in one run: ``make bench``.

``__main__``    the command line
``scenarios``   what is measured, as data
``processors``  who runs where, and how much of it was used
``keys``        an issuer's keys and tokens, as files
``certificate`` of the port that speaks TLS
``templates``   the files of ``bench/peers`` with their values filled in
``upstream``    the services behind every proxy: nginx, and ``streaming``
``targets``     ours and the peers: how each is started
``checks``      that a target refuses what it should, and when it answers first
``wrk``         the load tool for requests as fast as they go
``h2load``      the load tool for requests at a set pace
``conversations`` WebSocket frames there and back; server-sent events, from their sending to their arrival
``streaming``   the service of the last two, a process of its own
``stage``       what all of that stands on, and load on it
``run``         scenario by scenario, the targets in turn
``results``     what was seen, kept in a file, medians
``report``      the tables
``inside``      what ours does within: with the collector's ``pauses``, and system calls as ``strace`` counts them
"""
