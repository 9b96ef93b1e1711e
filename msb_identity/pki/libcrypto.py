"""SM2 by a libcrypto of version 3 or later, through ctypes.

Only what `sm2.py` needs: make a key, take a key, sign and verify a 32-byte digest e. Encodings,
ranges, Z and the message digest are ours and are dealt with before a call reaches this module.
A library is used only after it has given the known answers (`sm2_answers`). ctypes releases the
interpreter lock during each call; EVP_PKEY objects may be shared between threads, contexts are
made per call. Source: OpenSSL manual pages EVP_PKEY_fromdata(3), EVP_PKEY_sign(3), EVP_PKEY-SM2(7).
"""

from __future__ import annotations

import ctypes
import ctypes.util
import logging
import os
import sys
from functools import cache
from pathlib import Path
from typing import Any

from msb_identity.errors import KeyRefused, NoBackend
from msb_identity.pki import der
from msb_identity.pki.curves import FIELD_BYTES
from msb_identity.pki.sm2_answers import prove

LIBRARY_VARIABLE = "MSB_LIBCRYPTO"
DIGEST_BYTES = 32
_MAX_SIGNATURE = 80
_OLDEST = 3 << 28
_PUBLIC, _PAIR = 0x86, 0x87  # OSSL_KEYMGMT_SELECT_…: parameters, public key, private key
_UNSIGNED, _UTF8, _OCTETS = 2, 4, 5

_SM2_ALGORITHM = der.sequence(der.oid("1.2.840.10045.2.1"), der.oid("1.2.156.10197.1.301"))

_log = logging.getLogger(__name__)
_pointer, _size, _int, _bytes = ctypes.c_void_p, ctypes.c_size_t, ctypes.c_int, ctypes.c_char_p
_SIGNATURES: dict[str, tuple[Any, tuple[Any, ...]]] = {
    "OpenSSL_version_num": (ctypes.c_ulong, ()),
    "ERR_clear_error": (None, ()),
    "EVP_PKEY_CTX_new_from_name": (_pointer, (_pointer, _bytes, _bytes)),
    "EVP_PKEY_CTX_new_from_pkey": (_pointer, (_pointer, _pointer, _bytes)),
    "EVP_PKEY_CTX_free": (None, (_pointer,)),
    "EVP_PKEY_free": (None, (_pointer,)),
    "EVP_PKEY_fromdata_init": (_int, (_pointer,)),
    "EVP_PKEY_fromdata": (_int, (_pointer, _pointer, _int, _pointer)),
    "EVP_PKEY_keygen_init": (_int, (_pointer,)),
    "EVP_PKEY_generate": (_int, (_pointer, _pointer)),
    "EVP_PKEY_pairwise_check": (_int, (_pointer,)),
    "EVP_PKEY_get_octet_string_param": (_int, (_pointer, _bytes, _bytes, _size, _pointer)),
    "EVP_PKEY_get_bn_param": (_int, (_pointer, _bytes, _pointer)),
    "BN_bn2binpad": (_int, (_pointer, _bytes, _int)),
    "BN_clear_free": (None, (_pointer,)),
    "EVP_PKEY_sign_init": (_int, (_pointer,)),
    "EVP_PKEY_sign": (_int, (_pointer, _bytes, _pointer, _bytes, _size)),
    "d2i_AutoPrivateKey": (_pointer, (_pointer, _pointer, ctypes.c_long)),
    "EVP_PKEY_verify_init": (_int, (_pointer,)),
    "EVP_PKEY_verify": (_int, (_pointer, _bytes, _size, _bytes, _size)),
}


class _Parameter(ctypes.Structure):
    """OSSL_PARAM(3)."""

    _fields_ = (
        ("key", _bytes),
        ("data_type", ctypes.c_uint),
        ("data", _pointer),
        ("data_size", _size),
        ("return_size", _size),
    )


class KeyHandle:
    """An EVP_PKEY that frees itself."""

    __slots__ = ("_library", "pointer")

    def __init__(self, library: LibCrypto, pointer: int | None) -> None:
        """Own `pointer`."""
        self._library, self.pointer = library, pointer

    def sign_digest(self, digest: bytes) -> bytes:
        """Sign e and give DER."""
        return self._library.sign_digest(self, digest)

    def verify_digest(self, digest: bytes, der: bytes) -> bool:
        """Whether the DER signature over e is this key's."""
        return self._library.verify_digest(self, digest, der)

    def __del__(self) -> None:
        """Free the key, and with it the private number that libcrypto holds."""
        self._library.c.EVP_PKEY_free(self.pointer)


class LibCrypto:
    """The SM2 operations of one loaded library."""

    def __init__(self, name: str) -> None:
        """Load it and declare what we call; OSError or AttributeError where that fails."""
        self.name = name
        self.c = ctypes.CDLL(name)
        for function, (result, arguments) in _SIGNATURES.items():
            bound = getattr(self.c, function)
            bound.restype, bound.argtypes = result, arguments
        self.version = int(self.c.OpenSSL_version_num())

    def generate(self) -> tuple[KeyHandle, bytes, bytes]:
        """Make a key; give it with the private number (32 bytes) and the point 04‖x‖y."""
        context = self.c.EVP_PKEY_CTX_new_from_name(None, b"SM2", None)
        try:
            made = _pointer()
            self._check(context, "no SM2 here")
            self._check(self.c.EVP_PKEY_keygen_init(context) == 1, "key generation")
            self._check(
                self.c.EVP_PKEY_generate(context, ctypes.byref(made)) == 1, "key generation"
            )
        finally:
            self.c.EVP_PKEY_CTX_free(context)
        handle = KeyHandle(self, made.value)
        return handle, self._private_number(handle), self._point(handle)

    def take(self, point: bytes, private: bytes | None = None) -> KeyHandle:
        """Take a public point 04‖x‖y, or a pair whose halves must belong together."""
        kept = [
            ctypes.create_string_buffer(b"SM2", 4),
            ctypes.create_string_buffer(point, len(point)),
        ]
        parameters = [
            _Parameter(b"group", _UTF8, ctypes.addressof(kept[0]), 3, 0),
            _Parameter(b"pub", _OCTETS, ctypes.addressof(kept[1]), len(point), 0),
        ]
        if private is not None:
            native = private if sys.byteorder == "big" else private[::-1]
            kept.append(ctypes.create_string_buffer(native, len(native)))
            parameters.append(
                _Parameter(b"priv", _UNSIGNED, ctypes.addressof(kept[2]), len(native), 0)
            )
        array = (_Parameter * (len(parameters) + 1))(*parameters, _Parameter())
        context = self.c.EVP_PKEY_CTX_new_from_name(None, b"SM2", None)
        try:
            made = _pointer()
            selection = _PUBLIC if private is None else _PAIR
            self._check(context, "no SM2 here")
            self._check(self.c.EVP_PKEY_fromdata_init(context) == 1, "key import")
            done = self.c.EVP_PKEY_fromdata(context, ctypes.byref(made), selection, array)
            self._check(done == 1, "SM2: the library refuses the key")
        finally:
            self.c.EVP_PKEY_CTX_free(context)
        handle = KeyHandle(self, made.value)
        if private is not None:
            self._check_pair(handle)
        return handle

    def point_of(self, private: bytes) -> bytes:
        """Give the point 04‖x‖y of a private number in range (RFC 5915 lets a file omit it)."""
        inner = der.sequence(der.integer(1), der.octet_string(private))
        info = der.sequence(der.integer(0), _SM2_ALGORITHM, der.octet_string(inner))
        start = ctypes.create_string_buffer(info, len(info))
        place = _pointer(ctypes.addressof(start))
        made = self.c.d2i_AutoPrivateKey(None, ctypes.byref(place), len(info))
        self._check(made, "SM2: the library refuses the private number")
        return self._point(KeyHandle(self, made))

    def sign_digest(self, key: KeyHandle, digest: bytes) -> bytes:
        """Sign e and give DER; the nonce is libcrypto's own."""
        context = self.c.EVP_PKEY_CTX_new_from_pkey(None, key.pointer, None)
        try:
            out = ctypes.create_string_buffer(_MAX_SIGNATURE)
            length = _size(_MAX_SIGNATURE)
            done = self.c.EVP_PKEY_sign_init(context) == 1 and (
                self.c.EVP_PKEY_sign(context, out, ctypes.byref(length), digest, len(digest)) == 1
            )
            self._check(done, "SM2 signing failed")
            return out.raw[: length.value]
        finally:
            self.c.EVP_PKEY_CTX_free(context)

    def verify_digest(self, key: KeyHandle, digest: bytes, der: bytes) -> bool:
        """Whether the DER signature over e is this key's."""
        context = self.c.EVP_PKEY_CTX_new_from_pkey(None, key.pointer, None)
        try:
            good = bool(
                self.c.EVP_PKEY_verify_init(context) == 1
                and self.c.EVP_PKEY_verify(context, der, len(der), digest, len(digest)) == 1
            )
        finally:
            self.c.EVP_PKEY_CTX_free(context)
        if not good:
            self.c.ERR_clear_error()
        return good

    def _check_pair(self, handle: KeyHandle) -> None:
        context = self.c.EVP_PKEY_CTX_new_from_pkey(None, handle.pointer, None)
        try:
            good = self.c.EVP_PKEY_pairwise_check(context) == 1
        finally:
            self.c.EVP_PKEY_CTX_free(context)
        self._check(good, "SM2: the private number does not belong to the public point")

    def _point(self, handle: KeyHandle) -> bytes:
        out = ctypes.create_string_buffer(1 + 2 * FIELD_BYTES)
        length = _size()
        done = self.c.EVP_PKEY_get_octet_string_param(
            handle.pointer, b"pub", out, len(out), ctypes.byref(length)
        )
        self._check(done == 1 and length.value == len(out), "reading the public point")
        return out.raw

    def _private_number(self, handle: KeyHandle) -> bytes:
        number = _pointer()
        done = self.c.EVP_PKEY_get_bn_param(handle.pointer, b"priv", ctypes.byref(number))
        self._check(done == 1, "reading the private number")
        try:
            out = ctypes.create_string_buffer(FIELD_BYTES)
            padded = self.c.BN_bn2binpad(number, out, FIELD_BYTES) == FIELD_BYTES
        finally:
            self.c.BN_clear_free(number)
        self._check(padded, "reading the private number")
        return out.raw

    def _check(self, good: object, what: str) -> None:
        if not good:
            self.c.ERR_clear_error()
            raise KeyRefused(what)


@cache
def library() -> LibCrypto:
    """Find, prove and keep the first good library; NoBackend names what was tried."""
    tried = []
    for name in _candidates():
        try:
            found = LibCrypto(name)
            if found.version < _OLDEST:
                tried.append(f"{name}: older than 3")
                continue
            prove(found)
        except (OSError, AttributeError, KeyRefused, NoBackend) as error:
            tried.append(f"{name}: {error}")
            continue
        _log.info("SM2 by %s, version %#x", name, found.version)
        return found
    message = "no libcrypto can do SM2 here (" + ("; ".join(tried) or "none found") + ")"
    raise NoBackend(message)


def _candidates() -> list[str]:
    """Names to try: the one named by the user alone, else Python's own, then the system's."""
    if named := os.environ.get(LIBRARY_VARIABLE):
        return [named]
    names = [*_loaded_by_python(), "libcrypto.so.3", ctypes.util.find_library("crypto") or ""]
    return [name for name in dict.fromkeys(names) if name]


def _loaded_by_python() -> list[str]:
    """Paths of the libcrypto that this interpreter's ssl module is linked to (Linux)."""
    import ssl

    _log.debug("Python's own library: %s", ssl.OPENSSL_VERSION)
    try:
        maps = Path("/proc/self/maps").read_text(encoding="utf-8", errors="replace")
    except OSError:
        return []
    paths = {line.split(maxsplit=5)[5] for line in maps.splitlines() if "/libcrypto" in line}
    return sorted(path for path in paths if Path(path).is_file())
