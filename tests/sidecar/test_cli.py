"""What a person sees who types a command, right or wrong."""

import io
import sys
from dataclasses import replace
from pathlib import Path

import pytest

from control.testing.processes import command
from sidecar.cli import main
from sidecar.contract.snapshot import Deny, Route, Snapshot, Source, encode, with_requirements
from sidecar.table import SETTINGS

from ..authn.minting import API_KEY, api_key
from ..proxy.stage import snapshot as proxied
from .conftest import join_token
from .pairs import write_pair

BIN = Path(sys.executable).parent
Said = pytest.CaptureFixture[str]


@pytest.fixture(autouse=True)
def no_variables(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """Nothing from outside: no SIDECAR_* variable, and an empty directory to stand in."""
    monkeypatch.setattr("os.environ", {})
    monkeypatch.chdir(tmp_path)


def sentence(said: Said, *arguments: str) -> str:
    """What is said on stderr with exit 2, in one line and nothing on stdout."""
    assert main(arguments) == 2
    out, err = said.readouterr()
    assert out == ""
    assert err.startswith("sidecar: ")
    assert err.count("\n") == 1
    return err


def test_check_prints_each_setting_once(capsys: Said, snapshot_file: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """With where it was said, and the snapshot at the end."""
    monkeypatch.setattr("os.environ", {"SIDECAR_LISTEN": "127.0.0.1:1"})
    assert main(["check", "--service", "orders", "--snapshot", str(snapshot_file), "--drain-s", "5s"]) == 0
    out, err = capsys.readouterr()
    assert err == ""
    rows = {line.split()[0]: line.split()[1:] for line in out.splitlines()[:-1]}
    assert len(rows) == len(out.splitlines()) - 1
    assert rows["listen"] == ["127.0.0.1:1", "SIDECAR_LISTEN"]
    assert rows["drain_s"] == ["5s", "--drain-s"]
    assert rows["admin"] == ["127.0.0.1:8001", "default"]
    assert set(rows) == {row.name for row in SETTINGS if row.default} | {"service", "snapshot"}
    assert out.splitlines()[-1] == f"snapshot version 7, 1 routes, from {snapshot_file}"


def test_check_hides_the_join_token(capsys: Said, monkeypatch: pytest.MonkeyPatch) -> None:
    """It says that there is one, and what a missing snapshot means."""
    monkeypatch.setattr("os.environ", {"SIDECAR_JOIN_TOKEN": join_token()})
    assert main(["check", "--service", "orders", "--control", "h:1"]) == 0
    out = capsys.readouterr().out
    assert "(not shown)" in out
    assert join_token() not in out
    assert "no snapshot yet" in out


def test_a_sidecar_that_never_joined_needs_a_token(capsys: Said, tmp_path: Path) -> None:
    """Without one, or with one that cannot be read, check says so; where an identity is, it is a note."""
    to_control = ["check", "--service", "orders", "--control", "h:1"]
    assert main(to_control) == 2
    assert "has not joined yet (control join-token orders --out FILE" in capsys.readouterr().err
    missing = [*to_control, "--join-token-file", str(tmp_path / "gone")]
    assert main(missing) == 2
    assert "has not joined yet" in (said := capsys.readouterr().err)
    assert "gone: No such file or directory" in said
    (tmp_path / "state").mkdir()
    (tmp_path / "state" / "identity").write_bytes(b"")
    assert main(missing) == 0
    assert "not needed, this sidecar has joined before" in capsys.readouterr().out


def test_everything_that_can_be_wrong_is_one_sentence(capsys: Said, tmp_path: Path, snapshot_file: Path) -> None:
    """Settings, snapshot, certificate: exit 2, and no traceback."""
    from_file = ["check", "--service", "orders", "--snapshot", str(snapshot_file)]
    assert "--listen" in sentence(capsys, *from_file, "--listen", "nowhere")
    assert "No such file" in sentence(capsys, "check", "--service", "orders", "--snapshot", "nothing.snapshot")
    assert "is for service 'orders'" in sentence(capsys, "check", "--service", "web", "--snapshot", str(snapshot_file))
    certificate, key = map(str, write_pair(tmp_path))
    assert "is not a directory" in sentence(
        capsys, "check", "--service", "orders", "--control", "h:1", "--state-dir", str(snapshot_file)
    )
    assert "tls_key" in sentence(capsys, *from_file, "--tls-cert", certificate, "--tls-key", "nothing.pem")
    assert "holds no certificate" in sentence(capsys, *from_file, "--tls-cert", key, "--tls-key", key)
    snapshot_file.write_bytes(b"junk")
    assert str(snapshot_file) in sentence(capsys, *from_file)
    state = tmp_path / "state"
    state.mkdir()
    (state / "identity").write_bytes(b"junk")
    (state / "last-good").write_bytes(b"junk")
    assert "last-good" in sentence(capsys, "check", "--service", "orders", "--control", "h:1")


def test_run_names_all_that_is_missing_at_once(capsys: Said) -> None:
    """In one sentence, with flags and variables; check prints the settings too."""
    said = sentence(capsys, "run")
    for name in ("--service", "SIDECAR_SERVICE", "--control", "SIDECAR_CONTROL", "--join-token-file", "--snapshot"):
        assert name in said
    assert main(["check"]) == 2
    out, err = capsys.readouterr()
    assert err == said
    assert "listen" in out


def test_a_file_that_is_no_snapshot_is_told_how_to_make_one(capsys: Said, tmp_path: Path) -> None:
    """Such as the policy itself."""
    policy = tmp_path / "policy.yaml"
    policy.write_text("trust_domain: shop.test\n")
    for verb in (["run"], ["check"], ["explain", "GET", "/"]):
        said = sentence(capsys, *verb, "--snapshot", str(policy))
        assert said.endswith(
            "is no snapshot, or not a whole one; one is made by: control compile POLICY SERVICE --out FILE\n"
        )


@pytest.mark.parametrize(
    ("typed", "said"),
    [
        ([], "say what to do: run, check or explain"),
        (["chek"], "no verb 'chek'; did you mean check?"),
        (["help"], "no verb 'help'; there are run, check and explain"),
        (["--service", "orders", "run"], "the verb comes before --service"),
        (["run", "--listn", "x"], "no flag --listn; did you mean --listen?"),
        (["run", "--zzzz=1"], "no flag --zzzz ("),
        (["run", "--token", "x"], "no flag --token"),
        (["run", "--listen"], "--listen: expected one argument"),
        (["run", "--join-token", "x"], "set SIDECAR_JOIN_TOKEN, or use --join-token-file"),
        (["run", "orders"], "a word too many"),
        (["explain", "GET"], "required: PATH"),
        (["explain", "GET", "/", "--tokn", "sesame"], "no flag --tokn; did you mean --token?"),
    ],
)
def test_a_wrong_command_line_says_what_is_wrong(typed: list[str], said: str, capsys: Said) -> None:
    """Exit 2 and one line that says what was meant. There is no flag for a secret, and none is quoted."""
    with pytest.raises(SystemExit) as caught:
        main(typed)
    assert caught.value.code == 2
    err = capsys.readouterr().err
    assert said in err
    assert err.count("\n") == 1
    assert "sesame" not in err


def test_a_path_where_the_method_belongs_is_said_so(capsys: Said) -> None:
    """The two words of explain are easily swapped."""
    assert main(["explain", "/", "GET"]) == 2
    assert capsys.readouterr().err == "sidecar: METHOD comes first: sidecar explain GET /orders/7\n"


def test_explain_tells_the_steps(capsys: Said, snapshot_file: Path) -> None:
    """0 for allowed, 1 for refused, with the reason at the end."""
    end = ["--snapshot", str(snapshot_file)]
    assert main(["explain", "get", "/public/a", *end]) == 0
    assert capsys.readouterr().out.splitlines()[-1] == "=> allowed"
    assert main(["explain", "GET", "/other", "--header", "X-A: b", *end]) == 1
    assert capsys.readouterr().out.splitlines()[-1].startswith("=> 404 no_route")
    assert "should be 'Name: value'" in sentence(capsys, "explain", "GET", "/", "--header", "junk", *end)
    assert "no snapshot in state_dir state" in sentence(capsys, "explain", "GET", "/")


def test_explain_takes_a_token_from_standard_input(
    capsys: Said, snapshot_file: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Whatever bytes are there; so the token is in no process list."""
    end = ["--service", "orders", "--snapshot", str(snapshot_file)]
    for token in (b"a.b.c\n", b"\xff\xfe\n", b""):
        monkeypatch.setattr("sys.stdin", io.TextIOWrapper(io.BytesIO(token)))
        assert main(["explain", "GET", "/public/a", "--token", "-", *end]) == 1
    assert main(["explain", "GET", "/public/\udcff", "--token", "\udcff", *end]) == 1
    assert capsys.readouterr().out.splitlines()[-1].startswith("=> 4")


def test_run_says_what_cannot_be_used(snapshot_file: Path, tmp_path: Path) -> None:
    """The command itself: 2 for a setting, 1 for a port or a snapshot; one line on stderr."""
    run = [str(BIN / "sidecar"), "run", "--service", "orders", "--snapshot", str(snapshot_file)]
    said = command(*run, "--tls-cert", "nothing.pem", "--tls-key", "nothing.pem", "--listen", "127.0.0.1:0", expect=2)
    assert said.stderr == "sidecar: tls_cert nothing.pem: No such file or directory\n"
    said = command(*run, "--listen", "192.0.2.1:1", expect=1)
    assert said.stderr.startswith("sidecar: listen 192.0.2.1:1: Cannot assign requested address; choose another")
    assert said.stderr.count("\n") == 1
    said = command(*run, "--workers", "2", "--listen", "192.0.2.1:1", expect=1)
    assert said.stderr.count("\n") == 1
    other = [*run[:2], "--service", "web", *run[4:], "--listen", "127.0.0.1:0", "--admin", "127.0.0.1:0"]
    for workers in ("1", "2"):
        said = command(*other, "--workers", workers, expect=2)
        assert said.stderr == f"sidecar: {snapshot_file}: is for service 'orders', not 'web'\n"
    free = ["--listen", "127.0.0.1:0", "--admin", "127.0.0.1:0"]
    to_control = [*run[:4], "--control", "127.0.0.1:1", "--state-dir", str(tmp_path / "state"), *free]
    assert command(*to_control, expect=2).stderr.count("\n") == 1
    assert "No such file" in command(*to_control, "--join-token-file", str(tmp_path / "gone"), expect=2).stderr


def test_explain_knows_the_host_and_the_address(capsys: Said, tmp_path: Path) -> None:
    """As a caller would come: the Host is the service's name unless it is said, and an address is said or unknown."""
    route = Route("/public/**", access="public", hosts=("orders", "shop.test"))
    policy = Snapshot("shop.test", "orders", 7, 1, routes=(route,), deny=(Deny("away", addresses=("203.0.113.0/24",)),))
    path = tmp_path / "deny.snapshot"
    path.write_bytes(encode(with_requirements(policy)))
    asked = ["explain", "GET", "/public/a", "--snapshot", str(path)]
    for more, last in (
        (["--address", "198.51.100.1"], "=> allowed"),
        (["--address", "198.51.100.1", "--header", "Host: shop.test:80"], "=> allowed"),
        (["--address", "198.51.100.1", "--header", "Host: evil.test"], "=> 404 no_route"),
        (["--address", "203.0.113.9"], "=> 403 denied"),
    ):
        main([*asked, *more])
        assert capsys.readouterr().out.splitlines()[-1].startswith(last)


def test_explain_takes_an_api_key(capsys: Said, tmp_path: Path) -> None:
    """By its form; it is shown nowhere."""
    policy = replace(proxied(Route("/**", credentials=(Source(kind="api_key"),))), api_keys=(api_key(),))
    path = tmp_path / "keys.snapshot"
    path.write_bytes(encode(with_requirements(policy)))
    assert main(["explain", "GET", "/a", "--token", API_KEY, "--snapshot", str(path)]) == 0
    assert API_KEY not in capsys.readouterr().out
