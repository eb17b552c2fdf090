"""What can go wrong with a peer. Each ``detail`` is for logs; the caller is told the reason and nothing more."""

from sidecar.contract.reasons import Reason


class RequestError(Exception):
    """The client broke the protocol or a limit: ``reason`` says what it is told. Its connection cannot live on."""

    def __init__(self, reason: Reason, detail: str) -> None:
        super().__init__(f"{reason}: {detail}")
        self.reason = reason
        self.detail = detail


class UpstreamError(Exception):
    """The service could not be reached, broke the protocol, or took too long: ``reason`` says which."""

    def __init__(self, reason: Reason, detail: str) -> None:
        super().__init__(f"{reason}: {detail}")
        self.reason = reason
        self.detail = detail


class DisconnectedError(Exception):
    """The client has gone, or takes nothing of what is written to it. There is nobody left to tell."""
