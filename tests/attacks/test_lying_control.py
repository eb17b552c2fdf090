"""What answers where control should be says what it likes: each verb ends with a sentence and an exit code."""

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

from control.cli import main
from control.cli.client import MAX_ANSWER_BYTES, MAX_LINE_BYTES

POLICY = "trust_domain: shop.test\nservices: {orders: {routes: [{path: /**, access: public}]}}\n"
VERBS = [
    *("diff POLICY", "push POLICY", "push POLICY --wait", "push POLICY --canary 10%", "canary", "canary promote"),
    *("canary abort", "freeze --reason x", "rollback 1", "history", "get", "explain orders GET /", "status"),
    *("sidecar show x", "join-token orders", "join-token --list", "app add a", "app list", "app show a"),
    *("app update a --disable", "app secret a", "client add a --public", "client list", "client show a"),
    *("client update a --public", "token issue --app a", "key add --subject a --wait", "key list", "key show k"),
    *("key update k --never-expires", "key remove k", "operator add a --role viewer", "operator list"),
    *("operator show a", "operator rotate a", "audit", "whoami", "issuer list", "issuer refresh x", "keys list"),
    *("keys rotate --wait", "keys revoke k --wait", "revoke --jti x --wait", "revoke --list"),
]
LIES = {
    "a list": b"[]",
    "nesting": b'{"a":' * 100_000,
    "other kinds": b'{"version": {}, "sidecars": 5, "apps": [1], "canary": 7, "frozen": "x", "keys": [{"kid": []}]}',
    "half a character": b'{"source": "\\ud800", "name": "\\ud800", "key": "\\ud800", "token": "\\ud800"}',
}


class Answer(BaseHTTPRequestHandler):
    """The same to everything."""

    status, head, body = 200, {"Content-Type": "application/json"}, b"{}"
    endless = b""

    def answer(self) -> None:
        """Whatever was asked."""
        self.rfile.read(int(self.headers.get("Content-Length", 0)))
        self.send_response(self.status)
        for name, value in self.head.items():
            self.send_header(name, value)
        if not self.endless:
            self.send_header("Content-Length", str(len(self.body)))
        self.end_headers()
        try:
            self.wfile.write(self.body)
            while self.endless:
                self.wfile.write(self.endless)
        except OSError:
            pass  # whoever asked has heard enough

    do_GET = do_POST = do_PUT = do_PATCH = do_DELETE = answer

    def log_message(self, *_said: object) -> None:
        """Nobody wants to know."""


@contextmanager
def liar(**said: object) -> Iterator[str]:
    """Where it listens."""
    handler = type("Said", (Answer,), said)
    with ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        thread = threading.Thread(target=server.serve_forever, args=(0.01,))
        thread.start()
        try:
            yield f"http://127.0.0.1:{server.server_port}"
        finally:
            server.shutdown()
            thread.join()


@pytest.fixture(autouse=True)
def _credential(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CONTROL_TOKEN", "operator-credential-of-the-tests-0001")


def words(verb: str, folder: Path) -> list[str]:
    """A command's words, with a policy that is there."""
    file = folder / "policy.yaml"
    file.write_text(POLICY)
    return [str(file) if word == "POLICY" else word for word in verb.split()]


@pytest.mark.parametrize("lie", LIES)
def test_an_answer_of_another_shape_is_a_sentence(
    lie: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """And exit 1, whatever the verb and however it is to be printed; a traceback would be an exception here."""
    with liar(body=LIES[lie]) as url:
        monkeypatch.setenv("CONTROL_URL", url)
        for verb in VERBS:
            code = main(words(verb, tmp_path))
            said = capsys.readouterr()
            assert code in (0, 1, 3), verb
            assert code == 0 or url in said.err, verb
        for verb in VERBS[::8]:
            assert main(["-o", "json", *words(verb, tmp_path)]) in (0, 1), verb
            assert "Traceback" not in capsys.readouterr().err


@pytest.mark.parametrize("data", ["5", "{}", "[[", '{"at": "never", "event": []}'])
def test_an_event_of_another_shape_is_a_sentence(
    data: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """And the end of following."""
    with liar(body=f"id: 1\nevent: version\ndata: {data}\n\n".encode()) as url:
        monkeypatch.setenv("CONTROL_URL", url)
        assert main(["events"]) == 1
        assert url in capsys.readouterr().err


@pytest.mark.parametrize("verb", ["status", "app list", "audit", "get", "events"])
@pytest.mark.parametrize("status", [200, 401, 500])
def test_an_answer_without_an_end_is_given_up(
    verb: str, status: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """No more than so much of it is ever held."""
    with liar(status=status, endless=b"x" * (1024 * 1024)) as url:
        monkeypatch.setenv("CONTROL_URL", url)
        monkeypatch.setattr("control.cli.client.MAX_ANSWER_BYTES", MAX_ANSWER_BYTES // 16)
        monkeypatch.setattr("control.cli.client.MAX_LINE_BYTES", MAX_LINE_BYTES // 16)
        assert main(words(verb, tmp_path)) == 1
        assert "has no end" in capsys.readouterr().err


def test_a_list_without_an_end_is_given_up(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    """Each page names another."""
    with liar(body=b'{"apps": [], "next": "more"}') as url:
        monkeypatch.setenv("CONTROL_URL", url)
        monkeypatch.setattr("control.cli.client.MAX_PAGES", 20)
        assert main(["app", "list"]) == 1
        assert "has no end" in capsys.readouterr().err


@pytest.mark.parametrize("head", [{"Content-Encoding": "gzip"}, {"Content-Encoding": "gzip, gzip"}])
def test_nothing_is_unpacked(
    head: dict[str, str], monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """Control packs nothing: a few bytes that become all of the memory are bytes that are no JSON."""
    with liar(head=head, body=b"\x1f\x8b") as url:
        monkeypatch.setenv("CONTROL_URL", url)
        assert main(["whoami"]) == 1
        assert "is not control" in capsys.readouterr().err


def test_a_redirect_takes_the_credential_nowhere(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """Control redirects nobody."""
    with (
        liar(body=b'{"name": "thief"}') as elsewhere,
        liar(status=307, head={"Location": f"{elsewhere}/v1/whoami"}) as url,
    ):
        monkeypatch.setenv("CONTROL_URL", url)
        assert main(["whoami"]) == 1
        assert "is not control (HTTP 307)" in capsys.readouterr().err


ESCAPES = "\\u001b[2J\\u009b2J\\u202e"


@pytest.mark.parametrize(
    "verb", ["get -o json", "whoami", "whoami -o json", "token issue --app a", "join-token orders", "app show a"]
)
def test_nothing_that_a_terminal_obeys_is_printed(
    verb: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """Neither for people nor for programs, nor where a secret stands alone."""
    facts = ("source", "name", "role", "id", "token", "access_token", "client_id")
    body = ", ".join(f'"{fact}": "{ESCAPES}"' for fact in facts)
    more = '"scopes": [], "services": null, "expires_at": 1, "created_at": 1, "in_policy": true, "active": true'
    with liar(body=f'{{{body}, {more}, "version": 1}}'.encode()) as url:
        monkeypatch.setenv("CONTROL_URL", url)
        main(verb.split())
        said = capsys.readouterr()
        assert (said.out + said.err).replace("\n", "").isprintable()
