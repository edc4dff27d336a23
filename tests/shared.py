"""Data sets that stay outside the repository: beside it, in ../shared/data."""

import os
from pathlib import Path

import pytest

from tests.make import ROOT


def shared_data(name: str) -> Path:
    """Return a file of ../shared/data; without that folder the test is left out, but fails where CI is set."""
    path = ROOT.parent / "shared" / "data" / name
    if path.is_file():
        return path
    text = f"left out: {path} is not there (the data sets of ../shared stay outside the repository)"
    if os.environ.get("CI"):
        pytest.fail(text)
    pytest.skip(text)
