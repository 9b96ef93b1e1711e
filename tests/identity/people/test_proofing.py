"""Levels rise by evidence alone, and a register's bad answers raise nothing."""

from __future__ import annotations

import json
import threading
import time
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from datetime import timedelta
from functools import partial
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import TYPE_CHECKING, Any

import pytest

from msb_identity.errors import AccountRefused
from msb_identity.people import (
    Answer,
    Attestation,
    Claim,
    Finding,
    HttpRegister,
    Identifier,
    IdentifierKind,
)
from tests.identity.people.conftest import DAY, MOBILE, NOW, NUMBER, People

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from datetime import datetime

    from msb_identity.people import IdentityVerifier

NUMBER_ID = Identifier.of(IdentifierKind.IDENTITY_NUMBER, NUMBER)
KNOWN = {"张三": NUMBER}
MOBILE_OF_LATE = "13600136000"


@dataclass
class Fixed:
    """A verifier that answers the same to all, and counts."""

    finding: Finding = Finding.PASSED
    method: str = "two-factor"
    source: str = "人口库"
    expires: datetime | None = None
    asked: list[Claim] = field(default_factory=list)

    def check(self, claim: Claim, *, now: datetime) -> Answer:
        assert now.tzinfo is not None
        self.asked.append(claim)
        return Answer(self.finding, self.expires)


def code_of(call: Callable[[], object]) -> str:
    with pytest.raises(AccountRefused) as refused:
        call()
    return refused.value.code


def declared(people: People) -> str:
    return people.accounts.register(name="张三", identity_number=NUMBER, mobile=MOBILE, now=NOW).id


def test_a_yes_raises_the_level_proves_the_number_and_is_recorded(people: People) -> None:
    person_id = declared(people)
    assert people.proofing.level_of(person_id, now=NOW) == 1
    done = people.proofing.check(person_id, Fixed(), by="desk", now=NOW)
    assert (done.finding, done.person.level, done.person.level_method) == (
        Finding.PASSED,
        2,
        "two-factor",
    )
    assert done.person.verified_identity_number == NUMBER
    assert people.accounts.get(person_id, now=NOW) == done.person
    given = people.proofing.evidence_of(person_id)[-1]
    assert (given.level, given.method, given.source, given.time) == (2, "two-factor", "人口库", NOW)
    (entry,) = people.log("person.proofed")
    assert entry.details == {"method": "two-factor", "source": "人口库", "before": 1, "level": 2}


@pytest.mark.parametrize("finding", [Finding.FAILED, Finding.NOT_CHECKED])
def test_all_but_a_yes_changes_nothing_and_is_recorded(people: People, finding: Finding) -> None:
    person_id = declared(people)
    before = people.accounts.get(person_id, now=NOW)
    done = people.proofing.check(person_id, Fixed(finding), now=NOW)
    assert done.finding is finding
    assert done.person == before == people.accounts.get(person_id, now=NOW)
    assert [entry.outcome for entry in people.log("person.proofed")] == [str(finding)]


def test_a_level_holds_until_its_evidence_ends_and_the_lower_one_goes_on(people: People) -> None:
    person_id = declared(people)
    people.proofing.check(person_id, Fixed(), now=NOW)
    people.proofing.check(person_id, Fixed(method="face", expires=NOW + DAY), now=NOW)
    moments = (timedelta(0), DAY - timedelta(seconds=1), DAY, 1_000 * DAY)
    levels = [people.proofing.level_of(person_id, now=NOW + after) for after in moments]
    assert levels == [3, 3, 2, 2]
    people.proofing.check(person_id, Fixed(method="face", expires=NOW + 3 * DAY), now=NOW + DAY)
    assert people.proofing.level_of(person_id, now=NOW + 2 * DAY) == 3
    assert len(people.proofing.evidence_of(person_id)) == 3  # the older of one method is replaced


def test_a_name_and_a_number_come_in_with_a_yes_only(people: People) -> None:
    network = Identifier.of(IdentifierKind.NETWORK_ID, "A1b2C3d4E5f6G7h8I9j0")
    person_id = people.accounts.register(identifiers=[network], now=NOW).id
    given: dict[str, Any] = {"name": " 张三 ", "identifier": NUMBER_ID, "now": NOW}
    people.proofing.check(person_id, Fixed(Finding.FAILED), **given)
    unchanged = people.accounts.get(person_id, now=NOW)
    assert unchanged is not None
    assert (unchanged.name, unchanged.identity_number) == ("", None)
    verifier = Fixed()
    done = people.proofing.check(person_id, verifier, **given)
    assert (done.person.name, done.person.verified_identity_number) == ("张三", NUMBER)
    assert verifier.asked == [Claim("张三", NUMBER_ID)]
    assert NUMBER not in repr(verifier.asked)


def test_what_cannot_be_asked_is_refused_and_nobody_is_asked(people: People) -> None:
    person_id, verifier = declared(people), Fixed()
    check = people.proofing.check
    bare = people.accounts.register(mobile="13700137000", now=NOW).id
    mobile = Identifier.of(IdentifierKind.MOBILE, "13700137000")
    assert code_of(lambda: check("nobody", verifier)) == "no-account"
    assert code_of(lambda: check(person_id, verifier, name="李四")) == "another-name"
    assert code_of(lambda: check(bare, verifier, name="李四")) == "nothing-to-check"
    assert code_of(lambda: check(bare, verifier, identifier=mobile)) == "nothing-to-check"
    with pytest.raises(ValueError, match="method"):
        check(person_id, Fixed(method="rumour"))
    assert verifier.asked == []


def test_a_proven_number_of_another_leads_to_a_merge(people: People) -> None:
    zhang = people.zhang()
    late = people.accounts.register(name="张三", mobile="13700137000", now=NOW)
    with pytest.raises(AccountRefused) as refused:
        people.proofing.check(late.id, Fixed(), identifier=NUMBER_ID, now=NOW)
    assert (refused.value.code, refused.value.other) == ("held-by-another", zhang.id)
    assert people.proofing.level_of(late.id, now=NOW) == 1


def test_an_officer_s_word_is_an_officer_s(people: People) -> None:
    person_id = declared(people)
    seen = Attestation("政务服务大厅 3 号窗口")
    with pytest.raises(ValueError, match="by="):
        people.proofing.check(person_id, seen, now=NOW)
    assert people.proofing.check(person_id, seen, by="officer", now=NOW).person.level == 4


def test_guessing_numbers_or_names_soon_has_to_wait(people: People) -> None:
    person_id, verifier = declared(people), Fixed(Finding.FAILED)
    for _ in range(5):
        people.proofing.check(person_id, verifier, now=NOW)
    assert code_of(lambda: people.proofing.check(person_id, verifier, now=NOW)) == "too-many-checks"
    other = people.accounts.register(mobile="13700137000", now=NOW)
    assert len(verifier.asked) == 5
    people.proofing.check(person_id, verifier, now=NOW + timedelta(minutes=11))
    waiting = Fixed(Finding.NOT_CHECKED)
    for _ in range(10):  # a register that is down shuts nobody out
        people.proofing.check(other.id, waiting, identifier=_number_of_other(), now=NOW)
    assert len(waiting.asked) == 10


def test_what_was_not_checked_forgives_no_guess_before_it(people: People) -> None:
    """Nor does a yes: else one register, asked what it cannot answer, makes an oracle of all."""
    person_id, verifier = declared(people), Fixed(Finding.FAILED)
    own = people.accounts.register(name="李四", mobile="13700137000", now=NOW)
    passport = Identifier.of(IdentifierKind.PASSPORT, "CHN:E12345678")
    check, other = people.proofing.check, _number_of_other()
    for account in (person_id, own.id):
        for _ in range(5):
            for between in (Fixed(Finding.NOT_CHECKED), Fixed(Finding.PASSED)):
                taken = passport if account == own.id else Identifier.of(passport.kind, "D:C01X00")
                check(account, between, identifier=taken, now=NOW)
            check(account, verifier, identifier=other, now=NOW)
        again = code_of(partial(check, account, verifier, identifier=other, now=NOW))
        assert again == "too-many-checks"
    assert len(verifier.asked) == 10


def test_wrong_checks_of_somebody_s_number_hold_up_neither_him_nor_an_officer(
    people: People,
) -> None:
    owner, verifier, moment = declared(people), Fixed(Finding.FAILED), NOW
    for guess in range(40):
        thief = people.accounts.register(name="坏人", mobile=f"137{guess:08d}", now=NOW)
        with suppress(AccountRefused):
            people.proofing.check(thief.id, verifier, identifier=NUMBER_ID, now=moment)
        moment += timedelta(seconds=1)
    assert len(verifier.asked) < 30  # a crowd is slowed
    assert people.proofing.check(owner, Fixed(), now=moment).finding is Finding.PASSED
    late = people.accounts.register(name="张三", mobile=MOBILE_OF_LATE, now=NOW)
    seen = Attestation("政务服务大厅 3 号窗口")
    with pytest.raises(AccountRefused) as refused:  # asked, and found to be proven meanwhile
        people.proofing.check(late.id, seen, identifier=NUMBER_ID, by="officer", now=moment)
    assert refused.value.code == "held-by-another"


def _number_of_other() -> Identifier:
    return Identifier.of(IdentifierKind.IDENTITY_NUMBER, "440524188001010014")


class _Broken:
    method, source = "two-factor", "人口库"

    def __init__(self, answer: object) -> None:
        self.answer = answer

    def check(self, claim: Claim, *, now: datetime) -> Answer:  # noqa: ARG002 - the protocol's
        if isinstance(self.answer, Exception):
            raise self.answer
        return self.answer  # type: ignore[return-value]


NO_ANSWERS = (
    RuntimeError(f"no such person: {NUMBER}"),
    True,
    None,
    Answer("PASSED"),  # type: ignore[arg-type]
    Answer(Finding.PASSED, "tomorrow"),  # type: ignore[arg-type]
    Answer(Finding.PASSED, NOW.replace(tzinfo=None)),
)


def test_a_plug_in_that_breaks_raises_no_level(
    people: People, caplog: pytest.LogCaptureFixture
) -> None:
    person_id = declared(people)
    for answer in NO_ANSWERS:
        verifier: IdentityVerifier = _Broken(answer)
        done = people.proofing.check(person_id, verifier, now=NOW)
        assert done.finding is Finding.NOT_CHECKED, answer
    assert people.proofing.level_of(person_id, now=NOW) == 1
    assert NUMBER not in caplog.text


@contextmanager
def register(reply: Any) -> Iterator[tuple[str, list[dict[str, Any]]]]:  # noqa: ANN401 - Reply
    """A register of people on loopback; it gives its address and what it was asked."""
    asked: list[dict[str, Any]] = []

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            length = int(self.headers["Content-Length"])
            asked.append(json.loads(self.rfile.read(length)))
            reply(self, asked[-1])

        def log_message(self, *_: object) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.daemon_threads = True
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_port}/match", asked
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


def send(
    handler: BaseHTTPRequestHandler, body: bytes, *, status: int = 200, **headers: str
) -> None:
    handler.send_response(status)
    for name, value in headers.items():
        handler.send_header(name, value)
    handler.send_header("Content-Length", str(len(body)))
    handler.end_headers()
    handler.wfile.write(body)


def honest(handler: BaseHTTPRequestHandler, question: dict[str, Any]) -> None:
    match = KNOWN.get(question["name"]) == question["number"]
    send(handler, json.dumps({"query": question["query"], "match": match}).encode())


CLAIM = Claim("张三", NUMBER_ID)


def test_a_register_says_yes_and_no(people: People) -> None:
    with register(honest) as (url, asked):
        verifier = HttpRegister(url, source="人口库", valid_for=DAY)
        done = people.proofing.check(declared(people), verifier, now=NOW)
        assert (done.person.level, done.person.level_expires) == (2, NOW + DAY)
        other = Claim("李四", NUMBER_ID)
        assert verifier.check(other, now=NOW).finding is Finding.FAILED
    assert {*asked[0]} == {"query", "name", "number"}
    assert asked[0]["query"] != asked[1]["query"]


@pytest.mark.parametrize(
    "answer",
    [
        {"match": True},
        {"match": True, "query": "another"},
        {"match": "true", "query": "QUERY"},
        {"match": 1, "query": "QUERY"},
        {"match": None, "query": "QUERY"},
        {"match": True, "query": "QUERY", "name": "张三"},
        {"match": [True], "query": "QUERY"},
        [True],
        True,
        None,
    ],
)
def test_a_register_that_lies_has_not_checked(answer: object) -> None:
    def reply(handler: BaseHTTPRequestHandler, question: dict[str, Any]) -> None:
        send(handler, json.dumps(answer).replace("QUERY", question["query"]).encode())

    with register(reply) as (url, _):
        found = HttpRegister(url, source="人口库").check(CLAIM, now=NOW)
    assert found == Answer(Finding.NOT_CHECKED)


def _twice(handler: BaseHTTPRequestHandler, question: dict[str, Any]) -> None:
    send(handler, f'{{"query":"{question["query"]}","match":false,"match":true}}'.encode())


def _grows(handler: BaseHTTPRequestHandler, _: dict[str, Any]) -> None:
    handler.send_response(200)
    handler.end_headers()
    for _i in range(10_000):
        handler.wfile.write(b" " * 1_000)


def _redirects(handler: BaseHTTPRequestHandler, _: dict[str, Any]) -> None:
    send(handler, b"", status=307, Location="/elsewhere")


def _fails(handler: BaseHTTPRequestHandler, question: dict[str, Any]) -> None:
    body = json.dumps({"query": question["query"], "match": True}).encode()
    send(handler, body, status=500)


def _hangs(_: BaseHTTPRequestHandler, __: dict[str, Any]) -> None:
    time.sleep(0.6)


def _drips(handler: BaseHTTPRequestHandler, _: dict[str, Any]) -> None:
    handler.send_response(200)
    handler.send_header("Content-Length", "100")
    handler.end_headers()
    for _i in range(12):
        handler.wfile.write(b" ")
        time.sleep(0.1)


@pytest.mark.parametrize("reply", [_twice, _grows, _redirects, _fails, _hangs, _drips])
@pytest.mark.filterwarnings("ignore::pytest.PytestUnhandledThreadExceptionWarning")
def test_a_register_that_misbehaves_has_not_checked_and_holds_nobody_up(
    reply: Any,  # noqa: ANN401 - Reply
    capfd: pytest.CaptureFixture[str],
) -> None:
    with register(reply) as (url, asked):
        began = time.monotonic()
        verifier = HttpRegister(url, source="人口库", timeout=timedelta(milliseconds=300))
        assert verifier.check(CLAIM, now=NOW) == Answer(Finding.NOT_CHECKED)
        assert time.monotonic() - began < 5
    assert len(asked) == 1
    capfd.readouterr()  # what the server says of a reader who left


def test_nothing_is_asked_that_a_register_of_two_items_cannot_answer() -> None:
    passport = Identifier.of(IdentifierKind.PASSPORT, "CHN:E12345678")
    with register(honest) as (url, asked):
        verifier = HttpRegister(url, source="人口库")
        for claim in (Claim("", NUMBER_ID), Claim("张三", passport)):
            assert verifier.check(claim, now=NOW).finding is Finding.NOT_CHECKED
    assert asked == []
    verifier = HttpRegister(url, source="人口库")  # it is gone
    assert verifier.check(CLAIM, now=NOW).finding is Finding.NOT_CHECKED


@pytest.mark.parametrize("url", ["http://people.example/", "ftp://127.0.0.1/", "people", ""])
def test_names_and_numbers_go_over_no_plain_line(url: str) -> None:
    with pytest.raises(ValueError, match="https"):
        HttpRegister(url, source="人口库")
