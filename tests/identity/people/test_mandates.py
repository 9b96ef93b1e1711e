"""Who may act for a firm: the representative by appointment, agents by mandates they accepted."""

from __future__ import annotations

from datetime import timedelta
from functools import partial
from typing import TYPE_CHECKING, Any

import pytest
from sqlalchemy import update

from msb_identity.errors import IdentifierRefused, MandateRefused
from msb_identity.people import Attestation, Identifier, IdentifierKind
from msb_identity.people.tables import evidence
from msb_identity.sso.basis import Ended, cut_off_name
from msb_identity.sso.cutoffs import CutOffs
from msb_identity.sso.sessions import Sessions, SubjectKind
from tests.identity.people.conftest import CREDIT_CODE, DAY, MOBILE, NOW, NUMBER, People

if TYPE_CHECKING:
    from collections.abc import Callable

    from msb_identity.people import Firm, Mandate, Person

APPLY = "licence.apply"


def code_of(call: Callable[[], object]) -> str:
    with pytest.raises(MandateRefused) as refused:
        call()
    return refused.value.code


def offer(people: People, firm: Firm, agent: Person, **more: Any) -> Mandate:  # noqa: ANN401
    given = {"scope": [APPLY], "valid_until": NOW + 30 * DAY, "now": NOW, **more}
    by = given.pop("by", firm.representative)
    return people.mandates.offer(firm.id, agent=agent.id, by=by, **given)


def is_cut(people: People, mandate_id: str) -> bool:
    _, cut = CutOffs(people.store).live(now=NOW)
    return cut_off_name(Ended.MANDATE, mandate_id) in cut


def test_a_firm_is_found_by_its_code_and_its_representative_acts(people: People) -> None:
    zhang = people.zhang()
    firm = people.firm(zhang.id)
    assert people.firms.by_credit_code(CREDIT_CODE.lower()) == firm == people.firms.get(firm.id)
    assert people.firms.of_representative(zhang.id) == [firm] == people.firms.page()
    acting = people.mandates.require(zhang.id, firm.id, scope="anything", now=NOW)
    assert (acting.id, acting.is_representative) == (firm.appointment, True)
    (entry,) = people.log("mandate.used")
    assert (entry.object_, entry.outcome) == (firm.appointment, "ok")
    assert entry.details == {"firm": firm.id, "scope": "anything"}


def test_a_firm_is_registered_once_and_by_a_proof(people: People) -> None:
    zhang = people.zhang()
    people.firm(zhang.id)
    assert code_of(lambda: people.firm(zhang.id)) == "firm-known"
    declared = people.accounts.register(name="王五", mobile="13700137000", now=NOW)
    given: dict[str, Any] = {"credit_code": "91110000600037341L", "method": "counter"}
    register = people.firms.register
    for person in (declared.id, "nobody"):
        assert (
            code_of(lambda person=person: register(name="甲", representative=person, **given))  # type: ignore[misc]
            == "representative"
        )
    assert code_of(lambda: register(name="\n", **given)) == "firm-name"
    with pytest.raises(ValueError, match="own words"):
        register(name="甲", credit_code="91110000600037341L", method="self")
    with pytest.raises(IdentifierRefused):
        register(name="甲", credit_code="91110000600037341M", method="counter")


def test_an_agent_acts_once_he_accepted_and_only_within_scope_and_period(people: People) -> None:
    firm, li = people.firm(people.zhang().id), people.li()
    given = offer(people, firm, li, scope=[APPLY, "seal.use"], valid_from=NOW + DAY)
    require = people.mandates.require

    def asked(moment: timedelta, scope: str = APPLY) -> str:
        return code_of(lambda: require(li.id, firm.id, scope=scope, now=NOW + moment))

    assert people.mandates.offers_to(li.id) == [given]
    assert asked(2 * DAY) == "not-accepted"
    accepted = people.mandates.accept(given.id, by=li.id, now=NOW)
    assert people.mandates.accept(given.id, by=li.id, now=NOW) == accepted
    assert asked(DAY - timedelta(seconds=1)) == "not-begun"
    assert require(li.id, firm.id, scope=APPLY, now=NOW + DAY) == accepted
    assert require(li.id, firm.id, scope="seal.use", now=NOW + 30 * DAY - timedelta(1)).id
    assert asked(2 * DAY, "seal.make") == "scope-not-given"
    assert asked(30 * DAY) == "expired"
    assert people.mandates.of_agent(li.id, now=NOW + DAY) == [accepted]
    assert people.mandates.of_agent(li.id, now=NOW) == []
    assert people.mandates.of_firm(firm.id) == [accepted]
    assert people.mandates.offers_to(li.id) == []
    outcomes = [entry.outcome for entry in people.log("mandate.used")]  # in the order of times
    assert outcomes == [
        "not-begun",
        "ok",
        "not-accepted",
        "scope-not-given",
        "ok",
        "expired",
    ]


def test_nobody_accepts_for_another(people: People) -> None:
    zhang, li = people.zhang(), people.li()
    given = offer(people, people.firm(zhang.id), li)
    for by in (zhang.id, "nobody"):
        assert code_of(lambda by=by: people.mandates.accept(given.id, by=by, now=NOW)) == (  # type: ignore[misc]
            "not-agent"
        )
    assert people.mandates.find(given.id) == given
    assert code_of(lambda: people.mandates.accept("none", by=li.id, now=NOW)) == "no-mandate"


def test_an_agent_gives_nothing_on(people: People) -> None:
    zhang, li = people.zhang(), people.li()
    firm = people.firm(zhang.id)
    people.mandates.accept(offer(people, firm, li).id, by=li.id, now=NOW)
    other = people.accounts.register(mobile="13700137000", now=NOW)
    assert code_of(lambda: offer(people, firm, other, by=li.id)) == "not-representative"


def test_a_withdrawal_holds_at_once_and_cuts_its_tokens_off(people: People) -> None:
    zhang, li = people.zhang(), people.li()
    firm = people.firm(zhang.id)
    given = offer(people, firm, li)
    people.mandates.accept(given.id, by=li.id, now=NOW)
    ended = people.mandates.withdraw(given.id, by=zhang.id, now=NOW)
    assert (ended.ended_at, ended.end_reason) == (NOW, "withdrawn")
    assert is_cut(people, given.id)
    assert people.mandates.withdraw(given.id, by=zhang.id, now=NOW + DAY) == ended
    require = people.mandates.require
    assert code_of(lambda: require(li.id, firm.id, scope=APPLY, now=NOW)) == "ended"
    assert code_of(lambda: people.mandates.accept(given.id, by=li.id, now=NOW)) == "ended"
    again = offer(people, firm, li)  # a new one is a new one
    people.mandates.accept(again.id, by=li.id, now=NOW)
    assert require(li.id, firm.id, scope=APPLY, now=NOW).id == again.id


def test_a_withdrawal_that_cannot_cut_off_is_none(
    people: People, monkeypatch: pytest.MonkeyPatch
) -> None:
    zhang, li = people.zhang(), people.li()
    firm = people.firm(zhang.id)
    given = people.mandates.accept(offer(people, firm, li).id, by=li.id, now=NOW)

    def fail(*_: object, **__: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(CutOffs, "end_mandate", fail)
    with pytest.raises(KeyboardInterrupt):
        people.mandates.withdraw(given.id, by=zhang.id, now=NOW)
    assert people.mandates.find(given.id) == given


def test_what_goes_on_under_one_mandate_is_not_ended_by_a_second(people: People) -> None:
    zhang, li = people.zhang(), people.li()
    firm, mandates = people.firm(zhang.id), people.mandates
    first = mandates.accept(offer(people, firm, li).id, by=li.id, now=NOW)
    longer = offer(people, firm, li, valid_until=NOW + 90 * DAY)
    mandates.accept(longer.id, by=li.id, now=NOW)
    assert mandates.require(li.id, firm.id, scope=APPLY, now=NOW).id == longer.id

    def under(mandate_id: str, person_id: str = li.id, scope: str = APPLY) -> Mandate:
        return mandates.require(person_id, firm.id, scope=scope, mandate_id=mandate_id, now=NOW)

    assert under(first.id) == first
    assert code_of(lambda: under(first.id, scope="seal.use")) == "scope-not-given"
    assert code_of(lambda: under(first.id, person_id=zhang.id)) == "no-mandate"
    assert code_of(lambda: under(firm.appointment or "")) == "no-mandate"
    mandates.withdraw(first.id, by=zhang.id, now=NOW)
    assert code_of(lambda: under(first.id)) == "ended"
    assert under(longer.id).id == longer.id


def test_who_ends_a_mandate_is_a_party_to_it(people: People) -> None:
    zhang, li = people.zhang(), people.li()
    firm = people.firm(zhang.id)
    accepted = people.mandates.accept(offer(people, firm, li).id, by=li.id, now=NOW)
    other = people.accounts.register(mobile="13700137000", now=NOW)
    withdraw = people.mandates.withdraw
    assert code_of(lambda: withdraw(accepted.id, by=other.id, now=NOW)) == "not-yours"
    assert withdraw(accepted.id, by=li.id, now=NOW).end_reason == "given-up"
    assert withdraw(offer(people, firm, li).id, by=li.id, now=NOW).end_reason == "declined"
    events = {f"mandate.{name}" for name in ("offered", "accepted", "given-up", "declined")}
    assert all(people.log(event) for event in events)


def test_a_new_representative_ends_what_the_old_one_alone_could_do(people: People) -> None:
    zhang, li = people.zhang(), people.li()
    firm = people.firm(zhang.id)
    wang = people.accounts.register(name="王五", mobile="13700137000", method="counter", now=NOW)
    kept = people.mandates.accept(offer(people, firm, wang).id, by=wang.id, now=NOW)
    waiting = offer(people, firm, wang)
    changed = people.firms.change_representative(firm.id, li.id, method="counter", by="o", now=NOW)
    assert firm.appointment is not None
    assert changed.appointment not in (None, firm.appointment)
    assert is_cut(people, firm.appointment)
    require = people.mandates.require
    assert code_of(lambda: require(zhang.id, firm.id, scope=APPLY, now=NOW)) == "no-mandate"
    assert code_of(lambda: offer(people, firm, wang)) == "not-representative"
    assert code_of(lambda: people.mandates.accept(waiting.id, by=wang.id, now=NOW)) == "ended"
    assert require(li.id, firm.id, scope=APPLY, now=NOW).id == changed.appointment
    assert require(wang.id, firm.id, scope=APPLY, now=NOW) == kept
    assert people.mandates.withdraw(kept.id, by=li.id, now=NOW).end_reason == "withdrawn"


def test_a_closed_firm_is_signed_in_no_more(people: People) -> None:
    firm, sessions = people.firm(people.zhang().id), Sessions(people.store)
    own = sessions.start(
        firm.id,
        level=0,
        acr="urn:msb:aal:3",
        amr=("pop",),
        subject_kind=SubjectKind.FIRM,
        now=NOW,
    )
    people.firms.close(firm.id, by="officer", now=NOW)
    assert not sessions.is_live(own.sid, NOW)
    (entry,) = people.log("session.ended")
    assert (entry.object_, entry.outcome) == (own.sid, "ok")


def test_a_representative_whose_evidence_has_ended_offers_nothing(people: People) -> None:
    zhang, li = people.accounts.register(name="张三", mobile=MOBILE, now=NOW), people.li()
    seen = Attestation("政务服务大厅")
    number = Identifier.of(IdentifierKind.IDENTITY_NUMBER, NUMBER)
    people.proofing.check(zhang.id, seen, identifier=number, by="officer", now=NOW)
    firm = people.firm(zhang.id)
    people.accounts.unlink(zhang.id, number, now=NOW)
    assert code_of(lambda: offer(people, firm, li)) == "level"


def test_nobody_acts_for_a_closed_firm(people: People) -> None:
    zhang, li = people.zhang(), people.li()
    firm = people.firm(zhang.id)
    given = offer(people, firm, li)
    assert people.firms.close(firm.id, by="officer", now=NOW).closed_at == NOW
    mandates = people.mandates
    for call in (
        lambda: mandates.require(zhang.id, firm.id, scope=APPLY, now=NOW),
        lambda: mandates.accept(given.id, by=li.id, now=NOW),
        lambda: offer(people, firm, li),
        lambda: people.firms.close(firm.id, now=NOW),
    ):
        assert code_of(call) == "firm-closed"
    _, cut = CutOffs(people.store).live(now=NOW)
    assert cut_off_name(Ended.SUBJECT, firm.id) in cut
    assert people.firms.of_representative(zhang.id) == []


def test_whoever_only_declares_who_he_is_acts_for_nobody(people: People) -> None:
    zhang, li = people.zhang(), people.li()
    firm = people.firm(zhang.id)
    given = offer(people, firm, li)
    with people.store.write() as connection:
        connection.execute(update(evidence).values(expires_at=int(NOW.timestamp())))
    assert code_of(lambda: people.mandates.accept(given.id, by=li.id, now=NOW)) == "level"
    require = people.mandates.require
    assert code_of(lambda: require(zhang.id, firm.id, scope=APPLY, now=NOW)) == "level"


NO_MANDATES: dict[str, list[dict[str, Any]]] = {
    "scope": [
        {"scope": []},
        {"scope": "apply"},
        {"scope": ["*"]},
        {"scope": ["a b"]},
        {"scope": ["申请"]},
        {"scope": [f"a{i}" for i in range(31)]},
        {"scope": ["a" * 1_001]},
    ],
    "period": [
        {"valid_until": NOW},
        {"valid_from": NOW + DAY, "valid_until": NOW + DAY},
    ],
}


def test_what_is_no_mandate_is_refused(people: People) -> None:
    zhang, li = people.zhang(), people.li()
    firm = people.firm(zhang.id)
    for code, wrong in NO_MANDATES.items():
        for given in wrong:
            assert code_of(partial(offer, people, firm, li, **given)) == code, given
    assert people.mandates.of_firm(firm.id) == []


def test_strangers_to_a_firm_have_no_mandate(people: People) -> None:
    zhang, li = people.zhang(), people.li()
    firm = people.firm(zhang.id)
    require = people.mandates.require
    assert code_of(lambda: require(li.id, firm.id, scope=APPLY, now=NOW)) == "no-mandate"
    assert code_of(lambda: require("nobody", firm.id, scope=APPLY, now=NOW)) == "no-mandate"
    assert code_of(lambda: require(li.id, "none", scope=APPLY, now=NOW)) == "no-firm"
    assert code_of(lambda: require(li.id, firm.id, scope="110105 …", now=NOW)) == "scope"
    assert code_of(lambda: offer(people, firm, zhang, by="nobody")) == "not-representative"
