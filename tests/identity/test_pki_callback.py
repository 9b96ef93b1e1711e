"""Keys behind a callback that signs elsewhere."""

from __future__ import annotations

from typing import TYPE_CHECKING, cast

import pytest
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, padding, rsa, utils

from msb_identity.errors import (
    AlgorithmRefused,
    KeyRefused,
    SignatureRefused,
    SigningFailed,
)
from msb_identity.pki import (
    CallbackKey,
    SigningKey,
    encode_key,
    generate_key,
)
from msb_identity.pki.signatures import raw_from_der
from tests.identity.kinds import (
    ED,
    MESSAGE,
    P256,
    RSA,
    SM2,
    library_key,
    with_all_kinds,
)

if TYPE_CHECKING:
    from collections.abc import Callable

    from msb_identity.pki.sm2 import SM2VerifyingKey


@with_all_kinds
def test_a_key_behind_a_callback_signs(key: SigningKey) -> None:
    asked: list[bytes] = []

    def service(message: bytes) -> bytes:
        asked.append(message)
        return key.sign(message)

    remote = CallbackKey(key.public, service)
    key.public.verify(MESSAGE, remote.sign(MESSAGE))
    assert asked == [MESSAGE]
    assert remote.kind is key.kind
    with pytest.raises(KeyRefused, match="here"):
        remote.private_bytes()
    with pytest.raises(KeyRefused):
        encode_key(remote)


def test_a_callback_that_takes_the_digest_gets_the_right_one() -> None:
    def sign_sm2(digest: bytes) -> bytes:
        assert digest == cast("SM2VerifyingKey", SM2.public).digest(MESSAGE, b"ID")
        return raw_from_der(SM2.sign(MESSAGE, signer_id=b"ID"), SM2.public.curve)

    remote = CallbackKey(SM2.public, sign_sm2, takes_digest=True, gives_raw=True)
    SM2.public.verify(MESSAGE, remote.sign(MESSAGE, signer_id=b"ID"), signer_id=b"ID")

    prehashed = utils.Prehashed(hashes.SHA256())
    p256 = cast("ec.EllipticCurvePrivateKey", library_key(P256))
    rsa_key = cast("rsa.RSAPrivateKey", library_key(RSA))
    CallbackKey(P256.public, lambda e: p256.sign(e, ec.ECDSA(prehashed)), takes_digest=True).sign(
        MESSAGE
    )
    CallbackKey(
        RSA.public, lambda e: rsa_key.sign(e, padding.PKCS1v15(), prehashed), takes_digest=True
    ).sign(MESSAGE)


def test_callbacks_that_cannot_work_are_refused() -> None:
    with pytest.raises(AlgorithmRefused, match="digest"):
        CallbackKey(ED.public, ED.sign, takes_digest=True)
    with pytest.raises(AlgorithmRefused, match="form"):
        CallbackKey(RSA.public, RSA.sign, gives_raw=True)
    with pytest.raises(AlgorithmRefused, match="Z"):
        CallbackKey(SM2.public, SM2.sign).sign(MESSAGE, signer_id=b"ID")


def broken(error: BaseException) -> Callable[[bytes], bytes]:
    def service(_: bytes) -> bytes:
        raise error

    return service


@with_all_kinds
def test_whatever_a_callback_does_wrong_is_one_error(key: SigningKey) -> None:
    answers: list[object] = [b"", b"\0" * 64, None, "text", key.sign(b"another message")]
    answers += [generate_key(key.kind).sign(MESSAGE), key.sign(MESSAGE) + b"\0", bytes(100_000)]
    for answer in answers:
        remote = CallbackKey(key.public, lambda _, a=answer: a)  # type: ignore[misc]
        with pytest.raises(SigningFailed):
            remote.sign(MESSAGE)
    for error in (OSError("secret token"), ValueError(), KeyRefused("x"), SignatureRefused("x")):
        with pytest.raises(SigningFailed) as caught:
            CallbackKey(key.public, broken(error)).sign(MESSAGE)
        assert "secret" not in str(caught.value)
        assert caught.value.__cause__ is error
    with pytest.raises(KeyboardInterrupt):
        CallbackKey(key.public, broken(KeyboardInterrupt())).sign(MESSAGE)
