from __future__ import annotations

import json
import secrets
from dataclasses import dataclass, replace
from datetime import timedelta
from typing import TYPE_CHECKING

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy import func, select

from msb_identity.envelopes.jwk import encode_base64url
from msb_identity.errors import EncodingRefused, KeyRefused, Refused, SignInRefused
from msb_identity.foundation.audit import Audit, AuditReader
from msb_identity.foundation.report import Report, Verdict
from msb_identity.pki.keys import KeyKind
from msb_identity.signin.bindings import BoundBy, CertificateBindings
from msb_identity.signin.certificates import CertificateSignIn
from msb_identity.signin.challenge import (
    Answer,
    Challenge,
    answer_challenge,
    challenges,
    signed_text,
)
from msb_identity.signin.desk import SignInDesk
from msb_identity.signin.subjects import PeopleDirectory, Subject
from msb_identity.sso.sessions import SubjectKind
from msb_identity.x509.revocation import RevocationPolicy
from tests.identity.authorities import NOW, Entity, crl_point, entity, purposes, trusting

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from pathlib import Path

    from sqlalchemy import MetaData

    from msb_identity.people import Person
    from msb_identity.x509 import Certificate
    from tests.databases import PreparedFiles
    from tests.identity.conftest import World

AUDIENCE, HERE = "https://id.example", "192.0.2.1"
ROOT = entity("root")
OFFICER = ROOT.issue("officer")
SM2_ROOT = entity("sm2 root", kind=KeyKind.SM2)
FIRM = SM2_ROOT.issue("firm", kind=KeyKind.SM2)
RSA_LEAF = ROOT.issue("rsa leaf", kind=KeyKind.RSA)
TRUST = trusting(ROOT, SM2_ROOT)


@dataclass
class Gate:
    """The service, and one person whose certificates are bound."""

    world: World
    service: CertificateSignIn
    person: Person

    def challenge(self, **changes: str) -> Challenge:
        wanted = {"audience": AUDIENCE, "purpose": "sign-in", "address": HERE} | changes
        return self.service.challenges.make(**wanted, now=NOW)

    def answer(self, who: Entity = OFFICER, challenge: Challenge | None = None) -> Answer:
        asked = challenge or self.challenge()
        return answer_challenge(
            asked, who.key, [who.certificate], audience=asked.audience, purpose=asked.purpose
        )

    def bind(self, who: Entity = OFFICER, by: BoundBy = BoundBy.CERTIFICATE) -> None:
        subject = Subject(self.person.id, SubjectKind.PERSON, self.person.level)
        self.service.bindings.bind(who.certificate, subject, by=by, now=NOW)

    def report(self, answer: Answer | str, *, after: timedelta = timedelta(0)) -> Report:
        text = answer if isinstance(answer, str) else answer.as_json()
        with pytest.raises(Refused) as refused:
            self.service.sign_in(text, address=HERE, now=NOW + after)
        return refused.value.report

    def code(self, answer: Answer | str, **more: timedelta) -> tuple[str, str]:
        step = self.report(answer, **more).decisive_step
        assert step is not None
        return step.id, step.code


@pytest.fixture
def prepared_url(
    tmp_path: Path, prepared_files: PreparedFiles, store_tables: Sequence[MetaData]
) -> str:
    """On SQLite alone: what depends on the database is in test_sign_in_races.py."""
    return prepared_files.new(tmp_path / "store.sqlite", *store_tables)


def service_of(world: World, **changes: object) -> CertificateSignIn:
    people = PeopleDirectory(world.store, world.protector, world.accounts)
    values: dict[str, object] = {"audience": AUDIENCE, "trust": TRUST, "directories": [people]}
    return CertificateSignIn(world.store, world.protector, **(values | changes))  # type: ignore[arg-type]


@pytest.fixture
def gate(world: World) -> Gate:
    made = Gate(world, service_of(world), world.register())
    made.bind()
    return made


@pytest.mark.parametrize("who", [OFFICER, FIRM, RSA_LEAF], ids=["P-256", "SM2", "RSA"])
def test_a_bound_certificate_signs_in_at_the_highest_level(gate: Gate, who: Entity) -> None:
    gate.bind(who)
    session = gate.service.sign_in(gate.answer(who).as_json(), address=HERE, device="UKey", now=NOW)
    assert (session.subject, session.acr) == (gate.person.id, "urn:msb:aal:3")
    assert (session.amr, session.device) == (("pop",), "UKey")
    history = SignInDesk(gate.world.store, gate.world.protector).history.page(gate.person.id)
    assert [(one.method, one.outcome) for one in history] == [("pop", "ok")]


def test_what_is_signed_is_six_lines_of_which_the_peer_chose_one(gate: Gate) -> None:
    asked = gate.challenge()
    answer = gate.answer(challenge=asked)
    text = signed_text(
        purpose="sign-in",
        audience=AUDIENCE,
        nonce=asked.nonce,
        client_nonce=answer.client_nonce,
        certificate=OFFICER.certificate,
    )
    assert text.decode().split("\n") == [
        "MSB-challenge-1",
        "sign-in",
        AUDIENCE,
        encode_base64url(asked.nonce),
        encode_base64url(answer.client_nonce),
        OFFICER.certificate.fingerprint,
    ]
    OFFICER.key.public.verify(text, answer.signature)


def test_a_challenge_is_answered_once(gate: Gate) -> None:
    answer = gate.answer()
    gate.service.sign_in(answer.as_json(), address=HERE, now=NOW)
    assert gate.code(answer) == ("challenge", "unknown")


def test_a_wrong_answer_uses_the_challenge_up(gate: Gate) -> None:
    answer = gate.answer()
    assert gate.code(replace(answer, client_nonce=secrets.token_bytes(32))) == (
        "signature-value",
        "bad-signature",
    )
    assert gate.code(answer) == ("challenge", "unknown")


@pytest.mark.parametrize(
    ("age", "good"), [(timedelta(seconds=119), True), (timedelta(minutes=2), False)]
)
def test_a_challenge_lives_two_minutes(gate: Gate, age: timedelta, good: bool) -> None:  # noqa: FBT001
    answer = gate.answer()
    if good:
        gate.service.sign_in(answer.as_json(), address=HERE, now=NOW + age)
    else:
        assert gate.code(answer, after=age) == ("challenge", "expired")


def test_an_answer_is_for_one_service_and_one_purpose(gate: Gate) -> None:
    elsewhere = gate.answer(challenge=gate.challenge(audience="https://evil.example"))
    assert gate.code(elsewhere) == ("challenge", "other-audience")
    confirming = gate.answer(challenge=gate.challenge(purpose="confirm:7"))
    assert gate.code(confirming) == ("challenge", "other-purpose")
    other = service_of(gate.world, audience="https://other.example")
    report = other.check_answer(gate.answer().as_json(), now=NOW)
    assert report.step("challenge").code == "other-audience"


def test_a_signature_for_one_audience_is_no_good_for_another_challenge(gate: Gate) -> None:
    """A relay that shows the client its own name gets a signature over its own name."""
    asked = gate.challenge()
    relayed = Challenge("sign-in", "https://evil.example", asked.nonce, asked.expires_at)
    assert gate.code(gate.answer(challenge=relayed)) == ("signature-value", "bad-signature")


def test_the_client_signs_nothing_for_a_service_that_it_is_not_talking_to(gate: Gate) -> None:
    asked = gate.challenge()
    for wanted, code in (
        ({"audience": "https://evil.example"}, "other-audience"),
        ({"audience": AUDIENCE, "purpose": "confirm"}, "other-purpose"),
    ):
        with pytest.raises(SignInRefused) as refused:
            answer_challenge(asked, OFFICER.key, [OFFICER.certificate], **wanted)
        assert refused.value.code == code
    with pytest.raises(KeyRefused):
        answer_challenge(asked, OFFICER.key, [FIRM.certificate], audience=AUDIENCE)


@pytest.mark.parametrize(
    ("purpose", "audience"),
    [
        ("sign-in\nhttps://id.example", "x"),
        ("sign-in", "https://id.example\nx"),
        ("sign-in", "https://id.example "),
        ("Sign-in", "x"),
        ("", "x"),
        ("sign-in", ""),
        ("sign-in", "https://身份.example"),
        ("x" * 101, "x"),
        ("x", "x" * 301),
    ],
)
def test_no_word_breaks_out_of_its_line(gate: Gate, purpose: str, audience: str) -> None:
    with pytest.raises(EncodingRefused):
        gate.challenge(purpose=purpose, audience=audience)
    with pytest.raises(EncodingRefused):
        Challenge.from_json(Challenge(purpose, audience, b"x" * 32, NOW).as_json())


def test_a_challenge_comes_to_the_client_as_it_was_made(gate: Gate) -> None:
    asked = gate.challenge()
    read = Challenge.from_json(asked.as_json())
    assert read == replace(asked, expires_at=asked.expires_at.replace(microsecond=0))
    for text in ("", "{}", "[]", '{"nonce": 1}', "\ud800", asked.as_json()[:-1]):
        with pytest.raises(EncodingRefused):
            Challenge.from_json(text)


def test_sm2_with_another_signers_id_is_refused(gate: Gate) -> None:
    gate.bind(FIRM)
    asked, nonce = gate.challenge(), secrets.token_bytes(32)
    text = signed_text(
        purpose="sign-in",
        audience=AUDIENCE,
        nonce=asked.nonce,
        client_nonce=nonce,
        certificate=FIRM.certificate,
    )
    signature = FIRM.key.sign(text, signer_id=b"another@example")
    answer = Answer(asked.nonce, nonce, (FIRM.certificate,), signature)
    assert gate.code(answer) == ("signature-value", "bad-signature")


def test_another_key_or_another_certificate_is_refused(gate: Gate) -> None:
    stranger = ROOT.issue("stranger")
    answer = gate.answer(stranger)
    as_officer = replace(answer, certificates=(OFFICER.certificate,))
    assert gate.code(as_officer) == ("signature-value", "bad-signature")
    # Two certificates over one key: the signature is for the one that stands in it.
    renewed = ROOT.issue("officer")
    shown = replace(gate.answer(renewed), certificates=(OFFICER.certificate,))
    assert gate.code(shown) == ("signature-value", "bad-signature")


def test_a_stranger_without_a_binding_is_refused(gate: Gate) -> None:
    assert gate.code(gate.answer(ROOT.issue("nobody"))) == ("account", "not-bound")


REVOKED = ROOT.issue("revoked", extensions=[crl_point("http://crl.example/a")])


@pytest.mark.parametrize(
    ("who", "step"),
    [
        (entity("self-made", ca=False), "chain"),
        (entity("forged", issuer=ROOT, signer=entity("mallory").key), "signature-value"),
        (ROOT.issue("old", until=NOW - timedelta(days=1)), "signer-certificate"),
        (ROOT.issue("early", from_=NOW + timedelta(days=1)), "signer-certificate"),
        (ROOT.issue("server", extensions=[purposes("server_auth")]), "signer-certificate"),
        (ROOT.issue("encrypts", usage={"key_encipherment"}), "signer-certificate"),
        (REVOKED, "revocation"),
    ],
    ids=lambda value: value if isinstance(value, str) else str(value.certificate.subject),
)
def test_a_certificate_that_is_not_good_is_refused_though_bound(
    gate: Gate, who: Entity, step: str
) -> None:
    gate.bind(who)
    assert gate.code(gate.answer(who))[0] == step


def test_a_revoked_certificate_is_refused(gate: Gate) -> None:
    from msb_identity.x509.crl import Revoked

    gate.bind(REVOKED)
    lists = ROOT.crl(
        (REVOKED.certificate.serial, Revoked(NOW - timedelta(hours=1), "key-compromise"))
    )
    for crls, expected in (((lists,), "revoked"), ((ROOT.crl(),), None)):
        gate.service = service_of(
            gate.world,
            trust=trusting(ROOT, crls=crls),
            revocation=RevocationPolicy.REQUIRE,
        )
        answer = gate.answer(REVOKED)
        if expected is None:
            gate.service.sign_in(answer.as_json(), address=HERE, now=NOW)
        else:
            assert gate.code(answer) == ("revocation", expected)


def test_a_ca_that_names_itself_like_another_signs_in_to_none_of_its_accounts(gate: Gate) -> None:
    """Issuer's name and serial number are public: any CA below the anchors could use them."""
    good, other = ROOT.issue("officers CA", ca=True), ROOT.issue("another CA", ca=True)
    officer = good.issue("bound officer", serial=4711)
    gate.bind(officer)
    twin = other.issue("officers CA", ca=True, key_name="twin")
    root_of_same_name = entity("root", key_name="another root").issue(
        "officers CA", ca=True, key_name="second twin"
    )
    for forger, above in ((twin, [other]), (root_of_same_name, []), (good, [])):
        forged = forger.issue("anybody", serial=4711, key_name="forger")
        shown = [one.certificate for one in (forged, forger, *above)]
        answer = answer_challenge(gate.challenge(), forged.key, shown, audience=AUDIENCE)
        with pytest.raises(Refused):
            gate.service.sign_in(answer.as_json(), address=HERE, now=NOW)
    shown = [officer.certificate, good.certificate]
    answer = answer_challenge(gate.challenge(), officer.key, shown, audience=AUDIENCE)
    gate.service.sign_in(answer.as_json(), address=HERE, now=NOW)


def test_what_becomes_of_a_binding_is_in_the_log_of_whose_it_was_and_is(gate: Gate) -> None:
    audit = Audit(gate.world.store, gate.world.protector, writer="test")
    bindings = CertificateBindings(gate.world.store, gate.world.protector, audit=audit)
    other = Subject("q" * 26, SubjectKind.PERSON, 1)
    bindings.bind(OFFICER.certificate, other, actor="officer", now=NOW)
    assert bindings.unbind(OFFICER.certificate, actor="officer", now=NOW)
    entries = AuditReader(gate.world.store, gate.world.protector).entries(actor=["officer"]).entries
    assert [entry.event for entry in reversed(entries)] == [
        "certificate.unbound",
        "certificate.bound",
        "certificate.unbound",
    ]
    theirs = AuditReader(gate.world.store, gate.world.protector).entries(subject=[gate.person.id])
    assert [entry.event for entry in theirs.entries] == ["certificate.unbound"]


def test_a_binding_by_key_follows_a_renewed_certificate_and_one_of_itself_does_not(
    gate: Gate,
) -> None:
    renewed = ROOT.issue("officer")
    assert gate.code(gate.answer(renewed)) == ("account", "not-bound")
    gate.bind(OFFICER, BoundBy.KEY)
    gate.service.sign_in(gate.answer(renewed).as_json(), address=HERE, now=NOW)
    assert gate.service.bindings.unbind(renewed.certificate)
    assert gate.code(gate.answer(renewed)) == ("account", "not-bound")
    gate.service.sign_in(gate.answer().as_json(), address=HERE, now=NOW)


def test_a_certificate_is_one_accounts(gate: Gate) -> None:
    other = gate.world.accounts.register(name="李四", mobile="13900139000", level=1, method="self")
    gate.service.bindings.bind(
        OFFICER.certificate, Subject(other.id, SubjectKind.PERSON, 1), now=NOW
    )
    session = gate.service.sign_in(gate.answer().as_json(), address=HERE, now=NOW)
    assert session.subject == other.id


def test_a_rule_of_the_application_finds_the_account_of_a_certificate_not_bound(
    gate: Gate,
) -> None:
    def numbers(number: str) -> Callable[[Certificate], tuple[SubjectKind, str] | None]:
        return lambda _: (SubjectKind.PERSON, number)

    who = ROOT.issue("by rule")
    gate.service = service_of(gate.world, rule=numbers(gate.world.number))
    session = gate.service.sign_in(gate.answer(who).as_json(), address=HERE, now=NOW)
    assert session.subject == gate.person.id
    for number in ("13900139000", "no number", ""):
        gate.service = service_of(gate.world, rule=numbers(number))
        assert gate.code(gate.answer(who)) == ("account", "not-bound")


def test_an_account_of_another_kind_or_none_is_refused(gate: Gate) -> None:
    gate.service = service_of(gate.world, directories=[])
    assert gate.code(gate.answer()) == ("account", "no-account")


MUTATIONS: dict[str, object] = {
    "nonce": "A" * 43,
    "client_nonce": "",
    "signature": "AAAA",
    "x5c": [],
    "more": 1,
}


@pytest.mark.parametrize("member", MUTATIONS)
def test_a_changed_member_is_refused(gate: Gate, member: str) -> None:
    members = json.loads(gate.answer().as_json())
    members[member] = MUTATIONS[member]
    assert gate.report(json.dumps(members)).verdict is Verdict.INVALID


@settings(max_examples=40, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(text=st.one_of(st.text(max_size=60), st.binary(max_size=60)))
def test_no_bytes_are_more_than_an_invalid_answer(gate: Gate, text: str | bytes) -> None:
    report = gate.service.check_answer(text, now=NOW)
    assert report.verdict is Verdict.INVALID
    assert report.step("format").code == "malformed"


def test_a_huge_answer_is_not_read(gate: Gate) -> None:
    assert gate.code('{"nonce":"' + "A" * 10**6 + '"}') == ("format", "malformed")


def test_a_certificate_makes_a_session_of_the_same_account_stronger_and_no_others(
    gate: Gate,
) -> None:
    desk = SignInDesk(gate.world.store, gate.world.protector)
    mine = desk.sessions.start(gate.person.id, level=3, acr="urn:msb:aal:1", amr=("sms",), now=NOW)
    other = desk.sessions.start("another", level=3, acr="urn:msb:aal:1", amr=("sms",), now=NOW)
    stronger = gate.service.sign_in(gate.answer().as_json(), address=HERE, session=mine, now=NOW)
    assert (stronger.sid, stronger.acr) == (mine.sid, "urn:msb:aal:3")
    assert stronger.amr == ("sms", "pop")
    with pytest.raises(SignInRefused) as refused:
        gate.service.sign_in(gate.answer().as_json(), address=HERE, session=other, now=NOW)
    assert refused.value.code == "other-subject"


def test_refused_certificates_are_limited_by_address_and_good_ones_are_not(gate: Gate) -> None:
    stranger = ROOT.issue("many")
    for _ in range(3):
        gate.service.sign_in(gate.answer().as_json(), address=HERE, now=NOW)
    for _ in range(60):
        gate.report("{}")
    with pytest.raises(SignInRefused) as refused:
        gate.service.sign_in(gate.answer(stranger).as_json(), address=HERE, now=NOW)
    assert refused.value.code == "too-many-tries"
    gate.service.sign_in(gate.answer().as_json(), address="192.0.2.9", now=NOW)


def test_challenges_nobody_answered_are_removed_and_their_number_is_limited(gate: Gate) -> None:
    for _ in range(300):
        gate.challenge()
    with pytest.raises(SignInRefused) as refused:
        gate.challenge()
    assert refused.value.code == "too-many-requests"
    for minute in range(7):
        later = NOW + timedelta(minutes=10 + 3 * minute)
        gate.service.challenges.make(audience=AUDIENCE, address="192.0.2.9", now=later)
    with gate.world.store.read() as connection:
        assert connection.scalar(select(func.count()).select_from(challenges)) == 1


def test_the_store_names_no_certificate_and_holds_no_nonce(gate: Gate) -> None:
    asked = gate.challenge()
    disk = gate.world.bytes_on_disk()
    assert asked.nonce not in disk
    assert OFFICER.certificate.issuer.encoded not in disk
    assert OFFICER.key.public.spki not in disk
