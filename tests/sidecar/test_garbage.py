"""A full collection stops every caller, so a sidecar hardly ever has one."""

import gc

from sidecar import garbage


def test_full_collections_become_rare_and_short() -> None:
    """What was there is passed over; the younger generations are left as they were."""
    before = gc.get_threshold()
    try:
        garbage.settle()
        assert gc.get_threshold() == (*before[:2], garbage.FULL_AFTER)
        assert gc.get_freeze_count() > 0
    finally:
        gc.unfreeze()
        gc.set_threshold(*before)
