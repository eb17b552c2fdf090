"""A whole mesh in one thread, on a clock that jumps, from one seed: real controls over one real store, real links
of real sidecars, and a network between them that loses, holds, delays and cuts.

``determinism``  one seed decides everything: the scheduler, the bytes of ``os.urandom``, every draw
``trace``        what happened, as one hash
``network``      connections in memory: latency, partitions, resets, silence, slow readers
``truth``        what each version holds, and what a sidecar may therefore enforce
``replicas``     controls: mesh, push server, notifications that get lost, the poll behind them
``members``      honest sidecars: the product's own link, killed and restarted with and without its disk
``liars``        sidecars that joined and then say what they like
``chaos``        what operators, machines and networks do, drawn from the seed
``world``        one run: chaos, then quiet, then the questions
``__main__``     many runs: ``python -m tests.simulation --seeds 10000 --sidecars 1000``

What must hold: no sidecar enforces another service's snapshot, an older version than before, or anything but what was
committed under that number; no honest sidecar refuses a push; once it is quiet every honest sidecar enforces the newest
version within ``world.SETTLES_S``; and nothing is left behind when all are gone. TLS and threads are left out.
"""
