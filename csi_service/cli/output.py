"""What commands print and write: whole files, and how far long work has come."""

import sys
import threading
from pathlib import Path
from types import TracebackType
from typing import Any, BinaryIO

import click

from csi_service.errors import FileRefusedError


def write_whole(content: bytes, path: Path | None) -> None:
    """Write to standard output, or to a file that appears whole or not at all."""
    if path is None:
        stdout: BinaryIO = click.get_binary_stream("stdout")
        stdout.write(content)
        return
    beside = path.with_name(f".{path.name}.part")
    try:
        beside.write_bytes(content)
        beside.replace(path)
    except OSError as error:
        beside.unlink(missing_ok=True)
        raise FileRefusedError(f"{path}: cannot be written ({error.strerror})") from error


class Progress:
    """A bar on standard error for each step of long work; silent where nobody watches."""

    def __init__(self) -> None:
        """Show nothing yet."""
        self._label = ""
        self._bar: Any = None
        self._shown = 0
        self._lock = threading.Lock()
        self._watched = sys.stderr.isatty()

    def __enter__(self) -> "Progress":
        """Begin."""
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """End the last bar."""
        self._end()

    def tell(self, label: str, share: float) -> None:
        """Show the share done (0..1) of a step; steps run one after the other."""
        if not self._watched:
            return
        with self._lock:
            if label != self._label:
                self._end()
                self._label, self._shown = label, 0
                self._bar = click.progressbar(length=100, label=label.ljust(18), file=sys.stderr, show_eta=False)
                self._bar.__enter__()
            done = round(share * 100)
            if done > self._shown:
                self._bar.update(done - self._shown)
                self._shown = done

    def _end(self) -> None:
        if self._bar is not None:
            self._bar.__exit__(None, None, None)
            self._bar = None
