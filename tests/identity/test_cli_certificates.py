"""The commands ca and cert: a department's CA from nothing to a revoked certificate."""

from __future__ import annotations

import json
import stat
from typing import TYPE_CHECKING, Any

import pytest

from msb_identity.cli import main
from msb_identity.pki.formats import encode_public_key, load_key
from msb_identity.pki.keys import KeyKind
from msb_identity.x509 import load_certificates, load_crls
from msb_identity.x509.authority import CertificateAuthority
from msb_identity.x509.requests import make_request
from msb_identity.x509.responder import OcspResponder, PublicationServer
from msb_identity.x509.subjects import Subject
from tests.identity.authorities import key
from tests.support import console_of

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    Console = Callable[..., tuple[int, str, str]]


@pytest.fixture
def console(capsys: pytest.CaptureFixture[str]) -> Console:
    return console_of(main, capsys)


@pytest.fixture
def folder(tmp_path: Path, console: Console) -> Path:
    """A root, an authority below it, and a certificate of it with its key and chain."""
    root, sub = tmp_path / "root", tmp_path / "sub"
    assert console("ca", "init", "--dir", root, "--subject", "C=CN,O=某市,CN=Root")[0] == 0
    made = console(
        "ca",
        "init",
        "--dir",
        sub,
        "--issuer",
        root,
        "--subject",
        "C=CN,CN=Sub",
        "--path-length",
        "0",
        "--days",
        "900",
        "--crl-url",
        "http://crl.example/",
    )
    assert made[0] == 0
    issued = console(
        "ca",
        "issue",
        "--dir",
        sub,
        "--role",
        "person",
        "--subject",
        "C=CN,CN=张三",
        "--new-key",
        tmp_path / "key.pem",
        "--out",
        tmp_path / "person.pem",
        "--chain",
    )
    assert issued[0] == 0
    return tmp_path


def verify(console: Console, folder: Path, *more: object) -> tuple[int, list[dict[str, Any]]]:
    status, out, _ = console(
        "cert",
        "verify",
        "--trust",
        folder / "root/certificate.pem",
        "--json",
        folder / "person.pem",
        *more,
    )
    return status, json.loads(out)


def revocation(found: list[dict[str, Any]]) -> str:
    return next(str(s["code"]) for s in found[0]["steps"] if s["id"] == "revocation")


def test_a_certificate_from_issue_to_revocation(folder: Path, console: Console) -> None:
    status, found = verify(console, folder)
    assert (status, revocation(found)) == (3, "not-available")
    assert verify(console, folder, "--revocation", "none")[0] == 0
    crl = folder / "crl.pem"
    assert console("ca", "crl", "--dir", folder / "sub", "--out", crl)[0] == 0
    assert console("ca", "crl", "--dir", folder / "root", "--out", folder / "root.pem")[0] == 0
    lists = ("--crl", crl, "--crl", folder / "root.pem")
    status, found = verify(console, folder, *lists)
    assert (status, found[0]["verdict"], found[0]["kind"]) == (0, "valid", "certificate")
    revoked = console(
        "ca",
        "crl",
        "--dir",
        folder / "sub",
        "--out",
        crl,
        "--revoke",
        folder / "person.pem",
        "--reason",
        "key-compromise",
        "--json",
    )
    assert json.loads(revoked[1])["entries"] == 1
    status, found = verify(console, folder, *lists)
    assert (status, revocation(found)) == (1, "revoked")
    again = ("ca", "crl", "--dir", folder / "sub", "--out", crl, "--revoke", folder / "person.pem")
    assert console(*again)[0] == 2  # for another reason
    status, _, err = console(*again, "--reason", "key-compromise")  # as after an interruption
    assert (status, "before" in err) == (0, True)
    assert len(load_crls(crl.read_bytes())[0]) == 1


def test_private_keys_are_private_and_nothing_is_overwritten(
    folder: Path, console: Console
) -> None:
    assert stat.S_IMODE((folder / "key.pem").stat().st_mode) == 0o600
    own = load_certificates((folder / "person.pem").read_bytes())[0]
    assert load_key(folder / "key.pem").public == own.key
    before = (folder / "key.pem").read_bytes()
    arguments = ("ca", "issue", "--dir", folder / "sub", "--role", "person", "--subject", "CN=x")
    for out, new in (("person.pem", "other"), ("other.pem", "key.pem")):
        status, _, err = console(*arguments, "--out", folder / out, "--new-key", folder / new)
        assert (status, "exists" in err) == (2, True)
    assert (folder / "key.pem").read_bytes() == before
    assert console("ca", "init", "--dir", folder / "root", "--subject", "CN=x")[0] == 2


def test_a_refused_certificate_leaves_nothing(folder: Path, console: Console) -> None:
    new, out, closed = folder / "new.key", folder / "new.pem", folder / "closed"
    closed.write_bytes(b"a file where a folder belongs")
    issue = ("ca", "issue", "--dir", folder / "sub", "--new-key", new, "--out", out)
    issued = {*(folder / "sub/issued").iterdir()}
    for wrong in (
        ("--role", "server", "--subject", "CN=x"),
        ("--role", "server", "--subject", "CN=x", "--dns", "bad name"),
        ("--role", "person", "--subject", "CN=Sub, C=CN", "--credit-code", "1"),
        ("--role", "person", "--subject", "C=CN, CN=sub"),
        ("--role", "person", "--subject", "CN="),
        ("--role", "person", "--subject", "CN=x", "--out", new),
        ("--role", "person", "--subject", "CN=x", "--out", folder / "sub/../new.key"),
        ("--role", "person", "--subject", "CN=x", "--out", folder / "sub/new.pem"),
        ("--role", "person", "--subject", "CN=x", "--new-key", folder / "sub/issued/1.pem"),
        ("--role", "person", "--subject", "CN=x", "--new-key", closed / "k"),
        ("--role", "person", "--subject", "CN=x", "--out", closed / "c"),
    ):
        assert console(*issue, *wrong)[0] == 2, wrong
        assert not new.exists()
        assert not out.exists()
        assert {*(folder / "sub/issued").iterdir()} == issued, wrong
    assert console(*issue, "--role", "person", "--subject", "CN=x")[0] == 0


def test_a_certificate_that_cannot_be_written_is_found_in_the_folder(
    folder: Path, console: Console, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(*_: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("msb_identity.commands.certificates.write_whole", full)
    issue = ("ca", "issue", "--dir", folder / "sub", "--role", "person", "--subject", "CN=x")
    new = folder / "new.key"
    status, _, err = console(*issue, "--new-key", new, "--out", folder / "new.pem")
    assert (status, "No space left" in err) == (2, True)
    kept = folder / "sub" / err.split()[-1]
    assert load_certificates(kept.read_bytes())[0].key == load_key(new).public


def test_a_list_overwrites_nothing_but_a_list(folder: Path, console: Console) -> None:
    crl = ("ca", "crl", "--dir", folder / "sub")
    places = [folder / name for name in ("sub/authority.key", "key.pem", "person.pem")]
    before = [place.read_bytes() for place in places]
    for place in places:
        status, _, err = console(*crl, "--out", place, "--revoke", folder / "person.pem")
        assert (status, "overwritten" in err) == (2, True)
    assert [place.read_bytes() for place in places] == before
    assert not (folder / "sub/revoked").exists()
    assert console(*crl, "--out", folder / "sub/crl.pem")[0] == 2
    for _ in range(3):
        assert console(*crl, "--out", folder / "daily.pem")[0] == 0


def test_nothing_is_revoked_where_one_of_several_cannot_be(folder: Path, console: Console) -> None:
    files = ("--revoke", folder / "person.pem", "--revoke", folder / "root/certificate.pem")
    assert console("ca", "crl", "--dir", folder / "sub", "--out", folder / "c", *files)[0] == 2
    assert not (folder / "sub/revoked").exists()


def test_requests_and_public_keys_get_certificates(folder: Path, console: Console) -> None:
    request, public = folder / "server.csr", folder / "public.pem"
    own = key("server", KeyKind.RSA)
    request.write_bytes(make_request(own, Subject.of("s"), dns_names=["a.example"]).encoded)
    public.write_bytes(encode_public_key(own.public))
    out = folder / "server.pem"
    issue = ("ca", "issue", "--dir", folder / "sub")
    assert console(*issue, "--role", "server", "--request", request, "--out", out)[0] == 0
    assert load_certificates(out.read_bytes())[0].facts.dns_names == ("a.example",)
    made = console(
        *issue,
        "--role",
        "organisation",
        "--public",
        public,
        "--subject",
        "CN=某局",
        "--credit-code",
        "11370306MB2867521U",
        "--out",
        folder / "d.pem",
        "--json",
    )
    assert json.loads(made[1])["subject"] == "CN=某局"
    for wrong in (
        ("--role", "person", "--request", request, "--subject", "CN=x"),
        ("--role", "person", "--public", public),
        ("--role", "person", "--request", public),
        ("--role", "server", "--public", public, "--subject", "CN=x"),
        ("--role", "organisation", "--public", public, "--subject", "CN=x", "--credit-code", "1"),
        ("--role", "person", "--public", public, "--subject", "nobody"),
        ("--role", "authority", "--public", public, "--subject", "CN=x"),
        ("--role", "person", "--public", public, "--subject", "CN=x", "--days", "0"),
        ("--role", "person", "--public", folder / "gone", "--subject", "CN=x"),
    ):
        assert console(*issue, *wrong, "--out", folder / "no.pem")[0] == 2
        assert not (folder / "no.pem").exists()


def test_exit_statuses_of_verify(folder: Path, console: Console) -> None:
    person, junk = folder / "person.pem", folder / "junk"
    junk.write_bytes(b"no certificate")
    (folder / "cut.der").write_bytes(load_certificates(person.read_bytes())[0].encoded[:99])
    trust = ("--trust", folder / "root/certificate.pem", "--revocation", "none")
    cases = (
        ((*trust, person), 0),
        ((person,), 3),
        ((*trust, junk), 3),
        ((*trust, folder / "cut.der"), 1),
        ((*trust, person, junk, folder / "cut.der"), 1),
        ((*trust, person, folder / "gone"), 2),
        ((*trust, "--at", "2020-01-01T00:00:00Z", person), 1),
        (("--trust", folder / "gone", person), 2),
        (("--trust", junk, person), 2),
        ((*trust, "--crl", junk, person), 2),
        ((*trust, "--purpose", "timestamp", person), 1),
        ((*trust, "--purpose", "sign", person), 0),
        ((*trust, "--at", "yesterday", person), 2),
        (trust, 2),
    )
    for arguments, expected in cases:
        assert console("cert", "verify", *arguments)[0] == expected, arguments


def test_at_is_printed_as_the_callers_own(folder: Path, console: Console) -> None:
    moment = "2020-01-01T00:00:00+00:00"
    status, found = verify(console, folder, "--at", moment)
    assert (status, found[0]["at"]) == (1, moment)


def test_intermediates_and_trust_folders(folder: Path, console: Console) -> None:
    anchors, between = folder / "anchors", folder / "between.pem"
    anchors.mkdir()
    certificates = load_certificates((folder / "person.pem").read_bytes())
    own = folder / "own.der"
    own.write_bytes(certificates[0].encoded)
    (anchors / "root.der").write_bytes(certificates[2].encoded)
    between.write_bytes((folder / "sub/certificate.pem").read_bytes())
    trust = ("cert", "verify", "--trust", anchors, "--revocation", "none")
    assert console(*trust, own)[0] == 3
    assert console(*trust, "--intermediate", between, own)[0] == 0
    (anchors / "sub.pem").write_bytes(between.read_bytes())
    assert console(*trust, own)[0] == 0


def test_revocation_is_fetched_when_asked_to(tmp_path: Path, console: Console) -> None:
    holder: list[CertificateAuthority] = []
    with PublicationServer(
        {"/crl": lambda: holder[0].make_crl().encoded},
        lambda asked: OcspResponder.of(holder[0]).answer(asked),
    ) as server:
        for url in (f"--crl-url={server.url}/crl", f"--ocsp-url={server.url}/ocsp"):
            root, leaf = tmp_path / url[2:5], tmp_path / f"{url[2:5]}.pem"
            assert console("ca", "init", "--dir", root, "--subject", "CN=R", url)[0] == 0
            holder[:] = [CertificateAuthority.open(root)]
            made = console(
                "ca",
                "issue",
                "--dir",
                root,
                "--role",
                "person",
                "--subject",
                "CN=p",
                "--new-key",
                tmp_path / f"{url[2:5]}.key",
                "--out",
                leaf,
            )
            assert made[0] == 0
            check = ("cert", "verify", "--trust", root / "certificate.pem", leaf)
            assert console(*check)[0] == 3
            assert console(*check, "--fetch")[0] == 3  # loopback is private
            assert console(*check, "--fetch", "--fetch-private")[0] == 0
            holder[0].revoke(load_certificates(leaf.read_bytes())[0].serial)
            assert console(*check, "--fetch", "--fetch-private")[0] == 1


def test_help_is_bilingual(console: Console) -> None:
    for command in (("ca", "init"), ("ca", "issue"), ("ca", "crl"), ("cert", "verify")):
        status, out, _ = console(*command, "--help")
        assert status == 0
        assert " / " in out
