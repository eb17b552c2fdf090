"""People: who they are, how they prove it, and the browsers in which they have.

``person``          one, as everybody else sees them
``users``           those in the store, as operators know them
``outcomes``        what comes of trying to sign in; why a password is not taken
``sign_in``         by a password, and by a second factor
``sessions``        browsers in which people have signed in
``passwords``       changed with the old one, or set with an operator's link
``second_factors``  an authenticator's codes, and recovery codes
``scopes``          what people are told that a scope means
``room``            all of it as one object
"""

from .outcomes import (
    NotSignedIn,
    SecondFactorNeeded,
    SignedIn,
    SpentLink,
    Throttled,
    TooManyTries,
    WeakPassword,
    WrongCode,
    WrongPassword,
)
from .passwords import Passwords
from .person import Person
from .room import Room
from .scopes import Scopes
from .second_factors import Enrolment, SecondFactors
from .sessions import Session, Sessions
from .sign_in import SignIn
from .users import People

__all__ = [
    "Enrolment",
    "NotSignedIn",
    "Passwords",
    "People",
    "Person",
    "Room",
    "Scopes",
    "SecondFactorNeeded",
    "SecondFactors",
    "Session",
    "Sessions",
    "SignIn",
    "SignedIn",
    "SpentLink",
    "Throttled",
    "TooManyTries",
    "WeakPassword",
    "WrongCode",
    "WrongPassword",
]
