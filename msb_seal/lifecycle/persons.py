"""Ids of persons and services: one spelling for each, so that two persons are two.

The rule of two persons compares ids. Whatever looks the same must therefore be the same, or be
refused: an id is of ASCII letters, digits, `. _ @ : -` and Chinese characters (CJK Unified
Ideographs; those that Unicode keeps for compatibility only are not among them), without spaces, and
capitals do not count. An id is what the caller's directory calls somebody; it is no name.
"""

from __future__ import annotations

import re
import unicodedata
from typing import TYPE_CHECKING

from msb_seal.lifecycle.sentences import refused

if TYPE_CHECKING:
    from msb_identity.foundation.protect import Protector

PERSON_DOMAIN = "seal-person"
"""The domain of HMACs under which persons stand in these tables."""
MAX_PERSON_CHARS = 100
_HAN = "\u3400-\u4dbf\u4e00-\u9fff\U00020000-\U0002ebef\U00030000-\U000323af"
_ID = re.compile(f"[A-Za-z0-9._@:{_HAN}-]{{1,{MAX_PERSON_CHARS}}}")


def check_person(person: str) -> str:
    """Give the one spelling of an id, under which it is compared; LifecycleRefused for no id."""
    if not _ID.fullmatch(person) or unicodedata.normalize("NFKC", person) != person:
        raise refused("person")
    return person.casefold()


def person_mark(protector: Protector, person: str) -> bytes:
    """Give the HMAC under which a person stands here; LifecycleRefused for what is no id."""
    return protector.index(PERSON_DOMAIN, check_person(person))


def is_named(person: str, name: str) -> bool:
    """Whether an id is somebody's very name, in any spelling of it."""
    plain = "".join(unicodedata.normalize("NFKC", name).split())
    return plain.casefold() == check_person(person)
