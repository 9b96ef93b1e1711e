"""The demo tells the story, leaves its results, and leaks nothing."""

from __future__ import annotations

import hashlib
import json
import os
import re
import subprocess
import sys
import time
from base64 import b64encode, urlsafe_b64encode
from dataclasses import dataclass
from html.parser import HTMLParser
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from msb_identity.envelopes.jose import decode_base64url
from msb_identity.x509 import TrustStore
from msb_seal import check_document
from msb_seal.ofd.package import OfdPackage
from msb_seal.ofd.reading import find_text
from msb_wallet.codes.payload import CodeKind, read_code
from msb_wallet.codes.qr import read_picture

if TYPE_CHECKING:
    from collections.abc import Iterator

ROOT = Path(__file__).parents[2]
NAMES, NUMBERS = (
    ("张三", "李四", "王五"),
    (
        "11010519491231002X",
        "440524188001010014",
        "110105194912310021",
    ),
)
MOBILE, AGENT_MOBILE = "13800138000", "13900139000"
PICTURES = {"1-online": "MSB0:", "2-offline": "MSB2:", "3-printed": "MSB1:", "4-refused": "MSB0:"}
PAPERS = {
    "licence.pdf": ["valid", "ses-v4"],
    "notice.pdf": ["valid", "ses-v4"],
    "contract.pdf": ["valid", "ses-v4"],
    "notice-dual.pdf": ["valid", "ses-v4", "cms"],
    "notice-forged.pdf": ["invalid", "ses-v4"],
}
SEALED_PICTURES = (
    "5-seal",
    "6-face",
    *(f"{number}-{name.removesuffix('.pdf')}" for number, name in enumerate(PAPERS, 7)),
)
REPORTS = ("report.html", "report.pdf")
VOID = {"meta", "img", "br", "link", "hr"}


@dataclass
class Told:
    out: Path
    process: subprocess.CompletedProcess[str]
    seconds: float


def tell(out: Path, *, encoding: str = "utf-8", name: str | None = None) -> Told:
    """Run the demo into `out`, or in it under another name for it."""
    environment = {
        **os.environ,
        "PYTHONPATH": str(ROOT),
        "PYTHONIOENCODING": encoding,
        "PYTHONWARNINGS": "error",
    }
    started = time.monotonic()
    process = subprocess.run(
        [sys.executable, "-m", "msb_wallet", "demo", "--out", name or str(out)],
        capture_output=True,
        text=True,
        encoding=encoding,
        env=environment,
        cwd=out.parent if name is None else out,
        timeout=120,
        check=False,
    )
    return Told(out, process, time.monotonic() - started)


@pytest.fixture(scope="module")
def told(tmp_path_factory: pytest.TempPathFactory) -> Told:
    return tell(tmp_path_factory.mktemp("demo") / "story")


def test_it_ends_well_within_a_minute(told: Told) -> None:
    assert told.process.returncode == 0, told.process.stdout + told.process.stderr
    assert told.seconds < 60
    assert "✗" not in told.process.stdout.splitlines()[-1]
    assert "0 faults" in (told.out / "demo.log").read_text(encoding="utf-8")


def test_it_tells_the_story_in_both_languages_up_to_the_refusal(told: Told) -> None:
    out = told.process.stdout
    verdicts = re.findall(r"^ +\[([A-Z]+)\]", out, re.MULTILINE)
    certificate, faces, papers = verdicts[0], verdicts[1:3], verdicts[3:8]
    scans, audits = verdicts[8:14], verdicts[14:]
    assert certificate == "VALID"
    assert faces == ["VALID", "INVALID"]  # the sealed one, and the forged
    assert papers == ["VALID"] * 4 + ["INVALID"]
    assert scans == ["VALID", "INVALID", "VALID", "VALID", "INVALID", "INVALID"]
    assert audits == ["VALID", "INVALID"]  # the log, and a copy of it that was edited
    for sentence in (
        "张*",
        "the code was used before",
        "证照已注销或撤销",
        "the licence has been revoked",
        "字符/chars",
        str(told.out / "index.html"),
    ):
        assert sentence in out
    story = out[: out.index("The audit log")]
    assert story.rindex("revoked") > story.rindex("[VALID]")


def test_the_codes_are_pictures(told: Told) -> None:
    for name, prefix in PICTURES.items():
        [text] = read_picture((told.out / f"{name}.png").read_bytes())
        assert text.startswith(prefix)
        assert (told.out / f"{name}.svg").read_bytes().startswith(b"<?xml")


def test_the_sealed_face_verifies_and_the_forged_one_does_not(told: Told) -> None:
    trust = TrustStore.load(told.out / "data" / "ca")
    data = (told.out / "licence.ofd").read_bytes()
    report = check_document(data, trust=trust)
    assert report.verdict == "valid", report.as_text()
    assert find_text(OfdPackage.read(data), "张三")
    forged = check_document((told.out / "licence-forged.ofd").read_bytes(), trust=trust)
    assert forged.verdict == "invalid"
    assert any(step.code == "files-changed" for step in forged.signatures[0].steps)


def test_the_papers_are_what_the_reports_say(told: Told) -> None:
    trust = TrustStore.load(told.out / "data" / "ca")
    reports = [(told.out / name).read_bytes() for name in REPORTS]
    for name, (verdict, *kinds) in PAPERS.items():
        data = (told.out / name).read_bytes()
        report = check_document(data, trust=trust)
        assert report.verdict == verdict, report.as_text()
        assert [one.kind for one in report.signatures] == kinds
        assert hashlib.sha256(data).hexdigest().encode() in reports[0]
    assert reports[1].startswith(b"%PDF")
    pictures = [
        (told.out / f"{name}.png").read_bytes() for name in ("8-notice", "11-notice-forged")
    ]
    assert pictures[0] != pictures[1]  # what was hidden is hidden


class _Page(HTMLParser):
    """Checks that tags close in order, and gathers what the page points to."""

    def __init__(self) -> None:
        super().__init__()
        self.open: list[str] = []
        self.images: list[dict[str, str | None]] = []
        self.links: set[str | None] = set()
        self.seen: set[str] = set()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.seen.add(tag)
        if tag == "img":
            self.images.append(dict(attrs))
        assert not any(name.startswith("on") for name, _ in attrs)
        self.links |= {value for name, value in attrs if name == "href"}
        if tag not in VOID:
            self.open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag


def test_the_page_parses_and_its_pictures_are_there(told: Told) -> None:
    text = (told.out / "index.html").read_text(encoding="utf-8")
    page = _Page()
    page.feed(text)
    page.close()
    assert page.open == []
    assert "script" not in page.seen
    assert '<html lang="zh-CN">' in text
    assert {image["src"] for image in page.images} == {
        f"{name}.png" for name in (*PICTURES, *SEALED_PICTURES)
    }
    assert page.links == {*PAPERS, *REPORTS}
    assert all((told.out / name).is_file() for name in (*PAPERS, *REPORTS))
    for image in page.images:
        assert image["alt"]
        assert (told.out / str(image["src"])).is_file()
    # Three codes, the chain, the log; and a sealed face with its signature.
    assert text.count('class="report valid"') == 3 + 2 + 2
    assert text.count('class="report invalid"') == 3 + 1 + 2


def test_the_page_shows_nothing_personal(told: Told) -> None:
    content = (told.out / "index.html").read_bytes()
    for what, secret in personal():
        assert secret not in content, what
    assert "张*".encode() in content


def personal() -> Iterator[tuple[str, bytes]]:
    """What is personal, in the encodings that a store or a log might use."""
    for encoding in ("utf-8", "gb18030", "utf-16-le", "utf-16-be"):
        for text in (*NAMES, *NUMBERS, MOBILE, AGENT_MOBILE):
            yield f"{text} in {encoding}", text.encode(encoding)
    for text in NAMES:
        yield f"{text} escaped", text.encode("unicode_escape")
        yield f"{text} in base64", b64encode(text.encode())[:7]
    for text in (*NUMBERS, MOBILE, AGENT_MOBILE):
        yield f"{text} in hex", text.encode().hex().encode()
        yield f"{text} in base64", b64encode(text.encode()).rstrip(b"=")[:-1]
    yield "the number without its check", NUMBERS[0][:17].encode()


def codes_sent(told: Told) -> list[bytes]:
    found = re.findall(r"验证码 ([0-9]{6})", told.process.stderr)
    assert found, "the SMS code is shown on stderr, as on a telephone"
    return [code.encode() for code in found]


def spellings(secret: bytes) -> Iterator[bytes]:
    yield secret
    yield secret.hex().encode()
    yield secret.hex().upper().encode()
    yield urlsafe_b64encode(secret).rstrip(b"=")
    yield b64encode(secret).rstrip(b"=")
    yield str(int.from_bytes(secret, "big")).encode()


def private_keys(told: Told) -> Iterator[tuple[str, bytes]]:
    files = sorted((told.out / "data" / "keys").iterdir())
    assert {path.name for path in files} >= {"encryption.key", "index.key", "list-signer.jwk"}
    for path in files:
        if path.suffix == ".jwk":
            yield path.name, decode_base64url(json.loads(path.read_bytes())["d"])
        else:
            assert path.suffix == ".key"
            yield path.name, path.read_bytes()


def one_use_secrets(told: Told) -> Iterator[tuple[str, bytes]]:
    for name, prefix in PICTURES.items():
        [text] = read_picture((told.out / f"{name}.png").read_bytes())
        if prefix == "MSB0:":
            kind, secret = read_code(text)
            assert kind is CodeKind.ONLINE
            yield f"the secret of {name}", secret
            yield f"the text of {name}", text.removeprefix(prefix).encode()


def files_to_search(told: Told) -> dict[Path, bytes]:
    data = told.out / "data"
    keys = data / "keys"
    files = [told.out / "demo.log", *(p for p in data.rglob("*") if p.is_file())]
    found = {path: path.read_bytes() for path in files if keys not in path.parents}
    assert {path.name for path in found} >= {
        "demo.log",
        "store.sqlite",
        "issuers.toml",
        "trust-list.jwt",
        "list-signer.jwk",
        "verifier-state.sqlite",
        "0",
    }
    return found


def test_nothing_personal_is_in_the_log_or_in_any_file(told: Told) -> None:
    for path, content in files_to_search(told).items():
        for what, secret in personal():
            assert secret not in content, f"{what} in {path.name}"


def test_the_text_messages_code_is_nowhere(told: Told) -> None:
    for path, content in files_to_search(told).items():
        for code in codes_sent(told):
            assert code not in content, path.name
    for code in codes_sent(told):
        assert code.decode() not in told.process.stdout
        assert code not in (told.out / "index.html").read_bytes()


def test_no_private_key_is_outside_the_keys_folder(told: Told) -> None:
    everywhere = {path: path.read_bytes() for path in told.out.glob("*.*") if path.is_file()}
    for path, content in {**files_to_search(told), **everywhere}.items():
        for name, key in private_keys(told):
            assert len(key) == 32
            for spelling in spellings(key):
                assert spelling not in content, f"{name} in {path.name}"
    output = (told.process.stdout + told.process.stderr).encode()
    for name, key in private_keys(told):
        assert not any(spelling in output for spelling in spellings(key)), name


def test_no_one_use_code_is_in_the_log_the_page_or_the_store(told: Told) -> None:
    files = {
        **files_to_search(told),
        told.out / "index.html": (told.out / "index.html").read_bytes(),
    }
    output = (told.process.stdout + told.process.stderr).encode()
    for path, content in {**files, Path("output"): output}.items():
        for what, secret in one_use_secrets(told):
            for spelling in spellings(secret):
                assert spelling not in content, f"{what} in {path.name}"


def test_a_search_that_finds_nothing_would_find_something(told: Told) -> None:
    """The searches above work: what must be public is found by them."""
    store = (told.out / "data" / "store.sqlite").read_bytes()
    assert "张*".encode() in store
    assert b"11150600MB0000000B" in store


def test_keys_are_private(told: Told) -> None:
    data = told.out / "data"
    assert data.stat().st_mode & 0o777 == 0o700
    for path in (data / "keys").iterdir():
        assert path.stat().st_mode & 0o777 == 0o600


def test_the_log_holds_what_happened(told: Told) -> None:
    log = (told.out / "demo.log").read_text(encoding="utf-8")
    assert "scan 1-online.png: invalid used" in log
    assert "scan 4-refused.png: invalid revoked" in log


def test_a_second_run_begins_anew(tmp_path: Path) -> None:
    """First in the folder where one stands, then through a link to it."""
    real, link = tmp_path / "real", tmp_path / "link"
    real.mkdir()
    link.symlink_to(real)
    assert tell(real, name=".").process.returncode == 0
    picture = (real / "1-online.png").read_bytes()
    (real / "left over.txt").write_text("x", encoding="utf-8")
    assert tell(link).process.returncode == 0
    assert (real / "1-online.png").read_bytes() != picture
    assert not (real / "left over.txt").exists()
    assert link.is_symlink()


def test_a_folder_of_somebody_else_is_left_alone(tmp_path: Path) -> None:
    out = tmp_path / "mine"
    out.mkdir()
    (out / "precious.txt").write_text("x", encoding="utf-8")
    refused = tell(out)
    assert refused.process.returncode == 2
    assert refused.process.stdout == ""
    assert refused.process.stderr.count("\n") == 1
    assert [path.name for path in out.iterdir()] == ["precious.txt"]
    refused = tell(out / "precious.txt")
    assert refused.process.returncode == 2
    assert (out / "precious.txt").read_text(encoding="utf-8") == "x"


def test_no_terminal_is_too_old_for_it(tmp_path: Path) -> None:
    told = tell(tmp_path / "story", encoding="ascii")
    assert told.process.returncode == 0, told.process.stderr
    assert "[VALID]" in told.process.stdout
