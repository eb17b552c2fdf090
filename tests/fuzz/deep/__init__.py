"""HTTP held against h11, by the million: ``make fuzz`` here, a few hundred inputs each in ``tests/fuzz/test_http1.py``.

``inputs``      bytes as an engine makes them -> bytes as a peer sends them, and where they are cut
``heads``       what http1 accepts, h11 reads alike, however it is cut
``exchanges``   what comes through the proxy is what would have come without it
``seeds``       sound messages to start from
``properties``  all of them by name, with their share of the inputs
``engines``     atheris, which looks for code not yet reached, and a plain random one
``__main__``    the command
"""
