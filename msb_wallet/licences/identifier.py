"""The licence identifier 电子证照标识 (GB/T 36904-2018).

1.2.156.3005.2.TYPE.ISSUER.SERIAL.VERSION.CHECK, where TYPE is the defining authority's unified
credit code and three digits, ISSUER the issuing authority's credit code (or, in some real systems,
a six-digit division code), VERSION counts from 001, and CHECK is ISO/IEC 7064 MOD 37,36 over the
four parts before it without the points. Serials that we make are random and carry no personal data.
"""

from __future__ import annotations

import re
import secrets
from dataclasses import dataclass, field

from msb_identity.errors import IdentifierRefused

ROOT = "1.2.156.3005.2"
ALPHABET = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZ"
SERIAL_LENGTH = 20
MAX_CHARS = 160
MAX_VERSION = 999
_TYPE = re.compile(r"[0-9A-Z]{18}[0-9]{3}", re.ASCII)
_ISSUER = re.compile(r"[0-9A-Z]{18}|[0-9]{6}", re.ASCII)
_SERIAL = re.compile(r"[0-9A-Z]{1,64}", re.ASCII)
_VERSION = re.compile(r"[0-9]{3}", re.ASCII)
_CHECK = re.compile(r"[0-9A-Z]", re.ASCII)
_FORMS = (_TYPE, _ISSUER, _SERIAL, _VERSION, _CHECK)
_DIVISION_LENGTH = 6


@dataclass(frozen=True, slots=True)
class LicenceIdentifier:
    """A well-formed identifier; `str()` gives it with the root."""

    type_code: str
    issuer_code: str
    serial: str
    version: int
    short: str = field(init=False, repr=False, compare=False)
    """The identifier without the root, as codes and tables carry it."""

    def __post_init__(self) -> None:
        """Refuse parts that no identifier can have, and compute the check character."""
        parts = (self.type_code, self.issuer_code, self.serial, f"{self.version:03d}")
        _match((*parts, "0"))
        if self.version < 1:
            raise _refused("version", "版本号应从001起", "the version starts at 001")
        short = ".".join((*parts, check_character("".join(parts))))
        object.__setattr__(self, "short", short)

    @classmethod
    def new(cls, type_code: str, issuer_code: str) -> LicenceIdentifier:
        """Make a first version with a random serial of about 103 bits."""
        number, serial = secrets.randbelow(len(ALPHABET) ** SERIAL_LENGTH), ""
        for _ in range(SERIAL_LENGTH):
            number, digit = divmod(number, len(ALPHABET))
            serial += ALPHABET[digit]
        return cls(type_code, issuer_code, serial, 1)

    @classmethod
    def parse(cls, text: str) -> LicenceIdentifier:
        """Read an identifier, with the root or without; IdentifierRefused names what is wrong."""
        if len(text) > MAX_CHARS:
            raise _refused("length", "电子证照标识过长", "too long for a licence identifier")
        parts = tuple(text.removeprefix(ROOT + ".").split("."))
        if len(parts) != len(_FORMS):
            raise _refused("parts", "电子证照标识应有六段", "a licence identifier has six parts")
        _match(parts)
        identifier = cls(parts[0], parts[1], parts[2], int(parts[3]))
        if identifier.check != parts[4]:
            raise _refused("check", "电子证照标识校验位不符", "the check character does not match")
        return identifier

    @property
    def check(self) -> str:
        """The check character."""
        return self.short[-1]

    @property
    def issuer_is_division(self) -> bool:
        """Whether the issuer is named by a division code, against the standard but in real use."""
        return len(self.issuer_code) == _DIVISION_LENGTH

    def __str__(self) -> str:
        """Give the whole identifier."""
        return f"{ROOT}.{self.short}"


def check_character(body: str) -> str:
    """Give the ISO/IEC 7064 hybrid MOD 37,36 check character (GB/T 17710)."""
    product = len(ALPHABET)
    for character in body:
        total = (product + int(character, 36)) % 36
        product = (total or 36) * 2 % 37
    return ALPHABET[(37 - product) % 36]


def _match(parts: tuple[str, ...]) -> None:
    names = ("type", "issuer", "serial", "version", "check")
    for name, form, part in zip(names, _FORMS, parts, strict=True):
        if not form.fullmatch(part):
            raise _refused(
                name, "电子证照标识格式不符", f"the {name} part is not as GB/T 36904 says"
            )


def _refused(code: str, zh: str, en: str) -> IdentifierRefused:
    return IdentifierRefused(f"licence-identifier-{code}", zh, en)
