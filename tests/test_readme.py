"""What the READMEs say of the program is what the program does."""

import re

import pytest

from csi_service.facts.kinds import KINDS
from csi_service.settings import SETTINGS
from tests.make import ROOT

READMES = [ROOT / "README.md", ROOT / "README.zh-CN.md"]


@pytest.mark.parametrize("path", READMES, ids=lambda path: path.name)
def test_each_setting_has_its_row_with_its_default(path):
    rows = dict(re.findall(r"^\| `(CSI_\w+)` \| `?([^|`]*)`? \|", path.read_text(encoding="utf-8"), re.MULTILINE))
    assert {name: default.strip("- ") for name, default in rows.items()} == {s.name: s.default for s in SETTINGS}


@pytest.mark.parametrize("path", READMES, ids=lambda path: path.name)
def test_each_record_kind_has_its_row_with_its_fields(path):
    text = path.read_text(encoding="utf-8")
    for kind in KINDS.values():
        row = next(line for line in text.splitlines() if line.startswith(f"| {kind.name} |"))
        assert {field.name for field in kind.fields} <= set(re.findall(r"\w+", row)), kind.name


def test_both_languages_show_the_same_commands():
    def commands(path):
        blocks = re.findall(r"```\w*\n(.*?)```", path.read_text(encoding="utf-8"), re.DOTALL)
        return [re.sub(r"\s*#.*", "", block) for block in blocks]

    assert commands(READMES[0]) == commands(READMES[1])
