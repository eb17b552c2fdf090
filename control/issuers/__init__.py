"""Outside providers: the keys that their tokens are verified with, as written down in a policy or fetched.

``keys``       a JWKS, a PEM or a shared secret -> JSON Web Keys, and the algorithms that they are good for
``addresses``  which addresses a provider's name may lead to
``fetch``      one document over HTTPS, within bounds of size, time and place
``provider``   OIDC discovery and the key set that it names
``held``       the keys that count: those last seen, and for a while those that have vanished
``schedule``   when to look again
``refresher``  the one task that does all of this for every provider, for as long as control runs
"""
