"""Debian's Apache with mod_auth_openidc before a sidecar: what lies under ``/orders`` is for who has signed in at
control, and goes on to the sidecar with their access token. For ``test_apache.py``."""

import os
import socket
from pathlib import Path

import pytest

from control.testing.processes import Processes

from .conftest import require

MODULES = Path("/usr/lib/apache2/modules")
LOADED = (
    *("mpm_event", "authn_core", "authz_core", "authz_user", "auth_openidc"),
    *("headers", "proxy", "proxy_http"),
)
CONFIG = """\
ServerRoot {folder}
ServerName 127.0.0.1
DefaultRuntimeDir {folder}
PidFile {folder}/apache.pid
ErrorLog /dev/stderr
LogLevel notice
Listen 127.0.0.1:{port}
{modules}
{user}
OIDCProviderMetadataURL {issuer}/.well-known/openid-configuration
OIDCClientID {client_id}
OIDCClientSecret {client_secret}
OIDCProviderTokenEndpointAuth {method}
OIDCPKCEMethod S256
OIDCScope "{scope}"
OIDCRedirectURI http://127.0.0.1:{port}/back
OIDCCryptoPassphrase a-secret-of-the-test
OIDCRemoteUserClaim preferred_username
<Location /back>
  AuthType openid-connect
  Require valid-user
</Location>
<Location /orders>
  AuthType openid-connect
  Require valid-user
  RequestHeader set Authorization "Bearer %{{OIDC_access_token}}e"
  RequestHeader set X-Remote-User "expr=%{{REMOTE_USER}}"
  ProxyPass {sidecar}/orders
</Location>
"""


def require_apache() -> None:
    """Skips the test where it is not installed, and says so."""
    require("apache2")
    if not (MODULES / "mod_auth_openidc.so").exists():
        pytest.skip("mod_auth_openidc is not installed: apt-get install libapache2-mod-auth-openidc")


def free_port() -> int:
    """One that is free now: clients register where they are before they are there."""
    with socket.socket() as one:
        one.bind(("127.0.0.1", 0))
        port: int = one.getsockname()[1]
        return port


def start_apache(name: str, processes: Processes, port: int, **known: str) -> str:
    """Its URL. ``known``: what the configuration says of control, the client and the sidecar."""
    folder = processes.folder / name
    folder.mkdir()
    modules = "\n".join(f"LoadModule {one}_module {MODULES}/mod_{one}.so" for one in LOADED)
    user = "User nobody\nGroup nogroup" if os.geteuid() == 0 else ""
    config = folder / "apache.conf"
    config.touch(mode=0o600)
    config.write_text(CONFIG.format(folder=folder, port=port, modules=modules, user=user, **known))
    processes.start(name, ["apache2", "-DFOREGROUND", "-f", str(config)], "resuming normal operations")
    return f"http://127.0.0.1:{port}"
