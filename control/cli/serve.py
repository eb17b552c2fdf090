"""``control serve``: settings from flags, environment and file; then the composition root."""

import os
from typing import Annotated

import typer

from .failure import USAGE, Failure


def add_verbs(app: typer.Typer) -> None:
    """Adds this file's verb."""
    app.command()(serve)


def _flag(metavar: str, text: str, name: str | None = None) -> typer.models.OptionInfo:
    option: typer.models.OptionInfo = typer.Option(
        *([name] if name else []), metavar=metavar, help=text, show_default=False
    )
    return option


Text = str | None


def serve(
    http: Annotated[Text, _flag("HOST:PORT", "Admin API and issuer [127.0.0.1:7000].")] = None,
    push: Annotated[
        list[str] | None, _flag("HOST:PORT", "Where sidecars connect, or unix:/path; repeatable [127.0.0.1:7001].")
    ] = None,
    data: Annotated[Text, _flag("DIR", "Database and keys [./data].")] = None,
    database: Annotated[Text, _flag("URL", "PostgreSQL instead, which several controls may share.")] = None,
    public_url: Annotated[Text, _flag("URL", "The issuer's name [http://HTTP].")] = None,
    token_file: Annotated[Text, _flag("FILE", "File that holds the operator credential.")] = None,
    token_lifetime: Annotated[Text, _flag("DURATION", "How long an issued token lives [15m].")] = None,
    key_grace: Annotated[Text, _flag("DURATION", "How long a key that its provider dropped still counts [1h].")] = None,
    key_rotation: Annotated[Text, _flag("DURATION", "How long a signing key signs [off].")] = None,
    audit_kept: Annotated[Text, _flag("DURATION", "How long the audit trail goes back [forever].")] = None,
    dynamic_registration: Annotated[Text, _flag("on|off", "Whether clients may register themselves [off].")] = None,
    pages_dir: Annotated[Text, _flag("DIR", "Templates and style.css in the place of the pages' own.")] = None,
    canary_time: Annotated[Text, _flag("DURATION", "How long a canary is tried at the least [5m].")] = None,
    canary_requests: Annotated[Text, _flag("NUMBER", "How many requests it takes to promote one [100].")] = None,
    canary_error_margin: Annotated[Text, _flag("PERCENT", "How many more of its requests may fail [1%].")] = None,
    canary_denial_margin: Annotated[Text, _flag("PERCENT", "How many more of them may be denied [5%].")] = None,
    provider_networks: Annotated[
        Text, _flag("NETWORKS", "Private networks that providers' public names may lead to.")
    ] = None,
    master_key_file: Annotated[Text, _flag("FILE", "File that holds the master key of the private keys.")] = None,
    master_key_command: Annotated[Text, _flag("COMMAND", "Program, with arguments, that prints it.")] = None,
    master_key_previous_file: Annotated[Text, _flag("FILE", "File that holds the master key before.")] = None,
    master_key_previous_command: Annotated[Text, _flag("COMMAND", "Program that prints the one before.")] = None,
    log_level: Annotated[Text, _flag("LEVEL", "debug, info, warning, error [info].")] = None,
    config: Annotated[Text, _flag("FILE.toml", "Settings from a file.")] = None,
    token: Annotated[Text, typer.Option(hidden=True)] = None,
    master_key: Annotated[Text, typer.Option(hidden=True)] = None,
    master_key_previous: Annotated[Text, typer.Option(hidden=True)] = None,
) -> None:
    """Run control. Each flag is also a CONTROL_* variable and a key of the TOML file."""
    from control.settings import SettingsError, load

    if token is not None:
        raise Failure(
            "The operator credential is not taken from the command line, where every process list shows it. "
            "Set CONTROL_TOKEN or --token-file, and make a new credential: this one has been seen.",
            USAGE,
        )
    if master_key is not None or master_key_previous is not None:
        raise Failure(
            "A master key is not taken from the command line, where every process list shows it. Set "
            "CONTROL_MASTER_KEY, --master-key-file or --master-key-command, and make another key: this one was seen.",
            USAGE,
        )
    flags = {
        "http": http,
        "push": ",".join(push) if push else None,
        "data": data,
        "database": database,
        "public_url": public_url,
        "token_file": token_file,
        "token_lifetime": token_lifetime,
        "key_grace": key_grace,
        "key_rotation": key_rotation,
        "audit_kept": audit_kept,
        "dynamic_registration": dynamic_registration,
        "pages_dir": pages_dir,
        "canary_time": canary_time,
        "canary_requests": canary_requests,
        "canary_error_margin": canary_error_margin,
        "canary_denial_margin": canary_denial_margin,
        "provider_networks": provider_networks,
        "master_key_file": master_key_file,
        "master_key_command": master_key_command,
        "master_key_previous_file": master_key_previous_file,
        "master_key_previous_command": master_key_previous_command,
        "log_level": log_level,
        "config": config,
    }
    try:
        settings = load(flags, os.environ)
    except SettingsError as error:
        raise Failure(str(error), USAGE) from None
    from control.app import StartError, run

    try:
        run(settings)
    except StartError as error:
        raise Failure(str(error), error.exit_code) from None
