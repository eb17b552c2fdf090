"""Settings: what wins, what is refused, and with which sentence."""

from pathlib import Path

import pytest

from control.authority.key_source import KeySource
from control.settings import SETTINGS, Settings, SettingsError, load

TOKEN = "t" * 32


def test_defaults() -> None:
    """Without a word said, control serves on loopback and keeps its data in ./data."""
    assert load({}, {}) == Settings()
    assert Settings().http == "127.0.0.1:7000"
    assert Settings().push == ("127.0.0.1:7001",)


def test_a_flag_beats_a_variable_beats_the_file(tmp_path: Path) -> None:
    """Precedence is flag, variable, file."""
    file = tmp_path / "c.toml"
    file.write_text('http = "127.0.0.1:1"\ndata = "from-file"\ntoken_lifetime = "5m"\n')
    environ = {"CONTROL_HTTP": "127.0.0.1:2", "CONTROL_DATA": "from-variable"}
    settings = load({"http": "127.0.0.1:3", "config": str(file)}, environ)
    assert (settings.http, settings.data, settings.token_lifetime_s) == ("127.0.0.1:3", Path("from-variable"), 300)


def test_push_takes_several_places(tmp_path: Path) -> None:
    """Commas in text and lists in TOML name several push sockets, each once."""
    assert load({"push": "127.0.0.1:1, unix:/run/x,127.0.0.1:1"}, {}).push == ("127.0.0.1:1", "unix:/run/x")
    file = tmp_path / "c.toml"
    file.write_text('push = ["127.0.0.1:1", "unix:/run/x"]')
    assert load({"config": str(file)}, {}).push == ("127.0.0.1:1", "unix:/run/x")


def test_where_the_master_key_comes_from(tmp_path: Path) -> None:
    """Variable, file or command; a later layer wins whole; a command is words, in a list or in one text."""
    file = tmp_path / "c.toml"
    file.write_text('master_key_command = ["vault", "kv get", "-field=key"]\nmaster_key_previous = "old"\n')
    found = load({"config": str(file)}, {})
    assert found.master_key == KeySource("master_key_command", command=("vault", "kv get", "-field=key"))
    assert found.master_key_previous == KeySource("master_key_previous", text="old")
    found = load({"config": str(file), "master_key_file": "/run/key"}, {"CONTROL_MASTER_KEY": "new"})
    assert found.master_key == KeySource("master_key_file /run/key", file=Path("/run/key"))
    found = load({}, {"CONTROL_MASTER_KEY_COMMAND": "vault 'kv get' -field=key"})
    assert found.master_key == KeySource("master_key_command", command=("vault", "kv get", "-field=key"))
    assert "secret" not in repr(load({}, {"CONTROL_MASTER_KEY": "secret"}))


def test_how_often_keys_are_rotated() -> None:
    """By hand alone, unless a period is set."""
    assert load({}, {}).key_rotation_s == load({"key_rotation": "off"}, {}).key_rotation_s == 0
    assert load({"key_rotation": "30d"}, {}).key_rotation_s == 30 * 86_400
    assert load({}, {}).audit_kept_s == load({"audit_kept": "forever"}, {}).audit_kept_s == 0
    assert load({"audit_kept": "400d"}, {}).audit_kept_s == 400 * 86_400


def test_variables_of_others_are_left_alone() -> None:
    """CONTROL_URL is the client's and CONTROL_PORT is Kubernetes's: neither is an error."""
    assert load({}, {"CONTROL_URL": "http://x", "CONTROL_PORT": "tcp://10.0.0.1:7000"}) == Settings()


@pytest.mark.parametrize(
    ("flags", "environ", "says"),
    [
        ({"http": "7000"}, {}, "--http: '7000' is not HOST:PORT"),
        ({"http": "127.0.0.1:70000"}, {}, "--http"),
        ({"http": "unix:/x"}, {}, "--http"),
        ({}, {"CONTROL_PUSH": "unix:rel"}, "CONTROL_PUSH: 'unix:rel' needs an absolute path"),
        ({"push": ","}, {}, "--push: is empty"),
        ({"database": "mysql://h/d"}, {}, "--database: is not postgresql://USER@HOST/NAME"),
        ({"database": "postgresql://u:secret@h/d"}, {}, "--database: holds a password, which a list of processes"),
        ({"database": "postgresql://u@h/d?password=secret"}, {}, "--database: holds a password"),
        ({}, {"CONTROL_DATABASE": "postgresql://u:p@h:70000/d"}, "CONTROL_DATABASE: is not postgresql://"),
        ({"public_url": "control.test"}, {}, "--public-url"),
        ({"public_url": "http://x/?a"}, {}, "--public-url: takes no"),
        ({"public_url": "http://[::1"}, {}, "--public-url"),
        ({"token_lifetime": "soon"}, {}, "--token-lifetime: 'soon' is not a duration"),
        ({"token_lifetime": "2d"}, {}, "--token-lifetime"),
        ({"log_level": "loud"}, {}, "--log-level"),
        ({"key_rotation": "59m"}, {}, "--key-rotation: '59m' is neither off nor within 1h and 366d"),
        ({"key_rotation": "never"}, {}, "--key-rotation: 'never' is not a duration"),
        ({"audit_kept": "1h"}, {}, "--audit-kept: '1h' is neither forever nor within 1d and 36600d"),
        ({}, {"CONTROL_TOKEN": "short"}, "CONTROL_TOKEN: is 5 characters long and must be 32 or more"),
        ({}, {"CONTROL_TOKEN": "ü" * 40}, "CONTROL_TOKEN: may hold only"),
        ({}, {"CONTROL_TOKEN": TOKEN, "CONTROL_TOKEN_FILE": "x"}, "exclude each other"),
        ({"token_file": "/nowhere/at/all"}, {}, "token_file /nowhere/at/all: No such file"),
        ({"master_key_file": "a"}, {"CONTROL_MASTER_KEY_PREVIOUS_COMMAND": "'"}, "is no command"),
        ({}, {"CONTROL_MASTER_KEY": "a", "CONTROL_MASTER_KEY_FILE": "b"}, "master_key and master_key_file exclude"),
        ({}, {"CONTROL_MASTER_KEY_PREVIOUS": "a"}, "master_key_previous is of use beside a master_key alone"),
        ({"config": "/nowhere/at/all"}, {}, "--config /nowhere/at/all: No such file"),
    ],
)
def test_one_sentence_an_error(flags: dict[str, str], environ: dict[str, str], says: str) -> None:
    """Each mistake is named with where it was said."""
    with pytest.raises(SettingsError) as caught:
        load(flags, environ)
    assert says in str(caught.value)
    assert "\n" not in str(caught.value)


def test_an_unknown_key_of_the_file_is_named(tmp_path: Path) -> None:
    """A typo in the file is an error that names the key and the one that was probably meant."""
    file = tmp_path / "c.toml"
    file.write_text('htp = "127.0.0.1:1"')
    with pytest.raises(SettingsError, match=r"htp: there is no such setting; http\?"):
        load({"config": str(file)}, {})


def test_a_broken_file_is_one_sentence(tmp_path: Path) -> None:
    """TOML that is none says so."""
    file = tmp_path / "c.toml"
    file.write_text("http = ")
    with pytest.raises(SettingsError, match="not TOML"):
        load({"config": str(file)}, {})


def test_the_credential_from_a_file(tmp_path: Path) -> None:
    """The file's text is taken without the newline at its end, and a flag for the file beats the variable."""
    file = tmp_path / "token"
    file.write_text(TOKEN + "\n")
    assert load({"token_file": str(file)}, {"CONTROL_TOKEN": "u" * 32}).token == TOKEN


def test_no_error_and_no_repr_quotes_the_credential(tmp_path: Path) -> None:
    """A credential that is refused is not repeated, and one that is taken is not shown."""
    secret = "too short but secret"
    file = tmp_path / "token"
    file.write_text(secret)
    for environ in ({"CONTROL_TOKEN": secret}, {"CONTROL_TOKEN_FILE": str(file)}):
        with pytest.raises(SettingsError) as caught:
            load({}, environ)
        assert secret not in str(caught.value)
    assert TOKEN not in repr(load({}, {"CONTROL_TOKEN": TOKEN}))


def test_secrets_have_no_flag() -> None:
    """What is marked secret is no option of ``control serve`` that anyone is shown."""
    from typer.main import get_command

    from control.cli.verbs import app

    options = {param.name: param for param in get_command(app).commands["serve"].params}  # type: ignore[attr-defined]
    for setting in SETTINGS:
        assert (setting.name in options) is True
        assert getattr(options[setting.name], "hidden", False) is setting.secret
