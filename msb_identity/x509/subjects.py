"""Subject: the name that a new certificate is to carry (GB/T 20518: C, ST, L, O, OU, CN)."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING

from msb_identity.errors import AuthorityRefused
from msb_identity.foundation.text import is_showable
from msb_identity.x509 import oids

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

# RFC 5280 appendix A.1: the upper bounds, in characters.
_BOUNDS: Mapping[str, int] = {
    oids.COUNTRY: 2,
    oids.PROVINCE: 128,
    oids.LOCALITY: 128,
    oids.ORGANISATION: 64,
    oids.UNIT: 64,
    oids.TITLE: 64,
    oids.SERIAL_NUMBER: 64,
    oids.COMMON_NAME: 64,
}
_OTHERS = 255  # what a request may carry besides, as an e-mail address
_OIDS = {oids.ATTRIBUTE_NAMES[oid].upper(): oid for oid in _BOUNDS}
_PART = re.compile(r"\s*([A-Za-z]+)\s*=\s*((?:[^,\\]|\\.)*)(?:,|$)")
_COUNTRY = re.compile(r"[A-Z]{2}")


@dataclass(frozen=True, slots=True)
class Subject:
    """Attributes as (dotted OID, text), from the country down to the common name."""

    attributes: tuple[tuple[str, str], ...]

    def __post_init__(self) -> None:
        """Refuse what no certificate may carry."""
        for oid, _ in self.attributes:
            if oid not in _BOUNDS:
                message = f"a subject here has no {oids.ATTRIBUTE_NAMES.get(oid, oid)}"
                raise AuthorityRefused(message)
        check_attributes(self.attributes)

    @classmethod
    def of(
        cls,
        common_name: str,
        *,
        organisation: str = "",
        unit: str = "",
        locality: str = "",
        province: str = "",
        country: str = "CN",
    ) -> Subject:
        """Make a subject in the order of GB/T 20518; empty parts are left out."""
        parts = (
            (oids.COUNTRY, country),
            (oids.PROVINCE, province),
            (oids.LOCALITY, locality),
            (oids.ORGANISATION, organisation),
            (oids.UNIT, unit),
            (oids.COMMON_NAME, common_name),
        )
        return cls(tuple((oid, text) for oid, text in parts if text))

    @classmethod
    def parse(cls, text: str) -> Subject:
        r"""Read "C=CN, O=某市数据局, CN=电子签章"; a comma in a value is written \,."""
        attributes, at = [], 0
        while at < len(text):
            part = _PART.match(text, at)
            oid = _OIDS.get(part[1].upper()) if part else None
            if part is None or oid is None:
                message = f"a subject is written as C=CN, O=…, CN=… with {', '.join(_OIDS)}"
                raise AuthorityRefused(message)
            attributes.append((oid, re.sub(r"\\(.)", r"\1", part[2]).strip()))
            at = part.end()
        return cls(tuple(attributes))


def check_attributes(attributes: Sequence[tuple[str, str]]) -> None:
    """Refuse, with AuthorityRefused, a subject that nobody could read, whoever wrote it."""
    named = [oid for oid, _ in attributes]
    if named.count(oids.COMMON_NAME) != 1 or named.count(oids.COUNTRY) > 1:
        message = "a subject has one common name (CN) and at most one country (C)"
        raise AuthorityRefused(message)
    for oid, text in attributes:
        if not text.strip() or len(text) > _BOUNDS.get(oid, _OTHERS) or not is_showable(text):
            message = f"{oids.ATTRIBUTE_NAMES.get(oid, oid)} is empty, too long or not text"
            raise AuthorityRefused(message)
        if oid == oids.COUNTRY and not _COUNTRY.fullmatch(text):
            message = "C is two capital letters"
            raise AuthorityRefused(message)
