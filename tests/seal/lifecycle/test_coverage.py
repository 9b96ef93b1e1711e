"""Who has the seals they should have, and the tables that say what that is."""

from __future__ import annotations

from contextlib import closing
from importlib import resources
from typing import TYPE_CHECKING

import pytest
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext

from msb_identity.foundation.store import Store
from msb_seal.errors import LifecycleRefused
from msb_seal.lifecycle import Act, Unit, default_codes, load_codes, metadata
from msb_seal.lifecycle import coverage as coverage_module
from msb_seal.lifecycle.coverage import (
    Coverage,
    Standing,
    coverage_page,
    coverage_pages,
)
from msb_seal.lifecycle.tables import LIFECYCLE
from msb_seal.seals.model import SealType
from tests.identity.authorities import DAY, NOW
from tests.seal.lifecycle.conftest import KEEPER, UNIT

if TYPE_CHECKING:
    from pathlib import Path

    from tests.seal.lifecycle.conftest import Kept

SECOND, THIRD = "11150600MB0000001E", "11150600MB0000002H"
TEXT = resources.files("msb_seal.lifecycle").joinpath("codes.toml").read_text()


def page(kept: Kept, types: tuple[int, ...] = (1,), **named: object) -> list[Coverage]:
    given = {"now": NOW, **named}
    return coverage_page(kept.store, kept.registry.units, types, **given)  # type: ignore[arg-type]


def standing(kept: Kept, **named: object) -> tuple[Standing, bool]:
    [found] = page(kept, (1,), **named)
    return found.standing, found.is_under_way


def test_a_unit_lacks_has_freezes_and_lets_lapse_its_seal(kept: Kept) -> None:
    assert standing(kept) == (Standing.LACKS, False)
    waiting = kept.applied().record
    assert standing(kept) == (Standing.LACKS, True)
    kept.registry.change(waiting, Act.REFUSE, by="a", reason="incomplete", now=NOW)
    assert standing(kept) == (Standing.LACKS, False)
    record = kept.issued()
    assert standing(kept) == (Standing.HAS, False)
    [found] = page(kept)
    assert (found.record, found.until) == (record.record, record.usable_until)
    for days, expected in ((139, Standing.HAS), (141, Standing.ENDING), (201, Standing.LAPSED)):
        assert standing(kept, now=NOW + days * DAY) == (expected, False)
    kept.freeze(record.record)
    assert standing(kept) == (Standing.FROZEN, False)
    # A second seal that is good decides.
    kept.issued()
    assert standing(kept) == (Standing.HAS, False)


def test_only_seals_of_the_type_count(kept: Kept) -> None:
    kept.issued(type=6)
    assert [row.standing for row in page(kept, (1, 6))] == [Standing.LACKS, Standing.HAS]


def test_units_come_in_pages_and_closed_ones_not_at_all(
    kept_on_each: Kept, monkeypatch: pytest.MonkeyPatch
) -> None:
    kept = kept_on_each
    for code in (THIRD, SECOND):
        kept.registry.units.register(Unit(code, "单位", "150600"), by=KEEPER, now=NOW)
    kept.issued()
    codes = [UNIT.code, SECOND, THIRD]
    first = page(kept, limit=2)
    rest = page(kept, after=first[-1].unit.code, limit=2)
    assert [row.unit.code for row in (*first, *rest)] == codes
    monkeypatch.setattr(coverage_module, "MAX_PAGE", 1)
    rows = coverage_pages(kept.store, kept.registry.units, (1,), now=NOW)
    assert [row.standing for row in rows] == [Standing.HAS, Standing.LACKS, Standing.LACKS]
    kept.registry.units.close(SECOND, by=KEEPER, now=NOW)
    assert [row.unit.code for row in page(kept)] == [UNIT.code, THIRD]
    for limit in (0, 1_001):
        with pytest.raises(ValueError, match="page"):
            page(kept, limit=limit)


def test_the_codes_that_come_with_the_package_name_every_type() -> None:
    codes = default_codes()
    assert {int(name) for name in codes.types} == {*SealType}
    assert codes.required_types == (1,)
    assert codes.state(next(iter(codes.states))).zh  # type: ignore[arg-type]


def test_a_platform_has_codes_of_its_own(kept: Kept, tmp_path: Path) -> None:
    path = tmp_path / "codes.toml"
    path.write_text(TEXT.replace('frozen = { code = "07"', 'frozen = { code = "ZT-2"'))
    kept.registry.codes = load_codes(path)
    record = kept.issued().record
    kept.freeze(record)
    assert '"code":"ZT-2"' in kept.registry.filings.of(record)[-1].content


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("format = 1", "format = 2"),
        ("format = 1", "format = 1\nmore = 1"),
        ('void = { code = "09"', 'gone = { code = "09"'),
        ('void = { code = "09", zh = "无效", en = "void" }', ""),
        ('code = "07"', 'code = "0 7"'),
        ('code = "07"', "code = 7"),
        ('zh = "停用", en = "frozen"', 'zh = " ", en = "frozen"'),
        ('acts = ["lose", "ask-cancel"]', 'acts = ["loose"]'),
        ('renewed = { code = "61"', 'renovated = { code = "61"'),
        ('acts = ["refuse"]', "acts = []"),
        ("99 = {", "x99 = {"),
        ("[purposes]", "[purpose]"),
        ("[states]", "[states"),
    ],
)
def test_a_table_of_codes_that_is_not_whole_is_refused(tmp_path: Path, old: str, new: str) -> None:
    assert old in TEXT
    path = tmp_path / "codes.toml"
    path.write_text(TEXT.replace(old, new))
    with pytest.raises(LifecycleRefused) as refusal:
        load_codes(path)
    assert refusal.value.code == "codes"
    assert "codes.toml" in refusal.value.en
    path.write_bytes(b"\xff")
    with pytest.raises(LifecycleRefused):
        load_codes(path)


def test_migrations_make_what_is_declared(store_url: str) -> None:
    def ours(_object: object, name: str | None, kind: str, *_: object) -> bool:
        return kind != "table" or name != LIFECYCLE.version_table

    with closing(Store.open(store_url, metadata)) as store, store.read() as connection:
        context = MigrationContext.configure(connection, opts={"include_object": ours})
        assert compare_metadata(context, metadata) == []
    revisions = LIFECYCLE.revisions()
    assert (revisions[0], revisions[-1]) == ("lifecycle_1", LIFECYCLE.newest)
