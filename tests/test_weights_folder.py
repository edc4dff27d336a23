"""The weights folder: names, a file that changes, files that cannot be read."""

import os

import pytest

from csi_service.errors import NotFoundError, WeightsError
from csi_service.weights_folder import WeightsFolder, shipped_folder
from tests.make import WEIGHTS


def test_the_shipped_sets_are_found():
    folder = WeightsFolder(shipped_folder())
    assert folder.names() == sorted(path.stem for path in WEIGHTS.glob("*.toml"))
    assert [weights.name for weights in folder.all()] == folder.names()


def test_a_changed_file_is_read_anew(tmp_path):
    text = (WEIGHTS / "default.toml").read_text(encoding="utf-8")
    path = tmp_path / "default.toml"
    path.write_text(text, encoding="utf-8")
    folder = WeightsFolder(tmp_path)
    first = folder.get("default")
    assert folder.get("default") is first
    path.write_text(text.replace('title = "Default"', 'title = "Changed"'), encoding="utf-8")
    os.utime(path, ns=(1, 1))
    assert (first.title, folder.get("default").title) == ("Default", "Changed")


def test_a_byte_order_mark_is_no_part_of_the_text(tmp_path):
    (tmp_path / "default.toml").write_bytes(b"\xef\xbb\xbf" + (WEIGHTS / "default.toml").read_bytes())
    assert WeightsFolder(tmp_path).get("default").digest == WeightsFolder(WEIGHTS).get("default").digest


def test_what_is_not_there_or_not_text_is_said(tmp_path):
    with pytest.raises(NotFoundError, match="there is no weights folder"):
        WeightsFolder(tmp_path / "none").names()
    with pytest.raises(NotFoundError, match=r"there are no weights '\.\./default'; there are none"):
        WeightsFolder(tmp_path).get("../default")
    (tmp_path / "odd.toml").write_bytes(b'title = "\xff"')
    with pytest.raises(WeightsError, match=r"odd\.toml: is not UTF-8 text"):
        WeightsFolder(tmp_path).get("odd")
