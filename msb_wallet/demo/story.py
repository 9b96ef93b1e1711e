"""The story: sign in, issue, show, scan, revoke, refused. Told in Chinese and English.

Nothing in it is a stand-in: real keys, the final formats, a store in the output folder. Only the
telephone is played: the text message goes to the console, and the demo reads it there as the person
would. What is written to disk holds no personal data in clear, but for the licence's face, which is
the holder's own.
"""

from __future__ import annotations

import io
import logging
import re
import shutil
import sqlite3
import time
from contextlib import closing, contextmanager
from dataclasses import dataclass, field
from importlib import resources
from typing import TYPE_CHECKING

from msb_identity.envelopes.keyfiles import ensure_signing_key
from msb_identity.foundation.audit import AuditReader, check_audit, make_checkpoint
from msb_identity.foundation.commands import CommandError, write_out
from msb_identity.foundation.files import write_whole
from msb_identity.foundation.protect import mask_name, mask_number
from msb_identity.foundation.report import MARKS, VERDICT_SENTENCES
from msb_identity.foundation.store import Store
from msb_identity.people.accounts import Accounts
from msb_identity.pki.keys import KeyKind
from msb_identity.signin.sms import ConsoleSender, SmsSignIn
from msb_identity.sso.sessions import Sessions
from msb_identity.sso.tokens import TokenIssuer, TokenVerifier, VerifiedToken
from msb_wallet.cards.pack import CardPack
from msb_wallet.codes.present import show_offline
from msb_wallet.codes.qr import draw_png, draw_svg
from msb_wallet.demo.certificates import certify
from msb_wallet.demo.page import Page
from msb_wallet.demo.papers import PaperDesk, preview, write_reports
from msb_wallet.demo.portals import SingleSignOn
from msb_wallet.demo.sealing import (
    SealingDesk,
    open_printed,
    tampered,
    write_pictures,
)
from msb_wallet.demo.sizes import code_sizes
from msb_wallet.folder import CONFIGURATION_FILE, STORE_FILE, DataFolder
from msb_wallet.licences.rows import read_rows
from msb_wallet.licences.status import Reason
from msb_wallet.licences.store import Status
from msb_wallet.scan.verifier import Verifier

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from msb_identity.foundation.report import Report, Verdict
    from msb_seal.ofd.package import OfdPackage
    from msb_wallet.licences.identifier import LicenceIdentifier
    from msb_wallet.licences.issue import Issued, Issuer, RowResult

MARK = ".msb-demo"
TYPE = "special-operation"
FACE_FILE, FORGED_FILE = "licence.ofd", "licence-forged.ofd"
_FIRST_PAPER = 7  # the pictures before it: codes, the seal, the OFD
_NAME, _NUMBER, _MOBILE = "张三", "11010519491231002X", "13800138000"
_SIGN_IN, _WALLET = "https://id.example", "msb-wallet"
_log = logging.getLogger("msb_wallet.demo")


class _Telephone(ConsoleSender):
    """The person's telephone in this demo: shows each message on the console and keeps the last."""

    def __init__(self) -> None:
        self.last = ""

    def send(self, mobile: str, text: str) -> None:
        super().send(mobile, text)
        self.last = text

    def code(self) -> str:
        """Read the code in the last message."""
        code = re.search(r"\b\d{6}\b", self.last)
        if code is None:
            raise CommandError("没有收到短信", "no text message came")
        return code.group()


@dataclass
class _Story:
    """Who takes part, and the page that the story is written on."""

    out: Path
    folder: DataFolder
    page: Page
    faults: list[str] = field(default_factory=list)

    def say(self, zh: str, en: str) -> None:
        """Tell one sentence, on the terminal and on the page."""
        write_out(f"  {zh}\n  {en}")
        self.page.say(zh, en)

    def chapter(self, zh: str, en: str) -> None:
        """Begin a chapter."""
        write_out(f"\n■ {zh} / {en}")
        self.page.chapter(zh, en)
        _log.info("chapter: %s", en)

    def picture(self, name: str, text: str, zh: str, en: str) -> Path:
        """Draw a code as PNG and SVG and put it on the page."""
        path = self.out / f"{name}.png"
        write_whole(path, draw_png(text))
        write_whole(self.out / f"{name}.svg", draw_svg(text))
        self.page.picture(path.name, f"{zh} · {len(text)}", f"{en} · {len(text)} characters")
        return path

    def scan(self, verifier: Verifier, picture: Path, expected: Verdict | str) -> Report:
        """Scan a picture and tell the verdict."""
        report = verifier.scan(picture)
        self.judge(picture.name, report, expected)
        return report

    def judge(
        self, name: str, report: Report, expected: Verdict | str, *, whole: bool = True
    ) -> None:
        """Tell a verdict, and note it if it is not what must be; whole: with every step."""
        step = report.decisive_step
        write_out(_summary(report))
        if whole:
            self.page.report(report)
        else:
            self.page.verdict(name, report)
        _log.info("scan %s: %s %s", name, report.verdict, step.code if step else "")
        if report.verdict != expected:
            self.faults.append(f"{name}: {report.verdict}, expected {expected}")


def tell(out: Path) -> int:
    """Tell the whole story into a new folder `out`; 0 when every scan answered as it must."""
    _clear(out)
    with _log_to(out / "demo.log"):
        return _tell(out)


def _tell(out: Path) -> int:
    started = time.monotonic()
    folder = DataFolder(out / "data")
    story = _Story(out, folder, Page())
    write_out("MSB · 蒙速办基础组件演示 / the foundations of an e-licence platform, told once")
    issuer = _set_up(story)
    holder, telephone = _sign_in(story)
    SingleSignOn(folder, story, telephone).tell(holder.subject)
    identifier = _issue(story, issuer)
    printed_face = open_printed(folder, issuer, identifier)
    desk = _seal(story, printed_face.as_ofd(), identifier)
    _seal_papers(story, desk, printed_face.as_pdf())
    pack = CardPack(folder.store, Accounts(folder.store, folder.protector), audit=folder.audit)
    online = Verifier.from_trust(folder.trust, store=folder.store, audit=folder.audit)
    offline = Verifier.from_trust(folder.trust)

    story.chapter("亮证与扫码", "Show and scan")
    cards = pack.cards(holder)
    story.say(f"卡包里有 {len(cards)} 张证照。", f"The card pack holds {len(cards)} licence.")
    _show_online(story, online, pack.show_online(holder, identifier))
    device = ensure_signing_key(folder.keys / "device.jwk", KeyKind.P256)
    credential = pack.bind_device(holder, identifier, device.public, issuer=issuer)
    _show_by_device(story, offline, show_offline(credential, device))
    code = pack.show_printed(holder, identifier)
    printed = story.picture(
        "3-printed", code, "纸质证照上的静态码", "static code of the paper licence"
    )
    story.scan(offline, printed, "valid")
    _tell_sizes(story)

    story.chapter("注销", "Revoke")
    ready = pack.show_online(holder, identifier)
    issuer.status.change(identifier.short, Status.REVOKED, Reason.CANCELLED)
    _scan_revoked(story, online, ready)
    _publish_and_scan(story, offline, printed)
    _tell_audit(story, holder)
    return _close(story, time.monotonic() - started)


def _show_online(story: _Story, verifier: Verifier, code: str) -> None:
    shown = story.picture("1-online", code, "联网码，一次有效", "online code, good once")
    story.scan(verifier, shown, "valid")
    story.say("同一个码再扫一次：拒绝。", "The same code scanned again: refused.")
    story.scan(verifier, shown, "invalid")


def _show_by_device(story: _Story, verifier: Verifier, code: str) -> None:
    shown = story.picture(
        "2-offline", code, "离线码，设备签名", "offline code, signed by the device"
    )
    story.say("核验端断网，只用信任清单和状态列表。", "The counter is offline: lists only.")
    story.scan(verifier, shown, "valid")


def _seal(story: _Story, face: OfdPackage, identifier: LicenceIdentifier) -> SealingDesk:
    """Give the licence a sealed face, verify it, forge it, and freeze the seal."""
    story.chapter("电子印章与照面", "The e-seal and the licence's face")
    folder = story.folder
    desk = SealingDesk.open(folder, folder.issuer_settings(None))
    story.say(
        "单位申请、另一人批准、制章中心制作，电子印章（GB/T 38540）可以使用了。",
        "Applied for, approved by another person, made: the e-seal (GB/T 38540) is in use.",
    )
    sealed = desk.seal(face, identifier.short)
    write_whole(story.out / FACE_FILE, sealed)
    seal_picture, face_picture = write_pictures(story.out, desk, sealed)
    story.page.picture(seal_picture, "印模", "the seal")
    story.page.picture(
        face_picture, "加盖电子印章的照面（OFD）", "the sealed face, an OFD", shape="wide"
    )
    story.judge(FACE_FILE, desk.check(sealed), "valid")
    story.say("有人改动照面上的操作类别。", "Someone changes the category on the face.")
    forged = tampered(sealed, "建筑电工", "建筑架子工")
    write_whole(story.out / FORGED_FILE, forged)
    story.judge(FORGED_FILE, desk.check(forged), "invalid")
    refusal = desk.refusal_when_frozen(face)
    story.say(
        f"印章停用后再盖章：{refusal.zh}。", f"The seal is frozen and asked to sign: {refusal.en}."
    )
    return desk


def _seal_papers(story: _Story, desk: SealingDesk, face: bytes) -> None:
    """Seal PDF files in every way, tamper with one, and write the reports on them."""
    story.chapter("签章的 PDF", "Sealed PDF")
    folder = story.folder
    papers = PaperDesk.open(folder.path / "ca", desk, folder.issuer_settings(None)).seal_all(face)
    for number, paper in enumerate(papers, _FIRST_PAPER):
        write_whole(story.out / paper.file, paper.data)
        picture = f"{number}-{paper.file.removesuffix('.pdf')}.png"
        pixels, pages = preview(paper.data)
        write_whole(story.out / picture, pixels)
        write_out(f"  {paper.zh}\n  {paper.en}")
        shape = "page" if pages == 1 else "wide"
        story.page.picture(picture, paper.zh, paper.en, shape=shape)
        story.judge(paper.file, paper.checked.report, paper.verdict, whole=False)
    html, pdf = write_reports(story.out, papers)
    story.page.link(html, "核验报告：每个签名、每一步", "the reports: every signature, every step")
    story.page.link(pdf, "同一报告，PDF", "the same as PDF")


def _set_up(story: _Story) -> Issuer:
    story.chapter("密钥与信任清单", "Keys and the trust list")
    with resources.as_file(resources.files(__package__).joinpath(CONFIGURATION_FILE)) as source:
        story.folder.adopt_configuration(source)
    version = story.folder.make_trust()
    story.say(
        f"颁发机构的 SM2 密钥已生成，信任清单第 {version} 版已签发。",
        f"The issuer's SM2 key is made, version {version} of the trust list is signed.",
    )
    issuer = story.folder.issuer(TYPE)
    _certify(story)
    return issuer


def _certify(story: _Story) -> None:
    story.chapter("机构证书", "The department's certificate")
    settings = story.folder.issuer_settings(None)
    key = story.folder.issuer_key(settings).public
    report = certify(story.folder.path / "ca", settings, key)
    story.say(
        "两级演示CA为颁发机构的密钥签发了证书，证书链连同CRL已核验。",
        "A two-level demo CA certifies the issuer's key; the chain is verified with its CRL.",
    )
    story.judge("certificate", report, "valid")


def _sign_in(story: _Story) -> tuple[VerifiedToken, _Telephone]:
    story.chapter("实名账号与登录", "Account and sign-in")
    folder = story.folder
    accounts = Accounts(folder.store, folder.protector, audit=folder.audit)
    accounts.register(
        name=_NAME, identity_number=_NUMBER, mobile=_MOBILE, level=3, method="counter"
    )
    story.say(
        f"窗口为{mask_name(_NAME)}（{mask_number(_NUMBER)}）开户，证件号码加密存储。",
        "An account is opened at a counter; the identity number is stored encrypted.",
    )
    telephone = _Telephone()
    sign_in = SmsSignIn(folder.store, folder.protector, accounts, telephone, audit=folder.audit)
    sign_in.request_code(_MOBILE, address="127.0.0.1")
    session = sign_in.sign_in(_MOBILE, telephone.code(), address="127.0.0.1", device="demo")
    key = ensure_signing_key(folder.keys / "token-issuer.jwk", KeyKind.SM2)
    tokens = TokenIssuer(_SIGN_IN, key, audit=folder.audit)
    token = tokens.issue(session, audience=_WALLET, client_id=_WALLET)
    verifier = TokenVerifier(
        issuer=_SIGN_IN,
        audience=_WALLET,
        keys=tokens.key_set,
        sessions=Sessions(folder.store),
    )
    verified = verifier.verify(token)
    story.say(
        f"短信登录成功，访问令牌（{key.kind}）经核验，认证方式 {'、'.join(verified.amr)}。",
        f"Signed in by SMS; the access token ({key.kind}) was verified: {', '.join(verified.amr)}.",
    )
    return verified, telephone


def _issue(story: _Story, issuer: Issuer) -> LicenceIdentifier:
    story.chapter("签发", "Issue")
    rows = resources.files(__package__).joinpath("rows.csv")
    results: list[RowResult] = []
    issued: list[Issued] = []
    for attempt in (1, 2):
        file = io.BytesIO(rows.read_bytes())
        results = list(issuer.issue_rows(read_rows(file, issuer.type)))
        issued = [result.issued for result in results if result.issued]
        new = sum(item.new for item in issued)
        story.say(
            f"第 {attempt} 次导入 CSV：新签发 {new}，已存在 {len(issued) - new}。",
            f"CSV, run {attempt}: {new} issued, {len(issued) - new} there already.",
        )
    for result in results:
        for fault in result.faults:
            story.say(
                f"第 {result.line} 行 {fault.place}：{fault.zh}",
                f"line {result.line} {fault.column}: {fault.en}",
            )
    identifier = issued[0].identifier
    story.say(f"证照标识 {identifier}", f"Licence identifier, GB/T 36904: {identifier}")
    story.folder.publish_status()
    return identifier


def _scan_revoked(story: _Story, online: Verifier, ready: str) -> None:
    shown = story.picture(
        "4-refused", ready, "注销前一刻亮出的码", "shown just before the revocation"
    )
    story.say(
        "颁发机构注销了该证照，联网核验即时拒绝。", "The issuer revokes it: refused online at once."
    )
    story.scan(online, shown, "invalid")


def _publish_and_scan(story: _Story, offline: Verifier, printed: Path) -> None:
    story.folder.publish_status()
    story.say(
        "状态列表发布后，离线核验同样拒绝。",
        "Once the list is published, offline checks refuse too.",
    )
    story.scan(offline, printed, "invalid")


def _tell_sizes(story: _Story) -> None:
    story.chapter("码的大小", "Sizes of codes")
    sizes = list(code_sizes())
    for size in sizes:
        write_out(
            f"    {size.fields:>2} 项/fields: MSB1 {size.printed_chars:>4} 字符/chars"
            f" QR {size.printed_version}-M, MSB2 {size.offline_chars:>4}"
            f" QR {size.offline_version}-M"
        )
    heading = ("项 / fields", "MSB1 字符", "QR", "MSB2 字符", "QR")
    story.page.table(heading, [tuple(str(value) for value in size) for size in sizes])


def _tell_audit(story: _Story, holder: VerifiedToken) -> None:
    """Sign a checkpoint of the log, show a person's own entries, and find an edited entry."""
    story.chapter("审计日志", "The audit log")
    folder = story.folder
    key = ensure_signing_key(folder.keys / "audit.jwk", KeyKind.SM2)
    checkpoint = make_checkpoint(folder.store, key)
    write_whole(story.out / "audit-checkpoint.cose", checkpoint)
    own, _ = AuditReader(folder.store, folder.protector).own(holder.subject, _NUMBER, _MOBILE)
    entries = [(entry.time.strftime("%H:%M:%S"), entry.event, entry.outcome) for entry in own]
    story.say(
        f"以上每一步都已记入审计日志；{mask_name(_NAME)}看到与本人有关的 {len(own)} 条。",
        f"Every step above stands in the audit log; the holder sees {len(own)} about themselves.",
    )
    story.page.table(("时间 / UTC", "事件 / event", "结果 / outcome"), entries)
    report = check_audit(folder.store, checkpoints=[checkpoint], key=key.public)
    story.judge("audit log", report, "valid")

    story.say(
        "有人直接改库：在副本中把注销改成恢复。",
        "Someone edits the database: in a copy, the revocation becomes a reinstatement.",
    )
    copied = folder.path / "edited-copy.sqlite"
    with closing(sqlite3.connect(folder.path / STORE_FILE)) as source:
        source.execute("VACUUM INTO ?", (str(copied),))
    with closing(Store.open(f"sqlite:///{copied}", existing=True)) as store:
        with store.write() as connection:
            connection.exec_driver_sql(
                "UPDATE audit_entries SET details = replace(details, 'revoked', 'valid')"
            )
        report = check_audit(store, checkpoints=[checkpoint], key=key.public)
    copied.unlink()
    story.judge("edited copy", report, "invalid")


def _close(story: _Story, seconds: float) -> int:
    index = story.out / "index.html"
    write_whole(index, story.page.render())
    write_out(f"\n{seconds:.1f} s\n结果 / results: {index}")
    write_out(f"数据目录 / data folder: {story.folder.path}")
    for fault in story.faults:
        write_out(f"✗ {fault}")
    _log.info("done, %d faults", len(story.faults))
    return 1 if story.faults else 0


def _summary(report: Report) -> str:
    """Give the verdict, what decided it and the mark of every step: the page has the rest."""
    zh, en = VERDICT_SENTENCES[report.verdict]
    decided = [report.decisive_step] if report.decisive_step else []
    marks = " ".join(f"{MARKS[step.outcome]}{step.id}" for step in report.steps)
    lines = [f"[{report.verdict.upper()}] {zh} / {en}"]
    lines += [f"→ {step.zh} / {step.en}" for step in (*decided, *report.reservations)]
    lines.append(marks)
    for signature in report.signatures:
        marks = " ".join(f"{MARKS[step.outcome]}{step.id}" for step in signature.steps)
        lines.append(f"{signature.kind}: {marks}")
    return "\n".join(f"    {line}" for line in lines)


def _clear(out: Path) -> None:
    """Begin with an empty folder; only an earlier demo's is ever removed."""
    if out.exists() and any(out.iterdir()):
        if not (out / MARK).is_file():
            zh = f"{out} 不是空目录"
            raise CommandError(zh, f"{out} is not empty and holds no earlier demo: name another")
        for path in out.iterdir():  # not `out` itself: it may be a link, or where one stands
            if path.is_dir() and not path.is_symlink():
                shutil.rmtree(path)
            elif path.name != MARK:  # the mark stays till the end, should this be interrupted
                path.unlink()
    out.mkdir(parents=True, exist_ok=True)
    (out / MARK).touch()


@contextmanager
def _log_to(path: Path) -> Iterator[None]:
    """Keep what the packages log in a file, for as long as the story lasts."""
    handler = logging.FileHandler(path, encoding="utf-8")
    handler.setFormatter(logging.Formatter("%(asctime)s %(name)s %(levelname)s %(message)s"))
    loggers = [logging.getLogger(name) for name in ("msb_identity", "msb_seal", "msb_wallet")]
    for logger in loggers:
        logger.addHandler(handler)
        logger.setLevel(logging.INFO)
    try:
        yield
    finally:
        for logger in loggers:
            logger.removeHandler(handler)
        handler.close()
