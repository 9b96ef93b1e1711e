"""SM3, HMAC-SM3 and SM4-GCM against vectors made elsewhere."""

from __future__ import annotations

import json
import re
from typing import TYPE_CHECKING, Any

import pytest
from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers import Cipher, modes
from cryptography.hazmat.primitives.ciphers.algorithms import SM4

from msb_identity.pki.sm import SM4GCM, hmac_sm3, hmac_sm3_is, sm3

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path


def blocks(path: Path, first: str) -> list[dict[str, str]]:
    """The cases of an evp test file, whose names may have spaces after them."""
    text = path.read_text(encoding="utf-8")
    found = [
        dict(re.findall(r"^(\w+)\s*= (.*)$", part, re.MULTILINE)) for part in text.split("\n\n")
    ]
    return [case for case in found if first in case]


def wycheproof(path: Path) -> Iterator[tuple[dict[str, Any], dict[str, Any]]]:
    for group in json.loads(path.read_text(encoding="utf-8"))["testGroups"]:
        for case in group["tests"]:
            yield group, case


def test_sm3_gives_openssl_own_answers(vectors: Path) -> None:
    cases = [
        c
        for c in blocks(vectors / "sm2" / "openssl_evpmd_sm3.txt", "Digest")
        if c["Digest"] == "SM3"
    ]
    assert cases
    for case in cases:
        data = case["Input"]
        given = data[1:-1].encode() if data.startswith('"') else bytes.fromhex(data)
        assert sm3(given) == bytes.fromhex(case["Output"])
        assert sm3(given[:5], given[5:]) == bytes.fromhex(case["Output"])


def test_sm4_gives_openssl_own_answers(vectors: Path) -> None:
    """ECB and CBC, the modes that key files and GCM are built on."""
    done = 0
    for case in blocks(vectors / "sm2" / "openssl_evpciph_sm4.txt", "Cipher"):
        mode = case["Cipher"].removeprefix("SM4-")
        if mode not in ("ECB", "CBC") or "Plaintext" not in case:
            continue
        key, plain, wanted = (bytes.fromhex(case[n]) for n in ("Key", "Plaintext", "Ciphertext"))
        chosen = modes.ECB() if mode == "ECB" else modes.CBC(bytes.fromhex(case["IV"]))  # noqa: S305
        worker = Cipher(SM4(key), chosen).encryptor()
        assert worker.update(plain) + worker.finalize() == wanted
        done += 1
    assert done >= 3


def test_hmac_sm3_gives_the_answers_of_wycheproof(vectors: Path) -> None:
    done = 0
    for group, case in wycheproof(vectors / "sm2" / "wycheproof_hmac_sm3_test.json"):
        key, message, tag = (bytes.fromhex(case[name]) for name in ("key", "msg", "tag"))
        good = hmac_sm3(key, message)[: group["tagSize"] // 8] == tag
        assert good == (case["result"] == "valid")
        if group["tagSize"] == 256:
            assert hmac_sm3_is(key, message, tag) == good
        else:
            assert not hmac_sm3_is(key, message, tag)
        done += 1
    assert done == 174


def test_sm4_gcm_gives_the_answers_of_wycheproof(vectors: Path) -> None:
    done = 0
    for _, case in wycheproof(vectors / "sm2" / "wycheproof_sm4_gcm_test.json"):
        key, nonce, data = (bytes.fromhex(case[name]) for name in ("key", "iv", "aad"))
        message, sealed = bytes.fromhex(case["msg"]), bytes.fromhex(case["ct"] + case["tag"])
        cipher = SM4GCM(key)
        if len(nonce) != 12:
            with pytest.raises(ValueError, match="12 bytes"):
                cipher.decrypt(nonce, sealed, data)
        elif case["result"] == "valid":
            assert cipher.encrypt(nonce, message, data) == sealed
            assert cipher.decrypt(nonce, sealed, data) == message
        else:
            with pytest.raises(InvalidTag):
                cipher.decrypt(nonce, sealed, data)
        done += 1
    assert done == 104


def test_sm4_gcm_refuses_other_keys_and_changed_bytes() -> None:
    cipher, nonce = SM4GCM(b"k" * 16), b"n" * 12
    sealed = cipher.encrypt(nonce, b"data", b"place")
    assert cipher.decrypt(nonce, sealed, b"place") == b"data"
    for wrong in (sealed[:-1], sealed[:15], b"", sealed + b"\0", b"\0" + sealed[1:]):
        with pytest.raises(InvalidTag):
            cipher.decrypt(nonce, wrong, b"place")
    with pytest.raises(InvalidTag):
        cipher.decrypt(nonce, sealed, None)
    for size in (0, 15, 24, 32):
        with pytest.raises(ValueError, match="16 bytes"):
            SM4GCM(b"k" * size)
