"""Settings of the service: one table, read from the environment once; nothing else reads the environment."""

import dataclasses
import os
import zoneinfo
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from csi_service.errors import SettingsError


@dataclasses.dataclass(frozen=True, slots=True)
class Settings:
    """The settings of one process."""

    weights: Path | None
    time_zone: zoneinfo.ZoneInfo
    max_body_bytes: int
    host: str
    port: int
    workers: int
    threads: int


@dataclasses.dataclass(frozen=True, slots=True)
class Setting:
    """One row of the table: the variable, its default as text, what it does, what is accepted, how its text is read."""

    name: str
    default: str
    help: str
    accepted: str
    parse: Callable[[str], Any]

    @property
    def field(self) -> str:
        """The field of `Settings`."""
        return self.name.removeprefix("CSI_").lower()


def _folder(text: str) -> Path | None:
    if not text:
        return None
    if not Path(text).is_dir():
        raise ValueError("no folder")
    return Path(text)


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
    return Setting(name, default, text, f"a whole number from {least} to {most}", _whole(least, most))


SETTINGS = (
    Setting(
        "CSI_WEIGHTS",
        "",
        "folder of the weights files; empty: those that come with the program",
        "a folder that exists",
        _folder,
    ),
    Setting(
        "CSI_TIME_ZONE",
        "Asia/Shanghai",
        "the centre's time zone, in which days are cut",
        "an IANA name such as Asia/Shanghai",
        _zone,
    ),
    _row("CSI_MAX_BODY_BYTES", "1048576", "largest request body; a larger one is answered with 413", 1024, 1 << 30),
    Setting("CSI_HOST", "127.0.0.1", "address to listen on; 0.0.0.0 for all", "a host name or an IP address", _host),
    _row("CSI_PORT", "8000", "port to listen on", 1, 65_535),
    _row("CSI_WORKERS", "2", "worker processes, about one a core", 1, 64),
    _row(
        "CSI_THREADS", "2", "requests that a worker takes at once; more of them help against slow clients only", 1, 64
    ),
)


def load_settings(environ: Mapping[str, str] | None = None) -> Settings:
    """Return the settings of an environment (the process's own by default); an empty variable means its default.

    Raises:
        SettingsError: names the variable, what was found and what is accepted.
    """
    found = os.environ if environ is None else environ
    values = {}
    for setting in SETTINGS:
        text = found.get(setting.name, "").strip() or setting.default
        try:
            values[setting.field] = setting.parse(text)
        except ValueError as error:
            raise SettingsError(f"{setting.name} is {text!r}; accepted is {setting.accepted}") from error
    return Settings(**values)


def environment(settings: Settings) -> dict[str, str]:
    """Return the process's environment with these settings in it, for a process that is to have the same ones."""
    texts = {setting.name: getattr(settings, setting.field) for setting in SETTINGS}
    return {**os.environ, **{name: "" if value is None else str(value) for name, value in texts.items()}}
