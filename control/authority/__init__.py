"""Control's private keys, behind one door.

``certificates``  X.509: the mesh's CA, a sidecar's certificate, control's own certificate for the push socket
``lifecycle``     when a token signing key moves on; a pure function of time
``master_key``    what the private keys are encrypted under; ``key_source``: where it comes from
``vault``         sealing a private key for the database, and opening it
``at_rest``       the rows that hold private keys, brought under one master key at start
``signing_keys``  making a token signing key, its JWK, and signing with it
``keyring``       the token signing keys as stored: prepare, activate, retire, revoke
``authority``     the CA and the snapshot signing key as stored, opened once at start
``push_tls``      the push socket's TLS context, its certificate renewed while in use

No key, and nothing from which one could be made, is ever returned, printed or put into an error.
"""
