"""The garbage collector, told that this process holds many connections for a long time.

A full collection walks everything that lives, while every caller waits: 175 ms with 2,500 connections, and Python
starts one whenever they have grown by a quarter. What connections leave behind is freed by counting references, and the
cycles among it die young; so full collections become rare, and pass over what was there from the start.
"""

import gc

FULL_AFTER = 1000
"""Collections of the middle generation between two full ones."""


def settle() -> None:
    """To be called once, when what lives as long as the process is loaded."""
    young, middle, _ = gc.get_threshold()
    gc.collect()
    gc.freeze()
    gc.set_threshold(young, middle, FULL_AFTER)
