"""The folder of a CA: what may be written where, and what an interruption leaves."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from msb_identity.errors import AuthorityRefused
from msb_identity.foundation.report import Verdict
from msb_identity.pki.keys import KeyKind
from msb_identity.x509 import TrustStore, encode_pem, load_crls, verify_chain
from msb_identity.x509.authority import CertificateAuthority
from msb_identity.x509.roles import Particulars, Role
from msb_identity.x509.subjects import Subject
from tests.identity.authorities import key

if TYPE_CHECKING:
    from pathlib import Path

    from tests.identity.conftest import Race


@pytest.fixture
def root(tmp_path: Path) -> CertificateAuthority:
    return CertificateAuthority.create(tmp_path / "root", Subject.of("Root CA"))


def test_a_list_goes_over_an_earlier_one_of_its_authority(
    root: CertificateAuthority, tmp_path: Path
) -> None:
    place = tmp_path / "public" / "crl.pem"
    assert [root.publish_crl(place).number for _ in range(3)] == [1, 2, 3]
    assert load_crls(place.read_bytes())[0].number == 3
    place.write_bytes(root.make_crl().encoded)  # DER, as others publish it
    assert root.publish_crl(place).number == 5


def test_a_list_goes_over_nothing_else(root: CertificateAuthority, tmp_path: Path) -> None:
    other = CertificateAuthority.create(tmp_path / "other", Subject.of("Root CA"))
    stranger = tmp_path / "stranger.pem"
    other.publish_crl(stranger)
    own_key = (root.folder / "authority.key").read_bytes()
    two, mixed = tmp_path / "two.pem", tmp_path / "mixed.pem"
    two.write_bytes(encode_pem(root.make_crl(), root.certificate))
    mixed.write_bytes(encode_pem(root.make_crl()) + own_key)
    files = [stranger, two, mixed, tmp_path / "key.pem", tmp_path / "empty", tmp_path / "text"]
    files[3].write_bytes(own_key)
    files[4].write_bytes(b"")
    files[5].write_bytes(b"-----BEGIN X509 CRL-----\nAAAA\n-----END X509 CRL-----\n")
    (tmp_path / "link").symlink_to(root.folder / "authority.key")
    before = [file.read_bytes() for file in files]
    for place in (*files, tmp_path, tmp_path / "link"):
        with pytest.raises(AuthorityRefused, match="overwritten"):
            root.publish_crl(place)
    assert [file.read_bytes() for file in files] == before


@pytest.mark.parametrize(
    "name",
    ["authority.key", "certificate.pem", "crl-number", "issued/1.pem", "crl.pem", "../root/x"],
)
def test_a_list_goes_outside_the_authoritys_own_folder(
    root: CertificateAuthority, name: str
) -> None:
    before = {path: path.read_bytes() for path in root.folder.iterdir()}
    with pytest.raises(AuthorityRefused):
        root.publish_crl(root.folder / name)
    assert {path: path.read_bytes() for path in root.folder.iterdir()} == before


def test_lists_published_at_once_leave_the_newest(
    root: CertificateAuthority, tmp_path: Path, race: Race
) -> None:
    script = """
from pathlib import Path
from msb_identity.x509.authority import CertificateAuthority
ca = CertificateAuthority.open(Path(arguments[0]))
go()
print(*(ca.publish_crl(Path(arguments[1])).number for _ in range(10)))
"""
    place = tmp_path / "crl.pem"
    race(script, str(root.folder), str(place), processes=3)
    assert load_crls(place.read_bytes())[0].number == 30


def test_a_number_that_was_lost_or_set_back_is_not_begun_again(
    root: CertificateAuthority, tmp_path: Path
) -> None:
    place, number = tmp_path / "crl.pem", root.folder / "crl-number"
    root.publish_crl(place)
    root.publish_crl(place)
    for content in ("0\n", "1\n", "", "-1", "1" * 60, str(1 << 159), "many", "²"):
        number.write_text(content)
        with pytest.raises(AuthorityRefused, match="crl-number"):
            root.publish_crl(place)
    number.unlink()
    with pytest.raises(AuthorityRefused, match="crl-number"):
        root.make_crl()
    with pytest.raises(AuthorityRefused, match="crl-number"):
        root.publish_crl(place)
    assert load_crls(place.read_bytes())[0].number == 2
    number.write_text("2")
    assert root.publish_crl(place).number == 3


def test_an_interrupted_init_is_taken_up_again(tmp_path: Path) -> None:
    names = ("authority.key", "crl-number", "settings.json", "certificate.pem")
    for stop in range(1, len(names)):
        folder = tmp_path / str(stop)
        whole = CertificateAuthority.create(folder, Subject.of("Root"), kind=KeyKind.P256)
        for name in names[stop:]:
            (folder / name).unlink()
        with pytest.raises(AuthorityRefused, match="init"):
            CertificateAuthority.open(folder)
        with pytest.raises(AuthorityRefused, match="P-256 key"):
            CertificateAuthority.create(folder, Subject.of("Root"), kind=KeyKind.SM2)
        made = CertificateAuthority.create(folder, Subject.of("Again"), kind=KeyKind.P256)
        assert made.key.public == whole.key.public  # a key that is there is never lost
        assert CertificateAuthority.open(folder).certificate == made.certificate


def test_an_authority_that_lost_its_certificate_is_not_made_anew(
    root: CertificateAuthority,
) -> None:
    root.issue(Subject.of("a"), key("a").public, role=Role.PERSON)
    (root.folder / "certificate.pem").unlink()
    with pytest.raises(AuthorityRefused, match="lost"):
        CertificateAuthority.create(root.folder, Subject.of("Root CA"))
    assert (root.folder / "authority.key").exists()


def test_a_refused_authority_leaves_no_folder(root: CertificateAuthority, tmp_path: Path) -> None:
    for length, issuer in ((-1, None), (17, None), (10**23, None), (-1, root)):
        with pytest.raises(AuthorityRefused, match="path length"):
            CertificateAuthority.create(
                tmp_path / "no", Subject.of("No"), issuer=issuer, path_length=length
            )
    with pytest.raises(AuthorityRefused, match="own name"):
        CertificateAuthority.create(tmp_path / "no", Subject.of("root ca"), issuer=root)
    assert not (tmp_path / "no").exists()


def test_no_authority_is_made_where_the_path_length_allows_none(tmp_path: Path) -> None:
    def below(
        name: str, issuer: CertificateAuthority | None, n: int | None
    ) -> CertificateAuthority:
        folder, subject = tmp_path / name, Subject.of(name)
        return CertificateAuthority.create(folder, subject, issuer=issuer, path_length=n)

    top = below("top", None, 2)
    one = below("one", top, None)
    two = below("two", one, 5)
    with pytest.raises(AuthorityRefused, match="no authority below"):
        below("three", two, None)
    last = below("last", top, 0)
    for wanted in (None, Particulars(path_length=0)):
        with pytest.raises(AuthorityRefused, match="no authority below"):
            last.issue(Subject.of("x"), key("x").public, role=Role.AUTHORITY, particulars=wanted)
    assert not (last.folder / "issued").exists()
    leaf = two.issue(Subject.of("leaf"), key("leaf").public, role=Role.PERSON)
    trust = TrustStore((top.certificate,), (one.certificate, two.certificate))
    assert verify_chain(leaf, trust=trust).verdict is Verdict.VALID
