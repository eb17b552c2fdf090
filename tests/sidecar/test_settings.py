"""Flags, variables and TOML become one value, or one sentence."""

from ipaddress import ip_network
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sidecar.settings import Settings, lacking, load
from sidecar.spelling import SettingsError, address, duration_s, size
from sidecar.table import SETTINGS

from .conftest import join_token

BASE: dict[str, str | None] = {"service": "orders", "control": "127.0.0.1:7001"}


def settings(**flags: str) -> Settings:
    """As from flags."""
    return load(BASE | flags, {})


def refusal(flags: dict[str, str | None], environ: dict[str, str] | None = None) -> str:
    """The sentence that these are refused with."""
    with pytest.raises(SettingsError) as caught:
        load(flags, environ or {})
    text = str(caught.value)
    assert "\n" not in text
    return text


def test_the_defaults_are_the_documented_ones() -> None:
    """Nothing but a service and a control has to be said."""
    made = settings()
    assert (made.listen, made.upstream, made.admin) == ("0.0.0.0:8000", "http://127.0.0.1:8080", "127.0.0.1:8001")
    assert (made.workers, made.forwarded, made.trusted_proxies) == (1, "x-forwarded", ())
    assert (made.state_dir, made.tls_cert, made.max_staleness_s) == (Path("state"), None, None)


def test_every_default_that_is_shown_is_the_one_in_force() -> None:
    """Giving each default explicitly changes nothing."""
    said = {row.name: row.default for row in SETTINGS if row.default not in ("", "none", "never")}
    assert load(BASE | said, {}) == settings()


def test_a_flag_beats_a_variable_beats_the_file(tmp_path: Path) -> None:
    """And each is remembered with where it was said."""
    config = tmp_path / "sidecar.toml"
    config.write_text('listen = "127.0.0.1:1"\nadmin = "127.0.0.1:2"\ndrain_s = 5\ncontrol = ["a:1", "b:2"]\n')
    environ = {"SIDECAR_LISTEN": "127.0.0.1:3", "SIDECAR_ADMIN": "127.0.0.1:4", "SIDECAR_CONFIG": str(config)}
    made = load({"service": "orders", "listen": "127.0.0.1:5"}, environ)
    assert (made.listen, made.admin, made.timeouts.drain_s) == ("127.0.0.1:5", "127.0.0.1:4", 5)
    assert made.control == ("a:1", "b:2")
    assert made.said["listen"] == ("127.0.0.1:5", "--listen")
    assert made.said["admin"] == ("127.0.0.1:4", "SIDECAR_ADMIN")
    assert made.said["drain_s"] == ("5", f"{config}: drain_s")


BAD = {
    "listen": ["", "8000", ":8000", "a b:1", "h:65536", "h:1:2", "[::1", "unix:/x", "http://h:1"],
    "upstream": [
        "",
        "h:80",
        "ftp://h",
        "http://h:99999",
        "http://h/p",
        "http://u@h",
        "unix:x",
        "http://:80",
        "http://[",
    ],
    "admin": ["x"],
    "egress": ["127.0.0.1:8002"],
    "control": ["h", "h:0", "unix:x", "a:1,b"],
    "service": ["Orders", "-a", "a_b", "a" * 64, "", "a.b"],
    "workers": ["0", "-1", "65", "two", "1.5", "", "99999999999"],
    "max_staleness": ["0", "soon", "-1s", "1w"],
    "drain_s": ["0", "x", "1 s"],
    "head_bytes": ["0", "-1", "1.5", "1t"],
    "trusted_proxies": ["10.0.0.1/8", "everyone", "10.0.0.0/33", "1.2.3.4;5.6.7.8"],
    "forwarded": ["", "all", "X-Forwarded"],
    "decisions": ["", "yes", "ON", "true"],
    "tls_cert": [""],
    "state_dir": ["", "a\0b"],
}


@pytest.mark.parametrize(("name", "text"), [(name, text) for name, texts in BAD.items() for text in texts])
def test_a_bad_value_is_one_sentence_that_names_its_flag(name: str, text: str) -> None:
    """Whatever is wrong with it."""
    assert refusal(BASE | {name: text}).startswith("--" + name.replace("_", "-") + ": ")


GOOD = [
    ("listen", "[::1]:0"),
    ("upstream", "unix:/run/orders.sock"),
    ("upstream", "https://orders"),
    ("control", "unix:/run/control.sock, control:7001"),
    ("workers", "64"),
    ("trusted_proxies", "10.0.0.0/8, ::1"),
    ("forwarded", "both"),
    ("decisions", "on"),
    ("drain_s", "250ms"),
    ("head_bytes", "64k"),
]


@pytest.mark.parametrize(("name", "text"), GOOD)
def test_a_good_value_is_taken(name: str, text: str) -> None:
    """As it is documented."""
    assert settings(**{name: text}).said[name] == (text, "--" + name.replace("_", "-"))


def test_trusted_proxies_are_networks() -> None:
    """An address is a network of one."""
    assert settings(trusted_proxies="10.0.0.0/8,::1").trusted_proxies == (ip_network("10.0.0.0/8"), ip_network("::1"))


def test_all_that_is_missing_is_named_at_once() -> None:
    """As one would type it; a snapshot needs none of it, and who has joined needs no token."""
    service, control, token = lacking(load({}, {}), joined=False)
    assert "--service NAME or SIDECAR_SERVICE" in service
    assert "--control HOST:PORT or SIDECAR_CONTROL" in control
    assert "--join-token-file FILE or SIDECAR_JOIN_TOKEN" in token
    assert lacking(load({}, {}), joined=True) == [service, control]
    assert lacking(load({"snapshot": "x"}, {}), joined=False) == []
    assert lacking(load(BASE, {"SIDECAR_JOIN_TOKEN": join_token()}), joined=False) == []
    assert "x: No such file" in lacking(load(BASE | {"join_token_file": "x"}, {}), joined=False)[0]


def test_what_contradicts_itself() -> None:
    """One sentence each."""
    assert "exclude each other" in refusal(BASE | {"snapshot": "x"})
    assert "both or none" in refusal(BASE | {"tls_cert": "x"})
    assert "both or none" in refusal(BASE | {"tls_key": "x"})


def test_a_misspelt_name_is_not_ignored(tmp_path: Path) -> None:
    """A variable or a key that nobody knows may be one that was meant to protect something."""
    assert refusal(BASE, {"SIDECAR_LISTN": "x"}) == (
        "SIDECAR_LISTN: there is no such setting; did you mean SIDECAR_LISTEN?"
    )
    config = tmp_path / "c.toml"
    config.write_text("max_stalenes = '1h'")
    assert refusal(BASE | {"config": str(config)}).endswith("did you mean max_staleness?")
    config.write_text("zzz = 1")
    assert refusal(BASE | {"config": str(config)}) == f"{config}: zzz: there is no such setting"


@pytest.mark.parametrize("text", ["listen = ", "listen = true", "listen = [1]", "[listen]\na = 1", b"\xff"])
def test_a_bad_file_is_one_sentence(text: str | bytes, tmp_path: Path) -> None:
    """Not TOML, not a value, not text."""
    config = tmp_path / "c.toml"
    config.write_bytes(text if isinstance(text, bytes) else text.encode())
    assert str(config) in refusal(BASE | {"config": str(config)})


def test_a_file_that_cannot_be_read_is_one_sentence(tmp_path: Path) -> None:
    """A directory, or nothing."""
    assert "Is a directory" in refusal(BASE | {"config": str(tmp_path)})
    assert "No such file" in refusal(BASE | {"config": str(tmp_path / "x")})


def test_variables_of_kubernetes_are_not_ours() -> None:
    """A service called sidecar makes these in every pod; they stop nobody."""
    names = ["SERVICE_HOST", "SERVICE_PORT", "SERVICE_PORT_HTTP", "PORT", "PORT_8000_TCP", "PORT_8000_TCP_ADDR"]
    assert load(BASE, {f"SIDECAR_{name}": "tcp://10.0.0.1:8000" for name in names}) == settings()


def test_an_empty_variable_counts_as_none() -> None:
    """As compose files leave them."""
    assert load(BASE, {"SIDECAR_LISTEN": "", "SIDECAR_TLS_CERT": ""}) == settings()


def test_the_join_token_is_read_and_never_shown(tmp_path: Path) -> None:
    """From a variable or a file; a repr, an error and the list of what was said have none of it."""
    file = tmp_path / "token"
    file.write_text(join_token() + "\n")
    for made in (load(BASE, {"SIDECAR_JOIN_TOKEN": join_token()}), settings(join_token_file=str(file))):
        assert made.join_token is not None
        assert made.join_token.secret == b"s" * 32
        assert join_token() not in repr(made) + repr(made.said)
    secret = "sgj1_" + "A" * 40
    assert secret not in refusal(BASE, {"SIDECAR_JOIN_TOKEN": secret})
    file.write_text(secret)
    assert secret not in refusal(BASE | {"join_token_file": str(file)})
    both = refusal(BASE | {"join_token_file": str(file)}, {"SIDECAR_JOIN_TOKEN": join_token()})
    assert "exclude each other" in both
    assert "'web', not 'orders'" in refusal(BASE, {"SIDECAR_JOIN_TOKEN": join_token("web")})


def test_a_token_file_that_is_gone_is_left_to_who_needs_it(tmp_path: Path) -> None:
    """A sidecar that has joined does well without; the reason is kept for the one that has not."""
    assert settings(join_token_file=str(tmp_path / "x")).unread_token.endswith("No such file or directory")
    empty = tmp_path / "empty"
    empty.write_text(" \n")
    assert settings(join_token_file=str(empty)).unread_token.endswith("is empty")
    empty.write_bytes(b"\xff")
    assert settings(join_token_file=str(empty)).unread_token.endswith("is not text")


@pytest.mark.parametrize(
    ("text", "seconds"), [("250ms", 0.25), ("10s", 10), ("5m", 300), ("2h", 7200), ("1d", 86400), ("1.5", 1.5)]
)
def test_durations(text: str, seconds: float) -> None:
    """With and without a unit."""
    assert duration_s(text) == seconds


@pytest.mark.parametrize(("text", "count"), [("1", 1), ("64k", 65536), ("10M", 10485760), ("1GiB", 2**30)])
def test_sizes(text: str, count: int) -> None:
    """With and without a unit."""
    assert size(text) == count


def test_addresses() -> None:
    """Host and port."""
    assert address("[::1]:8000") == ("::1", 8000)
    assert address("orders:0") == ("orders", 0)


@given(st.sampled_from([row.name for row in SETTINGS if not row.secret]), st.text(max_size=60))
def test_any_text_is_a_value_or_a_sentence(name: str, text: str) -> None:
    """No setting crashes on what somebody typed."""
    try:
        load(BASE | {name: text}, {})
    except SettingsError as error:
        assert str(error)
