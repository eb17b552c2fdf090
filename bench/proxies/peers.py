"""Other proxies that check tokens, as data; their configurations are in ``bench/peers``."""

import base64
from collections.abc import Sequence
from dataclasses import dataclass

from cryptography.hazmat.primitives.serialization import Encoding

from . import programs
from .keys import AUDIENCE, ISSUER
from .scenarios import Scenario, Setup
from .targets import Ground
from .templates import filled, write


@dataclass(frozen=True, slots=True)
class Peer:
    """``files``: templates, the first of them its configuration. ``arguments`` follow the program, with ``{{CONFIG}}``
    and ``{{FOLDER}}``. ``tls``: what makes its port speak it. ``streams``: what it needs to be told before it
    passes on events as they come. ``lacks``: tools whose scenarios it is not set up for."""

    name: str
    program: str
    files: tuple[str, ...]
    arguments: tuple[str, ...]
    tls: str
    asks_version: str = "--version"
    streams: str = ""
    lacks: tuple[str, ...] = ()

    def fits(self, scenario: Scenario) -> bool:
        """Has it a counterpart?"""
        return not scenario.alone and scenario.tool not in self.lacks

    def command(self, setup: Setup, ground: Ground) -> Sequence[str]:
        """Writes its files."""
        der = base64.b64encode(ground.keys.public(setup.algorithm, Encoding.DER)).decode()
        values: dict[str, object] = {
            **{"PORT": ground.port, "UPSTREAM": ground.upstream_port, "ISSUER": ISSUER, "AUDIENCE": AUDIENCE},
            **{"KEYS": ground.keys.folder, "FOLDER": ground.folder, "ALGORITHM": setup.algorithm, "DER": der},
        }
        values["MODULES"] = programs.modules() if self.program == "nginx" else ""
        values["TLS"] = filled(self.tls, values) if setup.tls else ""
        values["STREAMS"] = self.streams if setup.service == "streaming" else ""
        config, *_ = (write(file, ground.folder / file, values) for file in self.files)
        return [self._path(), *(filled(one, {"CONFIG": config, **values}) for one in self.arguments)]

    def version(self) -> str:
        """Its own first line, without where it is."""
        return programs.version(self._path(), self.asks_version).replace(self._path(), "").strip()

    def _path(self) -> str:
        return programs.find(self.program) or self.program


PEERS = (
    Peer(
        name="envoy",
        program="envoy",
        files=("envoy.yaml",),
        arguments=("-c", "{{CONFIG}}", "--concurrency", "1", "--log-level", "error", "--disable-hot-restart"),
        tls='transport_socket: {name: tls, typed_config: {"@type": type.googleapis.com/envoy.extensions.'
        "transport_sockets.tls.v3.DownstreamTlsContext, common_tls_context: {tls_certificates: [{certificate_chain: "
        "{filename: {{KEYS}}/tls.crt}, private_key: {filename: {{KEYS}}/tls.key}}]}}}",
    ),
    Peer(
        name="haproxy",
        program="haproxy",
        files=("haproxy.cfg",),
        arguments=("-db", "-f", "{{CONFIG}}"),
        tls="ssl crt {{KEYS}}/tls.pem alpn http/1.1",
        asks_version="-v",
        streams="option http-no-delay",
    ),
    Peer(
        name="nginx-njs",
        program="nginx",
        files=("nginx-njs.conf", "nginx-njs.js"),
        arguments=("-p", "{{FOLDER}}", "-c", "{{CONFIG}}"),
        tls="ssl; ssl_certificate {{KEYS}}/tls.crt; ssl_certificate_key {{KEYS}}/tls.key",
        asks_version="-v",
        lacks=("frames",),
    ),
)


def installed() -> list[Peer]:
    """Those that can be started here."""
    return [peer for peer in PEERS if programs.find(peer.program)]
