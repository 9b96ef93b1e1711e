"""Licence types as data: a file that is wrong in any way is refused, never half used."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from msb_wallet.errors import TypeRefused
from msb_wallet.licences.model import ELEMENTS
from msb_wallet.licences.types import BUILTIN, builtin_labels, builtin_type, load_type
from tests.wallet.support_licences import TYPE_FILE

if TYPE_CHECKING:
    from pathlib import Path

FIELD = """
[[fields]]
key = "KZ_{0}"
name = "项{0}"
name_en = "field {0}"
kind = "text"
required = false
in_code = {1}
max_length = 10
"""


def load(folder: Path, text: str | bytes) -> None:
    path = folder / "type.toml"
    path.write_bytes(text.encode() if isinstance(text, str) else text)
    load_type(path)


def test_the_built_in_type_is_the_special_operation_certificate() -> None:
    type_ = builtin_type("special-operation")
    assert type_.code == "11100000000013338W032"
    assert type_.name == "建筑施工特种作业操作资格证"
    assert type_.holder_code_type == "111"
    assert [(field.key, field.kind) for field in type_.fields] == [
        ("KZ_CZLB", "choice"),
        ("KZ_CCLZRQ", "date"),
        ("KZ_BZ", "text"),
    ]
    assert [field.key for field in type_.fields if field.in_code] == ["KZ_CZLB"]
    assert builtin_labels()["KZ_CZLB"] == "操作类别"


def test_every_built_in_type_can_be_used() -> None:
    for name in BUILTIN:
        assert not {field.key for field in builtin_type(name).fields} & set(ELEMENTS)


def test_a_type_from_a_file_is_used(tmp_path: Path) -> None:
    path = tmp_path / "type.toml"
    path.write_text(TYPE_FILE, encoding="utf-8")
    assert [field.key for field in load_type(path).fields] == ["KZ_A", "KZ_B"]


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ('name = "测试证"', 'name = "测试证"\ncolour = "red"'),  # unknown member
        ('name = "甲"', 'name = "甲"\ncolour = "red"'),
        ('code = "11100000000013338W032"\n', ""),
        ('name = "测试证"\n', ""),
        ('name = "测试证"', 'name = ""'),
        ('name = "测试证"', 'name = "测试\\n证"'),
        ('name = "测试证"', 'name = "测试\u202e证"'),
        ('name = "测试证"', f'name = "{"测" * 61}"'),
        ('name = "测试证"', "name = 1"),
        ('"11100000000013338W032"', '"11100000000013338W0"'),
        ('"11100000000013338W032"', '"11100000000013338w032"'),
        ('"11100000000013338W032"', '"11100000000013338W03A"'),
        ('"11100000000013338W032"', '"11100000000013338W０32"'),
        ('"11100000000013338W032"', '"11100000000013338W032\\n"'),
        ('holder_code_type = "111"', 'holder_code_type = "001"'),
        ("max_validity_days = 400", "max_validity_days = 0"),
        ("max_validity_days = 400", "max_validity_days = 36601"),
        ("max_validity_days = 400", 'max_validity_days = "400"'),
        ("max_validity_days = 400", "max_validity_days = 400.0"),
        ("max_validity_days = 400", "max_validity_days = true"),
        ('choices = ["是", "否"]', ""),
        ('choices = ["是", "否"]', "choices = []"),
        ('choices = ["是", "否"]', 'choices = ["是", "是"]'),
        ('choices = ["是", "否"]', 'choices = ["是", ""]'),
        ('choices = ["是", "否"]', 'choices = ["是", " 否"]'),  # no cell could ever match it
        ('choices = ["是", "否"]', 'choices = ["是", "否\\u202e"]'),
        ('choices = ["是", "否"]', 'choices = ["是", "否"]\nmax_length = 0'),
        ('choices = ["是", "否"]', 'choices = ["是", "不是"]\nmax_length = 1'),
        ('choices = ["是", "否"]', "choices = [1]"),
        ('kind = "text"', 'kind = "text"\nchoices = ["是"]'),
        ('kind = "text"', 'kind = "number"'),
        ('key = "KZ_B"', 'key = "KZ_A"'),
        ('name = "乙"', 'name = "甲"'),
        ('name = "乙"', 'name = "KZ_A"'),
        ('name = "乙"', 'name = "证照编号"'),  # an element of the standard has that name
        ('name = "乙"', 'name = "ZZBH"'),
        ('name = "乙"', 'name = " 乙"'),  # a heading is read without spaces around it
        ('name = "乙"', 'name = "乙\\u0000"'),
        ('key = "KZ_B"', 'key = "ZZBH"'),
        ('key = "KZ_B"', 'key = "KZ_"'),
        ('key = "KZ_B"', 'key = "KZ_乙"'),
        ('key = "KZ_B"', 'key = "KZ_B\\n"'),
        ("max_length = 250", "max_length = 0"),
        ("max_length = 250", "max_length = 257"),  # in a code, where a field has 256 characters
        ("max_length = 250", "max_length = 501"),
        ("required = false", "required = 0"),
        ("in_code = true", 'in_code = "true"'),
        ('key = "KZ_A"', 'key = "KZ_A"\nkey = "KZ_C"'),
        ('code = "111', 'code "111'),  # not TOML
        ("[[fields]]", "[fields]"),
        ('name_en = "B"', ""),
    ],
)
def test_a_type_file_with_a_fault_is_refused(tmp_path: Path, old: str, new: str) -> None:
    assert old in TYPE_FILE
    with pytest.raises(TypeRefused):
        load(tmp_path, TYPE_FILE.replace(old, new, 1))


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"\xff\xfe",
        "name = '测试'".encode("gb18030"),
        b"\0" * 100,
        b"a = " + b"[" * 100_000,  # deeper than a reader can follow
        b"#" * 2_000_000,
        b"PK\x03\x04",
    ],
)
def test_a_file_of_something_else_is_refused(tmp_path: Path, content: bytes) -> None:
    with pytest.raises(TypeRefused):
        load(tmp_path, content)


def test_a_refusal_is_one_line_that_names_file_and_place(tmp_path: Path) -> None:
    with pytest.raises(TypeRefused) as caught:
        load(tmp_path, TYPE_FILE.replace('key = "KZ_B"', 'key = "B"'))
    text = str(caught.value)
    assert "type.toml" in text
    assert "fields.1.key" in text
    assert "\n" not in text
    assert "http" not in text


def test_a_type_has_at_most_thirty_fields_in_a_code(tmp_path: Path) -> None:
    head = TYPE_FILE[: TYPE_FILE.index("[[fields]]")]
    load(tmp_path, head + "".join(FIELD.format(i, "true") for i in range(30)))
    load(tmp_path, head + "".join(FIELD.format(i, "false") for i in range(64)))
    with pytest.raises(TypeRefused):
        load(tmp_path, head + "".join(FIELD.format(i, "true") for i in range(31)))
    with pytest.raises(TypeRefused):
        load(tmp_path, head + "".join(FIELD.format(i, "false") for i in range(65)))


@pytest.mark.parametrize("name", ["missing.toml", "", ".", "a\0b", "x" * 300, "type.toml/more"])
def test_a_file_that_cannot_be_read_is_refused(tmp_path: Path, name: str) -> None:
    (tmp_path / "type.toml").write_text(TYPE_FILE, encoding="utf-8")
    with pytest.raises(TypeRefused):
        load_type(tmp_path / name)


@pytest.mark.parametrize(
    "name",
    [
        "",
        "unknown",
        "special-operation.toml",
        "../types/special-operation",
        "./special-operation",
        "/etc/passwd",
        "special-operation\0",
        "special-operation\n",
        "SPECIAL-OPERATION",
        "special_operation",
    ],
)
def test_no_name_leads_out_of_the_built_in_types(name: str) -> None:
    with pytest.raises(TypeRefused):
        builtin_type(name)
