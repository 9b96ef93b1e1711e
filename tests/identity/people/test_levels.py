"""The scale is a province's own; nothing else counts levels."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING

import pytest

from msb_identity.errors import EncodingRefused, StoreError
from msb_identity.people import Accounts, default_scale, load_scale
from tests.identity.people.conftest import NOW, NUMBER, People

if TYPE_CHECKING:
    from pathlib import Path

OWN = """
format = 1
[[levels]]
number = 10
code = "junior"
zh = "初级"
en = "junior"
[[levels]]
number = 25
code = "senior"
zh = "高级"
en = "senior"
[methods.self]
level = 10
zh = "自行申报"
en = "own words"
[methods.counter]
level = 25
days = 30
zh = "窗口"
en = "counter"
"""


def scale_file(folder: Path, text: str) -> Path:
    path = folder / "levels.toml"
    path.write_text(text, encoding="utf-8")
    return path


def test_a_province_s_own_scale_is_what_counts(people: People, tmp_path: Path) -> None:
    scale = load_scale(scale_file(tmp_path, OWN))
    accounts = Accounts(people.store, people.protector, scale=scale)
    person = accounts.register(name="张三", identity_number=NUMBER, method="counter", now=NOW)
    assert (person.level, person.level_expires) == (25, NOW + timedelta(days=30))
    after = accounts.get(person.id, now=NOW + timedelta(days=30))
    assert after is not None
    assert after.level == scale.lowest == 10
    with pytest.raises(ValueError, match="level"):
        accounts.register(mobile="13800138000", method="face")


def test_evidence_of_a_level_that_is_gone_counts_as_the_one_below(tmp_path: Path) -> None:
    scale = load_scale(scale_file(tmp_path, OWN))
    assert [scale.level(number).number for number in (1, 10, 24, 25, 999)] == [10, 10, 10, 25, 25]


def test_a_method_earns_its_level_and_none_above_it() -> None:
    scale = default_scale()
    assert scale.evidence("counter", now=NOW).level == 4
    assert scale.evidence("counter", level=2, now=NOW).level == 2
    for method, level in (("self", 2), ("two-factor", 3), ("counter", 5), ("counter", 0)):
        with pytest.raises(ValueError, match="level"):
            scale.evidence(method, level=level)
    with pytest.raises(ValueError, match="source"):
        scale.evidence("counter", source="窗\n口")
    early = scale.evidence("face", expires=NOW + timedelta(1), now=NOW)
    assert early.holds(NOW)
    assert not early.holds(NOW + timedelta(1))


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("number = 25", "number = 10"),
        ("number = 25", "number = 5"),
        ("number = 25", "number = 0"),
        ("number = 25", 'number = "25"'),
        ('"senior"\nzh', '"junior"\nzh'),
        ("level = 25", "level = 24"),
        ("[methods.self]", "[methods.own]"),
        ("[methods.counter]", "[methods.Counter]"),
        ("level = 10", "level = 25"),
        ("days = 30", "days = 0"),
        ("format = 1", "format = 2"),
        ("format = 1", "format = 1\nmore = 1"),
        ('zh = "窗口"', 'zh = "窗\\u202e口"'),
        ("format = 1", "format = "),
    ],
)
def test_a_file_that_is_no_scale_is_refused(tmp_path: Path, old: str, new: str) -> None:
    assert old in OWN
    with pytest.raises(EncodingRefused, match=r"levels\.toml"):
        load_scale(scale_file(tmp_path, OWN.replace(old, new)))


def test_a_scale_that_cannot_be_read_is_refused(tmp_path: Path) -> None:
    with pytest.raises(StoreError):
        load_scale(tmp_path / "none.toml")
    with pytest.raises(StoreError, match="larger"):
        load_scale(scale_file(tmp_path, "#" * 200_000))
    (tmp_path / "b.toml").write_bytes(b"\xff\xfe")
    with pytest.raises(EncodingRefused):
        load_scale(tmp_path / "b.toml")
