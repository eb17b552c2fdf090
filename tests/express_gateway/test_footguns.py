"""Section 9: what else Express Gateway lets a caller, or its operator, do. A test's name begins with its letter."""

import json
import re
import subprocess
from pathlib import Path

import httpx
import pytest

from control.policy import PolicyErrors, compile_snapshot, load
from control.testing.processes import BIN, ProcessError, Processes

from ..stories.conftest import Stack, raw_exchange
from .conftest import POLICY, Gateway, seen


def _admin(gateway: Gateway, method: str, path: str, json_body: object = None, credential: str = "") -> httpx.Response:
    """A request to the admin API."""
    shown = credential or gateway.stack.operator["CONTROL_TOKEN"]
    headers = {"Authorization": f"Bearer {shown}"} if shown != "none" else {}
    return gateway.stack.http.request(
        method, gateway.stack.operator["CONTROL_URL"] + path, json=json_body, headers=headers
    )


def _partner(jwks: str) -> str:
    return (
        "trust_domain: shop.test\nissuers:\n  partner:\n    issuer: https://issuer.test/\n    audience: [orders]\n"
        f"    jwks: {jwks}\nservices: {{orders: {{routes: [{{path: /**}}]}}}}\n"
    )


@pytest.mark.parametrize("label", ["PUBLIC KEY", "RSA PUBLIC KEY", "SOMETHING", ""])
def test_b_the_text_of_a_key_decides_nothing(gateway: Gateway, label: str) -> None:
    """A public key verifies as one; what is none is refused, and never becomes a secret that anybody may know."""
    pem = gateway.public_pem.decode()
    kept = (line for line in pem.replace("PUBLIC KEY", label).splitlines() if label or "-" not in line)
    source = _partner("\n      pem: |\n" + "".join(f"        {line}\n" for line in kept))
    if label.endswith("PUBLIC KEY"):
        means = {"version": 1, "issued_at": 0, "own": None, "secrets": lambda _: None}
        [issuer] = compile_snapshot(load(source, {}, {}), "orders", **means).issuers
        assert issuer.algorithms == ("RS256",) and [key["kty"] for key in issuer.keys] == ["RSA"]
        return
    with pytest.raises(PolicyErrors):
        load(source, {}, {})


def test_c_an_issuer_without_an_audience(gateway: Gateway) -> None:
    """Is refused with the policy; ``exp`` and ``iss`` are not for a policy to leave out (cases 3, 4 and 9)."""
    bare = gateway.stack.policy(POLICY.replace("    audience: [orders]\n", "", 1), "no-audience.yaml")
    assert "audience" in gateway.stack.control("check", str(bare), expect=1)


def test_d_a_bad_token_is_nobody_s_ticket_to_anonymity(gateway: Gateway) -> None:
    """Where a token is not needed a bad one is 401: EG goes on as anonymous, also when its store is down."""
    assert gateway.status("/anonymous") == 200
    assert gateway.status("/anonymous", gateway.token(exp=-3600)) == 401
    assert gateway.status("/anonymous", gateway.token(gateway.stranger)) == 401


def test_f_the_admin_api_opens_to_nobody(gateway: Gateway) -> None:
    """Every path of it, without a credential and with one that is not; nor through a sidecar."""
    paths = [path for path in _admin(gateway, "GET", "/v1/openapi.json").json()["paths"] if path.startswith("/v1")]
    assert len(paths) > 20
    for path in paths:
        asked = re.sub(r"\{\w+\}", "x", path)
        assert _admin(gateway, "GET", asked, credential="none").status_code == 401, asked
    assert _admin(gateway, "GET", "/v1/apps", credential="x" * 43).status_code == 401
    assert gateway.status("/v1/apps", gateway.token()) == 404


def test_g_nothing_is_shipped_that_opens_it(tmp_path: Path) -> None:
    """Two first starts print two credentials, once; one that could be guessed is not taken."""
    printed = []
    for number in range(2):
        with Processes(tmp_path) as processes:
            log = f"control-{number}"
            start = [str(BIN / "control"), "serve", "--data", str(tmp_path / f"data-{number}")]
            start += ["--http", "127.0.0.1:0", "--push", "127.0.0.1:0"]
            processes.start(log, start, r"control ready", {"CONTROL_TOKEN": ""})
            printed += re.findall(r"shown this once .*\n(\S+)", processes.log(log))
            processes.terminate(log)
            processes.start(log, start, r"control ready", {"CONTROL_TOKEN": ""})
            assert "shown this once" not in processes.log(log)
    assert len({*printed}) == 2 and all(len(one) >= 32 for one in printed)
    with Processes(tmp_path) as processes, pytest.raises(ProcessError, match="32"):
        start[start.index("--data") + 1] = str(tmp_path / "short")
        processes.start("short", start, r"control ready", {"CONTROL_TOKEN": "secret"})


@pytest.mark.parametrize("member", ["id", "client_id", "client_secret", "active", "created_at", "revision"])
def test_h_what_the_server_owns_is_not_the_caller_s_to_choose(gateway: Gateway, member: str) -> None:
    """422, and nothing is made: EG takes the id of another's credential, and hands it over."""
    victim, _ = gateway.app(f"case-h-{member}", "orders:read")
    given = {"name": f"case-h-{member}-2", member: True if member == "active" else victim}
    assert _admin(gateway, "POST", "/v1/apps", given).status_code == 422
    assert _admin(gateway, "GET", f"/v1/apps/case-h-{member}-2").status_code == 404
    taken = _admin(gateway, "POST", "/v1/apps", {"name": f"case-h-{member}"})
    assert taken.status_code == 409
    named_like_it = _admin(gateway, "POST", "/v1/apps", {"name": victim})
    assert named_like_it.status_code == 409


@pytest.mark.parametrize("path", ["/jwt", "/jwt/", "/jwt?x=1", "/./jwt", "/anonymous/../jwt", "//jwt", "/%6Awt"])
def test_i_a_guard_stands_wherever_its_path_leads(gateway: Gateway, path: str) -> None:
    """However the path or the host is written: EG's guards compare them raw."""
    for host in ("orders", "ORDERS", "orders:8000", "orders."):
        sent = f"GET {path} HTTP/1.1\r\nHost: {host}\r\nConnection: close\r\n\r\n".encode()
        status = raw_exchange(gateway.stack.urls["orders"], sent).split(b" ", 2)[1]
        assert status in (b"401", b"404", b"400"), (path, host)


@pytest.mark.parametrize(
    "condition",
    [
        "claims.constructor.constructor('return process')()",
        "__import__('os').system('id')",
        "().__class__.__mro__",
        "open('/etc/passwd')",
    ],
)
def test_j_a_condition_reaches_nothing_but_the_request(gateway: Gateway, condition: str) -> None:
    """CEL has no way to the process: what tries is refused with the policy, or refuses the request."""
    said = json.dumps(condition)
    guarded = POLICY.replace("{path: /jwt, issuers", f"{{path: /jwt, require: {{when: {said}}}, issuers", 1)
    try:
        policy = load(guarded, {"partner.jwks.json": (gateway.stack.folder / "partner.jwks.json").read_text()}, {})
    except PolicyErrors:
        return
    pytest.fail(f"{condition} was taken: {policy.warnings}")


def test_k_no_credential_goes_on_to_the_service(gateway: Gateway) -> None:
    """Neither a token nor a key, in a header or in the query: EG forwards its clients' secrets."""
    token, key = gateway.token(), gateway.api_key("case-k", "robot-k")
    answers = [
        gateway.ask("/jwt", token),
        gateway.ask(f"/jwt-query?token={token}"),
        gateway.ask("/key", Authorization=f"ApiKey {key}"),
        gateway.ask(f"/key-query?apiKey={key}"),
    ]
    for answer in answers:
        assert "authorization" not in seen(answer)
        assert token not in answer.text and key not in answer.text


def test_l_what_belongs_to_one_hop_ends_with_it(gateway: Gateway) -> None:
    """What ``Connection`` names goes no further; two hosts are 400."""
    answer = gateway.ask("/anonymous", Connection="X-Secret, keep-alive", X_Secret="1", Keep_Alive="timeout=5")
    assert not {"x-secret", "keep-alive"} & seen(answer).keys()
    twice = b"GET /anonymous HTTP/1.1\r\nHost: a\r\nHost: b\r\nConnection: close\r\n\r\n"
    assert raw_exchange(gateway.stack.urls["orders"], twice).startswith(b"HTTP/1.1 400 ")


def test_m_who_is_refused_is_told_in_the_words_of_the_standard(gateway: Gateway) -> None:
    """401 has a challenge, at the sidecar and at the issuer; a scope that lacks is 403, for each kind of credential."""
    assert gateway.ask("/jwt").headers["www-authenticate"].startswith("Bearer")
    assert gateway.ask("/key").headers["www-authenticate"]
    assert _admin(gateway, "GET", "/v1/apps", credential="none").headers["www-authenticate"].startswith("Bearer")
    wrong = gateway.trade("nobody", "wrong", grant_type="client_credentials")
    assert (wrong.status_code, wrong.headers["www-authenticate"].split()[0]) == (401, "Basic")
    key = gateway.api_key("case-m", "robot-m")
    assert gateway.status("/jwt-admin", gateway.token()) == 403
    assert gateway.status("/key-read", Authorization=f"ApiKey {key}") == 403


@pytest.mark.parametrize(
    ("body", "endpoint"),
    [
        (b"{", "token"),
        (b"\xff\xfe", "introspect"),
        (b"[" * 5000, "revoke"),
        (b'{"name": 1}', "par"),
        (b'{"name": "\\u0000"}', "register"),
    ],
)
def test_n_an_error_tells_nothing_of_the_inside(gateway: Gateway, body: bytes, endpoint: str) -> None:
    """No traceback, no path, no module, and never 500."""
    url, credential = gateway.stack.operator["CONTROL_URL"], gateway.stack.operator["CONTROL_TOKEN"]
    headers = {"Authorization": f"Bearer {credential}", "Content-Type": "application/json"}
    to_the_api = gateway.stack.http.post(url + "/v1/apps", content=body, headers=headers)
    to_the_issuer = gateway.stack.http.post(f"{url}/oauth2/{endpoint}", content=body)
    for answer in (to_the_api, to_the_issuer):
        assert 400 <= answer.status_code < 500
        assert not re.search(r"Traceback|\.py\b|site-packages|sqlalchemy|authlib", answer.text, re.IGNORECASE)


def test_o_known_vulnerabilities_are_looked_for() -> None:
    """``make audit`` looks at the very list that is installed; every dependency is pinned with its hash."""
    told = subprocess.run(["make", "-n", "audit"], capture_output=True, text=True, check=True).stdout
    assert "requirements/control.txt" in told


def test_p_a_token_in_the_query_is_none(gateway: Gateway) -> None:
    """Unless a route says so (case 20); the issuer's own endpoints never take one there."""
    client_id, secret = gateway.app("case-p")
    url = gateway.stack.operator["CONTROL_URL"]
    token = gateway.trade(client_id, secret, grant_type="client_credentials").json()["access_token"]
    assert gateway.status(f"/managed?access_token={token}") == 401
    assert gateway.stack.http.get(f"{url}/oauth2/userinfo?access_token={token}").status_code == 401
    asked = f"{url}/oauth2/token?client_id={client_id}&client_secret={secret}"
    assert gateway.stack.http.post(asked, data={"grant_type": "client_credentials"}).status_code == 401


def test_q_secrets_are_not_tried_for_ever(tmp_path: Path) -> None:
    """Who guesses at the token endpoint is 429 with ``Retry-After``; whoever was right from there goes on."""
    stack = Stack(tmp_path)
    with stack.processes:
        stack.start_control()
        stack.control("push", str(stack.policy()))
        made = stack.control_json("app", "add", "case-q")
        url, right = stack.operator["CONTROL_URL"] + "/oauth2/token", (made["client_id"], made["client_secret"])
        asked = {"grant_type": "client_credentials"}
        assert stack.http.post(url, data=asked, auth=right).status_code == 200
        answers = [stack.http.post(url, data=asked, auth=(right[0], f"guess-{n}")) for n in range(100)]
        refused = next(answer for answer in answers if answer.status_code == 429)
        assert int(refused.headers["retry-after"]) >= 1
        assert sum(answer.status_code == 401 for answer in answers) < 50
        assert stack.http.post(url, data=asked, auth=right).status_code == 200
    stack.http.close()


def test_r_what_is_turned_off_takes_its_tokens_along(gateway: Gateway) -> None:
    """401 in the sidecar, though the token was let in before; turning it on again does not bring the token back."""
    gateway.app("case-r")
    token = gateway.stack.control("token", "issue", "--app", "case-r").strip()
    assert gateway.status("/managed", token) == 200
    gateway.stack.control("app", "update", "case-r", "--disable")
    gateway.settled()
    assert gateway.ask("/managed", token).json()["reason"] == "token_revoked"
    gateway.stack.control("app", "update", "case-r", "--enable")
    gateway.settled()
    assert gateway.status("/managed", token) == 401
