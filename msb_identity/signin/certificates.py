"""Sign-in with a certificate (数字证书登录): an enterprise's, an officer's, or a person's own.

The answer to a challenge proves the key, `verify_chain` the certificate, and a binding made before
says whose account it is; or a rule of the application's finds the account by what the certificate
says of its subject. Steps: `format`, `challenge`, `algorithm`, `signature-value`, `account`; what
was found of the certificate stands in the report of its own that this one carries.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from typing import TYPE_CHECKING

from msb_identity.errors import (
    CertificateRefused,
    EncodingRefused,
    IdentifierRefused,
    KeyRefused,
    Refused,
    SignatureRefused,
    SignInRefused,
)
from msb_identity.foundation.clock import aware
from msb_identity.foundation.report import ReportBuilder, Verdict
from msb_identity.signin.bindings import CertificateBindings
from msb_identity.signin.challenge import SIGN_IN, Answer, Challenges, signed_text
from msb_identity.signin.desk import SignInDesk, Tried
from msb_identity.signin.limits import By, Limits, Policy, Rule, by_address
from msb_identity.signin.subjects import Origin
from msb_identity.sso.sessions import SubjectKind
from msb_identity.x509.certificate import Certificate
from msb_identity.x509.chain import verify_chain
from msb_identity.x509.purposes import Purpose
from msb_identity.x509.revocation import RevocationPolicy

if TYPE_CHECKING:
    from collections.abc import Iterable
    from datetime import datetime

    from msb_identity.foundation.protect import Protector
    from msb_identity.foundation.report import Report, Sentences
    from msb_identity.foundation.store import Store
    from msb_identity.signin.subjects import Directory, Subject
    from msb_identity.sso.sessions import NewSession, Session
    from msb_identity.x509.fetch import Fetcher
    from msb_identity.x509.trust import TrustStore

METHODS = ("pop",)
"""Proof of possession of a key (RFC 8176); say ("hwk",) where every key lies in a device."""
STEPS = ("format", "challenge", "algorithm", "signature-value", "account")
_TRIES = Policy(
    "certificate-try",
    (
        Rule(
            By.ADDRESS,
            60,
            timedelta(seconds=10),
            timedelta(minutes=10),
            window=timedelta(hours=1),
        ),
    ),
)
_TOO_MANY = (
    "too-many-tries",
    "证书登录失败次数过多，请稍后再试",
    "too many certificates were refused; try again later",
)

SubjectRule = Callable[[Certificate], tuple[SubjectKind, str] | None]
"""An application's own rule: a certificate's subject to a kind of account and a name there."""


class CertificateSignIn:
    """Turns the answer to a challenge into a session."""

    def __init__(
        self,
        store: Store,
        protector: Protector,
        *,
        audience: str,
        trust: TrustStore,
        directories: Iterable[Directory],
        revocation: RevocationPolicy = RevocationPolicy.IF_PUBLISHED,
        fetch: Fetcher | None = None,
        rule: SubjectRule | None = None,
        methods: tuple[str, ...] = METHODS,
        desk: SignInDesk | None = None,
    ) -> None:
        """Say whose certificates are accepted, for whom.

        audience: this service's own name, as for `Challenges.make`. directories: the kinds
        of accounts that may sign in so. rule: asked for a certificate that is not bound.
        """
        self.challenges = Challenges(store, protector)
        self._audience, self._trust = audience, trust
        self._directories, self._rule = {one.kind: one for one in directories}, rule
        self._revocation, self._fetch = revocation, fetch
        self._methods = methods
        self._desk = desk or SignInDesk(store, protector)
        self.bindings = CertificateBindings(store, protector, audit=self._desk.audit)
        self._store, self._limits = store, Limits(protector)

    def sign_in(
        self,
        answer: str | bytes,
        *,
        address: str,
        device: str = "",
        place: str = "",
        session: Session | None = None,
        now: datetime | None = None,
    ) -> NewSession:
        """Use up the challenge and begin a session, or make the one given stronger.

        answer: the JSON that the client sent. Refused, with the report, for any answer that does
        not hold; SignInRefused: `too-many-tries` with `retry_after`, `other-subject`.
        """
        moment, attempt = aware(now), by_address(address)
        with self._store.write(locks=self._limits.locks(attempt)) as connection:
            wait, counted = self._limits.ask(connection, _TRIES, attempt, moment)
        if wait:
            raise SignInRefused(*_TOO_MANY, retry_after=wait)
        report, subject = self._examine(answer, SIGN_IN, moment)
        origin = Origin(address, device, place)
        if subject is None or report.verdict is not Verdict.VALID:
            step = report.decisive_step
            owner = None if subject is None else subject.id
            code = step.code if step is not None else "refused"
            tried = Tried(self._methods[0], owner or "certificate", owner, origin)
            self._desk.write(tried, code, now=moment)
            raise Refused(report)
        with self._store.write(locks=self._limits.locks(attempt)) as connection:
            self._limits.give_back(connection, counted)
        return self._desk.admit(
            subject,
            methods=self._methods,
            origin=origin,
            session=session,
            still=lambda: self._owner(Answer.from_json(answer).certificate)[0] == subject,
            now=moment,
        )

    def check_answer(
        self, answer: str | bytes, *, purpose: str = SIGN_IN, now: datetime | None = None
    ) -> Report:
        """Use up the challenge and say what the answer proves; never raises on any bytes.

        For other purposes than signing in, as confirming one act. The report discloses the kind
        and the id of the account, and nothing personal.
        """
        return self._examine(answer, purpose, aware(now))[0]

    def _examine(
        self, text: str | bytes, purpose: str, now: datetime
    ) -> tuple[Report, Subject | None]:
        builder = ReportBuilder("challenge-answer", required=STEPS, sentences=SENTENCES)
        answer = _read(builder, text)
        # A certificate is looked at, and what it names asked, only for a challenge of ours.
        if answer is None or not self._use_up(builder, answer, purpose, now):
            return builder.conclude(), None
        if not self._check_signature(builder, answer, purpose):
            return builder.conclude(), None
        chain = verify_chain(
            answer.certificate,
            trust=self._trust,
            at=now,
            purpose=Purpose.LOGIN,
            revocation=self._revocation,
            intermediates=answer.certificates[1:],
            fetch=self._fetch,
        )
        builder.add_signature(chain)
        subject = self._check_account(builder, answer.certificate) if _holds(chain) else None
        return builder.conclude(), subject

    def _use_up(self, builder: ReportBuilder, answer: Answer, purpose: str, now: datetime) -> bool:
        code = self.challenges.use_up(
            answer.nonce, audience=self._audience, purpose=purpose, now=now
        )
        if code == "ok":
            builder.ok("challenge")
        else:
            builder.failed("challenge", code)
        return code == "ok"

    def _check_signature(self, builder: ReportBuilder, answer: Answer, purpose: str) -> bool:
        """Verify by the key's own algorithm; for SM2 with the ID that everybody signs with."""
        try:
            key = answer.certificate.key
        except KeyRefused as error:
            builder.unknown("algorithm", "unsupported", str(error))
            return False
        builder.ok("algorithm", detail=str(key.kind))
        signed = signed_text(
            purpose=purpose,
            audience=self._audience,
            nonce=answer.nonce,
            client_nonce=answer.client_nonce,
            certificate=answer.certificate,
        )
        try:
            key.verify(signed, answer.signature)
        except SignatureRefused as error:
            builder.failed("signature-value", "bad-signature", str(error))
            return False
        builder.ok("signature-value")
        return True

    def _check_account(self, builder: ReportBuilder, certificate: Certificate) -> Subject | None:
        subject, is_bound = self._owner(certificate)
        if subject is None:
            builder.failed("account", "no-account" if is_bound else "not-bound")
            return None
        builder.ok("account", "ok" if is_bound else "by-rule")
        builder.disclose("subject_kind", str(subject.kind))
        builder.disclose("subject", subject.id)
        return subject

    def _owner(self, certificate: Certificate) -> tuple[Subject | None, bool]:
        """Give whose certificate it is, and whether that is by a binding."""
        bound = self.bindings.find(certificate)
        found = self._get(*bound) if bound is not None else self._by_rule(certificate)
        return found, bound is not None

    def _get(self, kind: SubjectKind, subject_id: str) -> Subject | None:
        directory = self._directories.get(kind)
        return None if directory is None else directory.get(subject_id)

    def _by_rule(self, certificate: Certificate) -> Subject | None:
        named = self._rule(certificate) if self._rule is not None else None
        directory = self._directories.get(named[0]) if named is not None else None
        if named is None or directory is None:
            return None
        try:
            found = directory.find(named[1])
        except IdentifierRefused:
            return None
        return None if found is None else directory.get(found)


def _read(builder: ReportBuilder, text: str | bytes) -> Answer | None:
    try:
        answer = Answer.from_json(text)
    except (EncodingRefused, CertificateRefused) as error:
        builder.failed("format", "malformed", str(error))
        return None
    builder.ok("format")
    return answer


def _holds(report: Report) -> bool:
    return report.verdict is Verdict.VALID


SENTENCES: Sentences = {
    ("format", "ok"): ("应答格式正确", "the answer is well formed"),
    ("format", "malformed"): ("不是格式正确的应答", "this is not a well-formed answer"),
    ("challenge", "ok"): ("应答的是本系统的挑战", "it answers a challenge of ours"),
    ("challenge", "unknown"): (
        "挑战不存在或已使用",
        "there is no such challenge, or it was answered already",
    ),
    ("challenge", "expired"): ("挑战已过期", "the challenge has expired"),
    ("challenge", "other-audience"): (
        "挑战是为其他系统发出的",
        "the challenge was made for another service",
    ),
    ("challenge", "other-purpose"): (
        "挑战用于其他用途",
        "the challenge was made for another purpose",
    ),
    ("algorithm", "ok"): ("签名算法可接受", "the signature algorithm is one we accept"),
    ("algorithm", "unsupported"): (
        "不支持证书的密钥",
        "the certificate's key is of a kind that we do not have",
    ),
    ("signature-value", "ok"): ("签名有效", "the signature is good"),
    ("signature-value", "bad-signature"): (
        "签名无效：密钥不符、签名者ID不符或内容被改动",
        "the signature is wrong: another key, another signer's ID, or other content",
    ),
    ("account", "ok"): ("证书已绑定账号", "the certificate is bound to an account"),
    ("account", "by-rule"): (
        "按应用规则由证书主体找到账号",
        "the application's rule found the account by the certificate's subject",
    ),
    ("account", "not-bound"): ("证书未绑定账号", "the certificate is bound to no account"),
    ("account", "no-account"): (
        "证书绑定的账号不存在或不能这样登录",
        "the account that it is bound to is gone, or may not sign in so",
    ),
}
