"""Outside providers. In this version their keys are written down in the policy; nothing is fetched.

``keys``   a JWKS, a PEM or a shared secret -> JSON Web Keys, and the algorithms that they are good for
"""
