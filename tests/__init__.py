"""The suite mirrors both packages; ``attacks``, ``fuzz`` and ``stories`` go across them."""
