"""What commands print and write: whole files, and how far long work has come."""

import contextlib
import contextvars
import os
import sys
import threading
from collections.abc import Iterator
from pathlib import Path
from types import TracebackType
from typing import Any

import click

from csi_service.cli.language import named
from csi_service.core.told import Told
from csi_service.errors import FileRefusedError
from csi_service.report.columns import padded


@contextlib.contextmanager
def whole(path: Path) -> Iterator[Path]:
    """Yield a path to write to; what was written appears at `path` when the block ends, or nothing changes there."""
    straight = path.exists() and not path.is_file()  # a pipe or a device is written to, never replaced
    target = path.resolve()
    beside = path if straight else target.with_name(f".{target.name}.{os.getpid()}.part")
    try:
        yield beside
        if not straight:
            beside.replace(target)
    except OSError as error:
        text = Told("{path}: cannot be written ({reason})", path=path, reason=error.strerror)
        raise FileRefusedError(text) from error
    finally:
        if not straight:
            with contextlib.suppress(OSError):
                beside.unlink()


def write_whole(content: bytes, path: Path | None) -> None:
    """Write to standard output, or to a file that appears whole or not at all."""
    if path is None:
        left = memoryview(content)
        while left:  # an unbuffered stream (PYTHONUNBUFFERED) may take a part only
            left = left[sys.stdout.buffer.write(left) :]
        sys.stdout.buffer.flush()
        return
    with whole(path) as beside:
        beside.write_bytes(content)


class Progress:
    """A bar on standard error for each step of long work; silent where nobody watches."""

    def __init__(self) -> None:
        """Show nothing yet."""
        self._label = ""
        self._bar: Any = None
        self._shown = 0
        self._lock = threading.Lock()
        self._watched = sys.stderr.isatty()
        self._context = contextvars.copy_context()  # steps are told by other threads too

    def __enter__(self) -> "Progress":
        """Begin."""
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """End the last bar."""
        self.end()

    def tell(self, label: str, share: float) -> None:
        """Show the share done (0..1) of a step; steps run one after the other."""
        if not self._watched:
            return
        with self._lock:
            if label != self._label:
                self.end()
                self._label, self._shown = label, 0
                shown = padded(self._context.run(named, label), 18)
                self._bar = click.progressbar(length=100, label=shown, file=sys.stderr, show_eta=False)
                self._bar.__enter__()
            done = round(share * 100)
            if done > self._shown:
                self._bar.update(done - self._shown)
                self._shown = done

    def end(self) -> None:
        """End the bar that is shown."""
        if self._bar is not None:
            self._bar.__exit__(None, None, None)
            self._bar = None
