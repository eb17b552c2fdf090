"""Signing in: by a password, and by a second factor if there is one."""

from .outcomes import NotSignedIn, SecondFactorNeeded, SignedIn, Throttled


class SignIn:
    """Thread-safe and blocking: to be called through ``trio.to_thread.run_sync``, with ``mesh.people.hashing`` as its
    limiter."""

    def password(
        self, username: str, password: str, address: str, known_device: bool = False
    ) -> SignedIn | SecondFactorNeeded | NotSignedIn | Throttled:
        """``address``: where the request came from. ``known_device``: this browser holds a session of that person, or
        had one: guesses made elsewhere do not slow it down."""
        raise NotImplementedError

    def second_factor(self, ticket: str, code: str, address: str) -> SignedIn | NotSignedIn | Throttled:
        """``code``: of an authenticator, or a recovery code; spaces and hyphens in it do not matter. A wrong code
        leaves the ticket as it is, a few times over."""
        raise NotImplementedError
