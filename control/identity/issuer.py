"""The built-in issuer put together: what it keeps, and its endpoints, each as one function of a request."""

from collections.abc import Callable, Collection, Mapping
from typing import Any

from control.store import Database

from .access_tokens import AccessTokens
from .applications import Applications
from .endings import Endings
from .metadata import TOKEN_PATH
from .oauth.assertions import Assertions
from .oauth.client_configuration import ClientConfigurationEndpoint
from .oauth.clients import Clients
from .oauth.devices import Devices
from .oauth.grants import Grants, May, anyone
from .oauth.id_tokens import IdTokens
from .oauth.logout import Logout
from .oauth.own_tokens import IdToken
from .oauth.pushed import PushedRequests
from .oauth.registration import Admit, RegistrationEndpoint
from .oauth.registration_access import RegistrationAccess
from .oauth.userinfo import Describe, UserInfoEndpoint
from .token_endpoint import Configure, Handle, Read, TokenEndpoint


class BuiltinIssuer:
    """Thread-safe. ``read``: what an access token of ours says, if it counts; ``withdraw``: tells the sidecars of those
    that no longer do; ``sign``: a JWT that is no access token; ``endings``: begins to end several at once;
    ``describe``: what is known of a person; ``read_id``: what an ID token of ours says, also when it is over; ``may``:
    whether somebody may have tokens."""

    def __init__(
        self,
        database: Database,
        applications: Applications,
        tokens: AccessTokens,
        url: str,
        clock: Callable[[], float],
        read: Read,
        withdraw: Callable[[Collection[str]], None],
        sign: Callable[[Mapping[str, Any]], str],
        endings: Endings,
        describe: Describe = lambda _subject: {},
        read_id: Callable[[str], IdToken | None] = lambda _token: None,
        may: May = anyone,
    ) -> None:
        self._applications, self._clock, self.url = applications, clock, url
        self._access = RegistrationAccess(database)
        self.registration: Handle | None = None
        self.configuration: Configure | None = None
        self.clients, self.grants = Clients(database, endings), Grants(database, clock, withdraw, endings, may)
        self.endpoint = endpoint = TokenEndpoint(applications, tokens, self.clients, self.grants)
        endpoint.take_assertions(Assertions(database, (url, url + TOKEN_PATH), clock))
        self.authorization = endpoint.authorization(url)
        self.token, self.revocation = endpoint.handle, endpoint.revocation(read, withdraw)
        self.introspection = endpoint.introspection(read)
        self.requests = PushedRequests(database, clock)
        self.pushed = endpoint.pushed(self.authorization, self.requests)
        endpoint.exchange(read)
        self.devices = Devices(database, clock, may)
        self.device = endpoint.device_authorization(self.devices, url)
        self.device_authorization = endpoint.device_pages(self.devices)
        endpoint.identify(IdTokens(url, sign, clock, describe))
        self.logout = Logout(applications, self.clients, read_id)
        self.userinfo = UserInfoEndpoint(read, describe).handle

    def let_register(self, admit: Admit) -> None:
        """Let clients register themselves, with the credential of an operator whom ``admit`` knows, and come back."""
        means = (self._applications, self.clients, self._access, self.url)
        self.registration = self.endpoint.registration(RegistrationEndpoint(*means, admit, self._clock))
        self.configuration = self.endpoint.configuration(ClientConfigurationEndpoint(*means, self._clock))
