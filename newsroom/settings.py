"""Settings: one frozen dataclass from the environment and an optional file; every mistake is reported at once."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import MISSING, dataclass, field, fields
from ipaddress import ip_network
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

PREFIX = "NEWSROOM_"


class SettingsWrong(Exception):
    """Every mistake in the settings, one a line."""


def setting(help: str, default: Any = MISSING) -> Any:
    """A field with the sentence that the README's table and `--help` show."""
    return field(default=default, metadata={"help": help})


@dataclass(frozen=True, slots=True, kw_only=True)
class Settings:
    """What an installation sets. Each field is read from NEWSROOM_<NAME>."""

    database_url: str = setting("PostgreSQL 15 to 18, as a plain role. Empty: the embedded server is started.", "")
    owner_database_url: str = setting("The same database as the role that owns the tables; migrates. "
                                      "Empty: as database_url.", "")
    listen_database_url: str = setting("A direct connection for LISTEN, when database_url goes through a pooler. "
                                       "Empty: as database_url.", "")
    redis_url: str = setting("Redis or Valkey, for several processes. Empty: PostgreSQL rings the doorbell.", "")
    data: Path = setting("Folder for the embedded database and the secret key.", Path(".data"))
    host: str = setting("Address to listen on.", "127.0.0.1")
    port: int = setting("Port to listen on.", 8080)
    base_url: str = setting("The address people use, such as https://newsroom.gemeente.example. "
                            "Empty: http://HOST:PORT.", "")
    secret_key_file: Path | None = setting("File with the key that encrypts channel credentials and signs replies. "
                                           "Empty: DATA/secret.key, made at the first start.", None)
    trusted_proxies: tuple[str, ...] = setting("Addresses of proxies whose X-Forwarded-For is believed, "
                                               "with commas between.", ())
    frame_ancestors: tuple[str, ...] = setting("Sites that may show the public forms in a frame, "
                                               "with commas between.", ())
    outbound_networks: tuple[str, ...] = setting("Networks inside that webhooks may reach besides public addresses, "
                                                 "such as 10.20.0.0/16, with commas between.", ())
    organisation: str = setting("The municipality's name, on public pages.", "Voorbeeldstad")
    mail_url: str = setting("SMTP server for invitations and resets, smtp://user:password@host:port. "
                            "Empty: the link is shown to the administrator.", "")
    mail_from: str = setting("Sender of invitations and resets.", "")
    log_level: str = setting("debug, info, warning or error.", "info")

    @property
    def address(self) -> str:
        """The base URL without a slash at its end."""
        return self.base_url.rstrip("/") or f"http://{self.host}:{self.port}"


def load(environment: Mapping[str, str] | None = None, file: Path | None = None) -> Settings:
    """Settings from `environment` (default: the process's own) over those in `file` (NAME=value lines).

    NEWSROOM_SETTINGS names the file when `file` is not given. Raises `SettingsWrong` with every mistake.
    """
    environment = dict(os.environ if environment is None else environment)
    wrong: list[str] = []
    path = file or (Path(environment[PREFIX + "SETTINGS"]) if environment.get(PREFIX + "SETTINGS") else None)
    given = {**(_read_file(path, wrong) if path else {}), **environment}
    known = {PREFIX + f.name.upper(): f for f in fields(Settings)}
    for name in sorted(given):
        if name.startswith(PREFIX) and name not in known and name != PREFIX + "SETTINGS":
            wrong.append(f"{name}: this setting does not exist. Check the spelling.")
    values = {f.name: _read(name, given[name], f, wrong) for name, f in known.items() if given.get(name, "") != ""}
    settings = Settings(**{name: value for name, value in values.items() if value is not None})
    _check(settings, wrong)
    if wrong:
        raise SettingsWrong("\n".join(wrong))
    return settings


def asset_folder(name: str) -> Path:
    """`static` or `templates`: beside the package in a checkout, inside it in a wheel."""
    package = Path(__file__).resolve().parent
    inside = package / name
    return inside if inside.is_dir() else package.parent / name


def _read_file(path: Path, wrong: list[str]) -> dict[str, str]:
    try:
        lines = path.read_text(encoding="utf-8").splitlines()
    except (OSError, UnicodeDecodeError) as error:
        wrong.append(f"{PREFIX}SETTINGS: {path} cannot be read ({error}).")
        return {}
    found = {}
    for number, line in enumerate(lines, 1):
        name, equals, value = line.strip().partition("=")
        if not line.strip() or line.lstrip().startswith("#"):
            continue
        if not equals:
            wrong.append(f"{path}, line {number}: write NAME=value.")
        found[name.strip().removeprefix("export ")] = value.strip().strip("\"'")
    return found


def _read(name: str, text: str, f: Any, wrong: list[str]) -> Any:
    match f.type:
        case "int":
            if text.isdecimal() and 0 < int(text) < 65536:
                return int(text)
            wrong.append(f"{name}: {text!r} is not a port number. Give a number from 1 to 65535.")
        case "Path" | "Path | None":
            return Path(text)
        case "tuple[str, ...]":
            return tuple(part.strip() for part in text.split(",") if part.strip())
        case _:
            return text
    return None


def _check(settings: Settings, wrong: list[str]) -> None:
    schemes = {"database_url": ("postgresql", "postgres"), "owner_database_url": ("postgresql", "postgres"),
               "listen_database_url": ("postgresql", "postgres"), "redis_url": ("redis", "rediss", "unix"),
               "base_url": ("http", "https"), "mail_url": ("smtp", "smtps")}
    for name, allowed in schemes.items():
        value = getattr(settings, name)
        if value and urlsplit(value).scheme not in allowed:
            wrong.append(f"{PREFIX}{name.upper()}: begin with {allowed[0]}://.")
    for text in settings.outbound_networks:
        try:
            ip_network(text)
        except ValueError:
            wrong.append(f"{PREFIX}OUTBOUND_NETWORKS: {text!r} is not a network such as 10.20.0.0/16.")
    if settings.log_level not in ("debug", "info", "warning", "error"):
        wrong.append(f"{PREFIX}LOG_LEVEL: {settings.log_level!r} is not debug, info, warning or error.")
    if settings.secret_key_file and not settings.secret_key_file.is_file():
        wrong.append(f"{PREFIX}SECRET_KEY_FILE: {settings.secret_key_file} does not exist.")
    if settings.mail_url and not settings.mail_from:
        wrong.append(f"{PREFIX}MAIL_FROM: needed with {PREFIX}MAIL_URL.")
