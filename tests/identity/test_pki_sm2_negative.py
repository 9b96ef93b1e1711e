"""Our negative suite for SM2 (tests/vectors/sm2_negative.json), on every backend present."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from msb_identity.errors import KeyRefused, NoBackend, SignatureRefused
from msb_identity.pki import KeyKind, verifying_key_from_spki
from msb_identity.pki.curves import SM2_CURVE, check_number
from msb_identity.pki.signatures import der_from_numbers
from msb_identity.pki.sm2 import SM2SigningKey, SM2VerifyingKey
from msb_identity.pki.sm2_answers import prove
from msb_identity.pki.sm2_backend import GMSSL, LIBCRYPTO, sm2_backend
from tests.support import missing
from tests.vectors import make_sm2_negative

if TYPE_CHECKING:
    from msb_identity.pki.sm2_answers import Handle, SM2Backend

FILE = Path(make_sm2_negative.__file__).with_name("sm2_negative.json")
CASES = json.loads(FILE.read_text(encoding="utf-8"))["cases"]
N = SM2_CURVE.n


@pytest.fixture(scope="module", params=[LIBCRYPTO, GMSSL])
def backend(request: pytest.FixtureRequest) -> SM2Backend:
    try:
        return sm2_backend(request.param, allow_slow_signing=True)
    except NoBackend as error:
        missing(request.param, str(error))


@pytest.mark.parametrize("case", CASES, ids=lambda case: f"{case['number']} {case['comment']}")
def test_each_case_has_its_result_on_each_backend(
    case: dict[str, Any], backend: SM2Backend
) -> None:
    if case["result"] == "valid":
        run(case, backend)
    else:
        error = SignatureRefused if case["type"] == "verify" else KeyRefused
        with pytest.raises(error):
            run(case, backend)


def run(case: dict[str, Any], backend: SM2Backend) -> None:
    values = {name: bytes.fromhex(case[name]) for name in case if name in HEXADECIMAL}
    if case["type"] == "spki":
        assert verifying_key_from_spki(values["spki"]).kind is KeyKind.SM2
        return
    key = SM2VerifyingKey(values["x"], values["y"], backend=backend)
    if case["type"] == "pair":
        check_number(values["d"], SM2_CURVE)
        SM2SigningKey(values["d"], key, backend=backend)
    elif case["type"] == "verify":
        key.verify(values["message"], values["signature"], signer_id=values["id"])


HEXADECIMAL = {"x", "y", "d", "id", "message", "signature", "spki"}


def test_the_suite_is_what_its_script_makes() -> None:
    assert FILE.read_text(encoding="utf-8") == make_sm2_negative.make()
    assert len(CASES) >= 60
    assert len({case["comment"] for case in CASES}) == len(CASES)


def test_a_sum_that_is_a_doubling_verifies(backend: SM2Backend) -> None:
    """sG = tP: gmssl's own verify forgets to leave projective coordinates here."""
    d, s = make_sm2_negative.D, 0x5555
    r = s * (1 - d) * pow(d, -1, N) % N
    assert s == (r + s) * d % N
    e = (r - make_sm2_negative.multiply(2 * s)[0]) % N
    signature = der_from_numbers(r, s)
    assert handle(backend).verify_digest(e.to_bytes(32, "big"), signature)
    assert not handle(backend).verify_digest((e ^ 1).to_bytes(32, "big"), signature)


@pytest.mark.parametrize("first", [b"\x04", b"\x00", b"\x44", b"\x40"], ids=bytes.hex)
def test_a_point_that_begins_with_0_or_4_keeps_its_digits(
    backend: SM2Backend, first: bytes
) -> None:
    """gmssl's constructor strips such digits as if they were the mark of the point."""
    number = next(d for d in range(2, 5_000) if make_sm2_negative.multiply(d)[0] >> 248 == first[0])
    private = number.to_bytes(32, "big")
    point = backend.point_of(private)
    assert point[1:2] == first
    key = backend.take(point, private)
    digest = b"e" * 32
    assert backend.take(point).verify_digest(digest, key.sign_digest(digest))


def handle(backend: SM2Backend) -> Handle:
    x, y = make_sm2_negative.PUBLIC
    return backend.take(b"\x04" + make_sm2_negative.bytes32(x, y))


def test_backends_verify_each_others_signatures() -> None:
    backends = [sm2_backend(name, allow_slow_signing=True) for name in (LIBCRYPTO, GMSSL)]
    for signer, verifier in (backends, backends[::-1]):
        key = SM2SigningKey.generate(backend=signer)
        signature = key.sign(b"m", signer_id=b"ID")
        public = SM2VerifyingKey(key.public.x, key.public.y, backend=verifier)
        public.verify(b"m", signature, signer_id=b"ID")
        with pytest.raises(SignatureRefused):
            public.verify(b"m", signature)
        assert SM2SigningKey(key.private_bytes(), public, backend=verifier).public == key.public


# Choosing one


def test_gmssl_signs_only_where_that_was_allowed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("MSB_SM2_SLOW_SIGNING", raising=False)
    careful = sm2_backend(GMSSL)
    x, y = (value.to_bytes(32, "big") for value in make_sm2_negative.PUBLIC)
    private = make_sm2_negative.D.to_bytes(32, "big")
    SM2VerifyingKey(x, y, backend=careful)
    with pytest.raises(NoBackend, match="not allowed"):
        SM2SigningKey.generate(backend=careful)
    with pytest.raises(NoBackend, match="not allowed"):
        SM2SigningKey(private, SM2VerifyingKey(x, y), backend=careful)
    monkeypatch.setenv("MSB_SM2_SLOW_SIGNING", "1")
    SM2SigningKey.generate(backend=sm2_backend(GMSSL)).sign(b"m")


def test_the_environment_chooses_the_backend(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MSB_SM2_BACKEND", GMSSL)
    assert sm2_backend().name == "gmssl"
    monkeypatch.setenv("MSB_SM2_BACKEND", LIBCRYPTO)
    assert "libcrypto" in sm2_backend().name
    monkeypatch.setenv("MSB_SM2_BACKEND", "botan")
    with pytest.raises(NoBackend, match="'botan'"):
        sm2_backend()


def test_without_a_good_libcrypto_gmssl_verifies(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    from msb_identity.pki import libcrypto
    from msb_identity.pki import sm2_backend as module

    def none() -> object:
        message = "no libcrypto here"
        raise NoBackend(message)

    monkeypatch.delenv("MSB_SM2_BACKEND", raising=False)
    monkeypatch.delenv("MSB_LIBCRYPTO", raising=False)
    monkeypatch.setattr(libcrypto, "library", none)
    module._say_slow.cache_clear()  # noqa: SLF001 - another test may have been told
    assert sm2_backend().name == "gmssl"
    assert "pure Python" in caplog.text
    monkeypatch.setenv("MSB_LIBCRYPTO", "named.so")
    with pytest.raises(NoBackend, match="no libcrypto here"):
        sm2_backend()


def test_gmssl_with_a_nonce_of_its_own_is_not_taken() -> None:
    from gmssl.sm2 import CryptSM2  # type: ignore[import-untyped]

    from msb_identity.pki.gmssl_backend import GmsslBackend

    class OwnNonce(CryptSM2):  # type: ignore[misc]
        def sign(self, data: bytes, K: str) -> object:  # noqa: N803 - gmssl's own name
            return super().sign(data, f"{int(K, 16) ^ 2:064x}")

    backend = GmsslBackend(OwnNonce, allow_signing=True)
    prove(backend)
    with pytest.raises(NoBackend, match="nonce"):
        backend.prove_nonce()


# Z for each signer's ID


def test_z_is_kept_for_a_few_ids_only() -> None:
    key = SM2VerifyingKey(*(value.to_bytes(32, "big") for value in make_sm2_negative.PUBLIC))
    for number in range(1_000):
        key.digest(b"m", b"%d" % number)
    assert len(key._z) <= 16  # noqa: SLF001 - nothing else shows what is kept
    assert key.digest(b"m", b"999") != key.digest(b"m", b"998")
