"""``control serve`` as a process: it starts, says where, keeps what it has, and ends when told."""

import json
import re
import signal
import socket
import stat
from contextlib import ExitStack
from pathlib import Path

import httpx

from control.testing.processes import BIN, Processes, command

from .conftest import OPERATOR, POLICY, READY, serve

CONTROL = str(BIN / "control")
ENV = {"CONTROL_TOKEN": OPERATOR}


def test_what_was_pushed_survives_a_restart(tmp_path: Path) -> None:
    """SIGTERM is exit 0; started again it has the policy, the applications and the credential."""
    policy = tmp_path / "policy.yaml"
    policy.write_text(POLICY)
    with Processes(tmp_path) as processes:
        ready = processes.start("control", serve(tmp_path / "data", "--public-url", "http://c.test"), READY, ENV)
        here = {**ENV, "CONTROL_URL": ready[1]}
        command(CONTROL, "push", str(policy), env=here)
        command(CONTROL, "app", "add", "shop", env=here)
        jwks = httpx.get(ready[1] + "/.well-known/jwks.json", trust_env=False).json()
        assert processes.terminate("control") == 0
        ready = processes.start("control", serve(tmp_path / "data", "--public-url", "http://c.test"), READY)
        here = {**ENV, "CONTROL_URL": ready[1]}
        assert command(CONTROL, "get", env=here).stdout == POLICY
        assert "shop" in command(CONTROL, "app", "list", env=here).stdout
        assert '"version": 1,' in command(CONTROL, "-o", "json", "history", env=here).stdout
        assert httpx.get(ready[1] + "/.well-known/jwks.json", trust_env=False).json() == jwks
        assert "operator credential" not in processes.log("control")


def test_the_first_start_prints_a_credential_once(tmp_path: Path) -> None:
    """It works, and the next start does not print it again."""
    with Processes(tmp_path) as processes:
        ready = processes.start("control", serve(tmp_path / "data"), READY)
        made = re.search(r"^(sg\S{32,})$", processes.log("control"), re.MULTILINE)
        assert made is not None
        command(CONTROL, "status", env={"CONTROL_URL": ready[1], "CONTROL_TOKEN": made[1]})
        assert processes.terminate("control") == 0
        processes.start("control", serve(tmp_path / "data"), READY)
        assert "credential" not in processes.log("control")


def test_data_is_for_nobody_else(tmp_path: Path) -> None:
    """The directory is 0700 and what is in it 0600."""
    with Processes(tmp_path) as processes:
        processes.start("control", serve(tmp_path / "data"), READY, ENV)
        assert stat.S_IMODE((tmp_path / "data").stat().st_mode) == 0o700
        assert {stat.S_IMODE(file.stat().st_mode) for file in (tmp_path / "data").iterdir()} == {0o600}


def test_it_ends_though_someone_waits(tmp_path: Path) -> None:
    """Idle connections, a half-sent request and an unread answer keep nobody from stopping it."""
    with Processes(tmp_path) as processes, ExitStack() as stack:
        ready = processes.start("control", serve(tmp_path / "data"), READY, ENV)
        host, port = ready[1].removeprefix("http://").split(":")
        for sent in (b"", b"GET /live HT", b"POST /oauth2/token HTTP/1.1\r\nHost: c\r\nContent-Length: 9\r\n\r\n"):
            stuck = stack.enter_context(socket.create_connection((host, int(port))))
            stuck.sendall(sent)
        processes.signal("control", signal.SIGINT)
        assert processes.wait("control") == 0


def test_a_request_with_two_lengths_is_not_two_requests(tmp_path: Path) -> None:
    """Content-Length beside Transfer-Encoding (RFC 9112 section 6.1): 400, and nothing after it is answered."""
    ambiguous = (
        b"POST /oauth2/token HTTP/1.1\r\nHost: c\r\nContent-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n"
    )
    smuggled = b"GET /live HTTP/1.1\r\nHost: c\r\n\r\n"
    with Processes(tmp_path) as processes:
        ready = processes.start("control", serve(tmp_path / "data"), READY, ENV)
        host, port = ready[1].removeprefix("http://").split(":")
        said = []
        for sent in (ambiguous, ambiguous + smuggled):
            with socket.create_connection((host, int(port)), timeout=10) as client, client.makefile("rb") as answers:
                client.sendall(sent)
                said.append(answers.read())
    assert said[0].startswith(b"HTTP/1.1 400 ")
    assert b"200" not in said[1]
    assert said[1].count(b"HTTP/1.1 ") <= 1  # closing over what is unread, Hypercorn may lose the 400


def test_a_taken_port_is_one_sentence(tmp_path: Path) -> None:
    """Exit 1, the address, no traceback; and nothing was made on disk."""
    with socket.create_server(("127.0.0.1", 0)) as taken:
        address = f"127.0.0.1:{taken.getsockname()[1]}"
        said = command(CONTROL, "serve", "--http", address, "--data", str(tmp_path / "data"), env=ENV, expect=1)
    assert said.stderr == f"control: --http {address}: Address already in use. Choose another address with --http.\n"
    assert not (tmp_path / "data").exists()


def test_data_that_is_no_directory(tmp_path: Path) -> None:
    """Exit 1 and one sentence."""
    (tmp_path / "data").write_text("")
    said = command(*serve(tmp_path / "data"), env=ENV, expect=1)
    assert said.stderr.startswith(f"control: data {tmp_path / 'data'}: ")
    assert len(said.stderr.splitlines()) == 1


def test_one_control_for_one_data(tmp_path: Path) -> None:
    """A second control on the same data is refused in a sentence and leaves the first one's mesh as it is, though it
    would be another issuer; after a crash nothing is in the way."""
    policy = tmp_path / "policy.yaml"
    policy.write_text(POLICY)
    with Processes(tmp_path) as processes:
        ready = processes.start("control", serve(tmp_path / "data"), READY, ENV)
        here = {**ENV, "CONTROL_URL": ready[1]}
        command(CONTROL, "push", str(policy), env=here)
        said = command(*serve(tmp_path / "data"), env=ENV, expect=1)
        assert "another control runs with it" in said.stderr
        assert len(said.stderr.splitlines()) == 1
        versions = json.loads(command(CONTROL, "-o", "json", "history", env=here).stdout)["versions"]
        assert [one["kind"] for one in versions] == ["push"]
        processes.kill("control")
        processes.start("control", serve(tmp_path / "data"), READY, ENV)


def test_a_database_that_is_none(tmp_path: Path) -> None:
    """Exit 1 and one sentence."""
    (tmp_path / "data").mkdir()
    (tmp_path / "data" / "control.sqlite3").write_text("this is not a database, and it is long enough to tell")
    said = command(*serve(tmp_path / "data"), env=ENV, expect=1)
    assert "cannot be used" in said.stderr
    assert len(said.stderr.splitlines()) == 1


def test_a_short_credential_is_refused(tmp_path: Path) -> None:
    """Exit 2, and it is not repeated."""
    said = command(*serve(tmp_path / "data"), env={"CONTROL_TOKEN": "too-short"}, expect=2)
    assert "32 or more" in said.stderr
    assert "too-short" not in said.stderr


def test_a_broken_page_is_told_at_the_start(tmp_path: Path) -> None:
    """With its line, and before anything is made; one that is sound is served."""
    pages = tmp_path / "pages"
    pages.mkdir()
    (pages / "signed_out.html").write_text("<h1>\n{% if %}")
    broken = serve(tmp_path / "data", "--pages-dir", str(pages))
    said = command(*broken, env=ENV, expect=2).stderr
    assert f"pages_dir: {pages}/signed_out.html, line 2: " in said
    assert not (tmp_path / "data").exists()
    (pages / "signed_out.html").write_text("<h1>Bye</h1>")
    with Processes(tmp_path) as processes:
        ready = processes.start("control", broken, READY, ENV)
        assert httpx.get(ready[1] + "/oauth2/logout", trust_env=False).text == "<h1>Bye</h1>"


def test_push_on_a_unix_socket(tmp_path: Path) -> None:
    """The socket is there while control runs, a stale one is replaced, and another file is left alone."""
    path = tmp_path / "push.sock"
    arguments = [CONTROL, "serve", "--http", "127.0.0.1:0", "--push", f"unix:{path}", "--data", str(tmp_path / "data")]
    with Processes(tmp_path) as processes:
        processes.start("control", arguments, READY, ENV)
        assert stat.S_ISSOCK(path.stat().st_mode)
        processes.kill("control")
        assert path.exists()
        processes.start("control", arguments, READY, ENV)
        assert processes.terminate("control") == 0
        assert not path.exists()
    path.write_text("mine")
    said = command(*arguments, env=ENV, expect=1)
    assert "no socket" in said.stderr
    assert path.read_text() == "mine"


def test_no_secret_is_in_the_log(tmp_path: Path) -> None:
    """At the chattiest level, neither the credential, nor a client's secret, nor a token is logged."""
    with Processes(tmp_path) as processes:
        ready = processes.start("control", serve(tmp_path / "data", "--log-level", "debug"), READY, ENV)
        here = {**ENV, "CONTROL_URL": ready[1]}
        (tmp_path / "policy.yaml").write_text(POLICY)
        command(CONTROL, "push", str(tmp_path / "policy.yaml"), env=here)
        app = command(CONTROL, "app", "add", "shop", env=here).stdout
        secret = re.search(r"client_secret\s+(\S+)", app)
        token = command(CONTROL, "token", "issue", "--app", "shop", env=here).stdout.strip()
        join = command(CONTROL, "join-token", "orders", env=here).stdout.strip()
        assert secret is not None
        httpx.post(ready[1] + "/login", data={"credential": OPERATOR}, trust_env=False)
        log = processes.log("control")
    for hidden in (OPERATOR, secret[1], token, join, token.rsplit(".", 1)[1]):
        assert hidden not in log
