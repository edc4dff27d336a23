"""Settings of the service: one table, read from the environment once; nothing else reads the environment."""

import dataclasses
import os
import re
import zoneinfo
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from csi_service.core.told import Told
from csi_service.errors import SettingsError
from csi_service.language import ENGLISH, LANGUAGES


@dataclasses.dataclass(frozen=True, slots=True)
class Settings:
    """The settings of one process."""

    data: Path
    database_url: str
    weights: Path | None
    samples: Path | None
    time_zone: zoneinfo.ZoneInfo
    max_body_bytes: int
    max_upload_bytes: int
    max_records_bytes: int
    unknown_calls: str
    undo_days: int
    host: str
    port: int
    workers: int
    threads: int
    log_format: str
    log_level: str
    language: str


@dataclasses.dataclass(frozen=True, slots=True)
class Setting:
    """One row of the table: the variable, its default as text, what it does, what is accepted, how its text is read."""

    name: str
    default: str
    help: str
    accepted: Told
    parse: Callable[[str], Any]
    secret: bool = False

    @property
    def field(self) -> str:
        """The field of `Settings`."""
        return self.name.removeprefix("CSI_").lower()

    def shown(self, settings: "Settings") -> str:
        """Return the setting's value as it may be shown: without a password."""
        value = getattr(settings, self.field)
        text = "" if value is None else str(value)
        return _without_password(text) if self.secret else text


def _folder(text: str) -> Path | None:
    if not text:
        return None
    if not Path(text).is_dir():
        raise ValueError("no folder")
    return Path(text)


def _database(text: str) -> str:
    if text and not text.startswith(("postgresql://", "postgresql+psycopg://")):
        raise ValueError("no address")
    return text


def _without_password(address: str) -> str:
    """An address whose password, wherever it may stand in one, is three stars."""
    address = re.sub(r"^([^:]+://[^:/@]*):.*@", r"\1:***@", address)
    return re.sub(r"([?&](?:password|sslpassword)=)[^&]*", r"\1***", address)


def _one_of(*accepted: str) -> Callable[[str], str]:
    def parse(text: str) -> str:
        if text not in accepted:
            raise ValueError("none of them")
        return text

    return parse


def _zone(text: str) -> zoneinfo.ZoneInfo:
    if text not in zoneinfo.available_timezones():
        raise ValueError("no zone")
    return zoneinfo.ZoneInfo(text)


def _host(text: str) -> str:
    if any(not (character.isalnum() or character in ".:-_") for character in text):
        raise ValueError("no host")
    return text


def _whole(least: int, most: int) -> Callable[[str], int]:
    def parse(text: str) -> int:
        if not (text.isascii() and text.isdigit() and len(text) <= len(str(most)) and least <= int(text) <= most):
            raise ValueError("out of range")
        return int(text)

    return parse


def _row(name: str, default: str, text: str, least: int, most: int) -> Setting:
    return Setting(
        name, default, text, Told("a whole number from {least} to {most}", least=least, most=most), _whole(least, most)
    )


SETTINGS = (
    Setting("CSI_DATA", "csi-data", "data folder; it is made where there is none", Told("the path of a folder"), Path),
    Setting(
        "CSI_DATABASE_URL",
        "",
        "address of a PostgreSQL database for the records; empty: SQLite in the data folder",
        Told("an address such as postgresql://user:password@host/database"),
        _database,
        secret=True,
    ),
    Setting(
        "CSI_WEIGHTS",
        "",
        "folder of the weights files; empty: those that come with the program",
        Told("a folder that exists"),
        _folder,
    ),
    Setting(
        "CSI_SAMPLES",
        "",
        "folder of documents that /docs links to and shows to everybody; empty: none",
        Told("a folder that exists"),
        _folder,
    ),
    Setting(
        "CSI_TIME_ZONE",
        "Asia/Shanghai",
        "the centre's time zone, in which days are cut",
        Told("an IANA name such as Asia/Shanghai"),
        _zone,
    ),
    _row("CSI_MAX_BODY_BYTES", "1048576", "largest request body; a larger one is answered with 413", 1024, 1 << 30),
    _row(
        "CSI_MAX_UPLOAD_BYTES", "2147483648", "largest form with files to import; it is kept on the disk", 1024, 1 << 50
    ),
    _row(
        "CSI_MAX_RECORDS_BYTES",
        "33554432",
        "largest request body where lists of records are taken; 10,000 of them need a few MiB",
        1024,
        1 << 30,
    ),
    Setting(
        "CSI_UNKNOWN_CALLS",
        "accept",
        "ratings and evaluations of calls that are not kept: accept them until the call arrives, or refuse them",
        Told("accept or refuse"),
        _one_of("accept", "refuse"),
    ),
    _row(
        "CSI_UNDO_DAYS",
        "90",
        "days for which an import can be undone; then what it has replaced is deleted at the next start or import",
        1,
        36_500,
    ),
    Setting(
        "CSI_HOST", "127.0.0.1", "address to listen on; 0.0.0.0 for all", Told("a host name or an IP address"), _host
    ),
    _row("CSI_PORT", "8000", "port to listen on", 1, 65_535),
    _row("CSI_WORKERS", "2", "worker processes, about one a core", 1, 64),
    _row("CSI_THREADS", "16", "requests that a worker takes at once; their writes share a commit", 1, 64),
    Setting(
        "CSI_LOG_FORMAT",
        "json",
        "json: the log on standard error is one JSON object a line; text: lines for people",
        Told("json or text"),
        _one_of("json", "text"),
    ),
    Setting(
        "CSI_LOG_LEVEL",
        "info",
        "the least that is logged; warning leaves out the line of each request",
        Told("info, warning or error"),
        _one_of("info", "warning", "error"),
    ),
    Setting(
        "CSI_LANGUAGE",
        ENGLISH,
        "language of what commands print for people, and of csi report; --lang goes before it",
        Told("en or zh"),
        _one_of(*LANGUAGES),
    ),
)


def load_language(environ: Mapping[str, str] | None = None) -> str:
    """Return the language that an environment sets; English where it sets none that there is, so as to tell so."""
    found = (os.environ if environ is None else environ).get("CSI_LANGUAGE", "").strip()
    return found if found in LANGUAGES else ENGLISH


def load_settings(environ: Mapping[str, str] | None = None) -> Settings:
    """Return the settings of an environment (the process's own by default); an empty variable means its default.

    Raises:
        SettingsError: names the variable, what was found and what is accepted.
    """
    found = os.environ if environ is None else environ
    values = {}
    for setting in SETTINGS:
        text = _text(setting, found)
        try:
            values[setting.field] = setting.parse(text)
        except ValueError as error:
            shown = Told("not usable") if setting.secret else repr(text)
            raise SettingsError(
                Told(
                    "{name} is {shown}; accepted is {accepted}",
                    name=setting.name,
                    shown=shown,
                    accepted=setting.accepted,
                )
            ) from error
    return Settings(**values)


def _text(setting: Setting, environ: Mapping[str, str]) -> str:
    """The setting's text; a secret may stand in a file that NAME_FILE names."""
    text = environ.get(setting.name, "").strip()
    file = environ.get(f"{setting.name}_FILE", "").strip() if setting.secret else ""
    if file and text:
        raise SettingsError(Told("{name} and {name}_FILE are both given; give one of them", name=setting.name))
    if file:
        try:
            text = Path(file).read_text(encoding="utf-8").strip()
        except OSError as error:
            raise SettingsError(
                Told(
                    "{name}_FILE names {file}, which cannot be read ({reason})",
                    name=setting.name,
                    file=file,
                    reason=error.strerror,
                )
            ) from error
    return text or setting.default


def environment(settings: Settings) -> dict[str, str]:
    """Return the process's environment with these settings in it, for a process that is to have the same ones."""
    texts = {setting.name: getattr(settings, setting.field) for setting in SETTINGS}
    kept = {name: text for name, text in os.environ.items() if name.removesuffix("_FILE") not in texts}
    return {**kept, **{name: "" if value is None else str(value) for name, value in texts.items()}}
