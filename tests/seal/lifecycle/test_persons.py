"""Two persons are two: no spelling of one id passes for another's."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from msb_seal.errors import LifecycleRefused
from msb_seal.lifecycle import Act, LifeState
from tests.identity.authorities import NOW
from tests.seal.lifecycle.conftest import APPLICANT, KEEPER, change

if TYPE_CHECKING:
    from tests.seal.lifecycle.conftest import Kept

NO_IDS = (" {}", "{} ", "{}\u3000", "{}\u200b", "{}\u0435", "\uff55{}", "{}\u0301", "{}\u2f00")


def refusal(kept: Kept, record: str, act: Act, by: str) -> str:
    with pytest.raises(LifecycleRefused) as caught:
        change(kept, record, act, by)
    return caught.value.code


@pytest.mark.parametrize("form", NO_IDS)
def test_an_id_in_another_spelling_does_nothing(kept: Kept, form: str) -> None:
    applied = kept.applied().record
    assert refusal(kept, applied, Act.APPROVE, form.format(APPLICANT)) == "person"
    frozen = kept.freeze(kept.issued().record).record
    change(kept, frozen, Act.ASK_CANCEL, KEEPER)
    for act in (Act.THAW, Act.CANCEL):
        assert refusal(kept, frozen, act, form.format(KEEPER)) == "person"
    for named in ({"user": form.format("u-1")}, {"by": form.format("u-1")}):
        with pytest.raises(LifecycleRefused) as caught:
            kept.granted(frozen, **named)
        assert caught.value.code == "person"


def test_capitals_make_no_other_person(kept: Kept) -> None:
    record = kept.applied().record
    assert refusal(kept, record, Act.APPROVE, APPLICANT.upper()) == "same-person"
    frozen = kept.freeze(kept.issued().record).record
    change(kept, frozen, Act.ASK_VOID, KEEPER)
    for act in (Act.THAW, Act.VOID):
        assert refusal(kept, frozen, act, KEEPER.title()) == "same-person"
    with pytest.raises(LifecycleRefused) as caught:
        kept.granted(frozen, user="u1", by="U1")
    assert caught.value.code == "own-grant"
    assert change(kept, record, Act.WITHDRAW, APPLICANT.upper()).state is LifeState.WITHDRAWN


@pytest.mark.parametrize("name", ["张三", " 张 三 "])
def test_nobody_approves_under_the_applicant_s_name(kept: Kept, name: str) -> None:
    record = kept.applied(applicant_name=name).record
    assert refusal(kept, record, Act.APPROVE, "张三") == "same-person"
    approved = kept.registry.change(record, Act.APPROVE, by="张三丰", now=NOW)
    assert approved.state is LifeState.APPROVED
