"""Who calls: tests of ``sidecar.authn``; ``minting`` makes keys, tokens and snapshots for all."""
