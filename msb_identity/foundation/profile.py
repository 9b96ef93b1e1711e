"""Which algorithms new things are made with; what there is stays readable under either."""

from __future__ import annotations

from enum import StrEnum


class Profile(StrEnum):
    """`gm`: SM2, SM3, SM4. `international`: P-256 or RSA, SHA-256, AES."""

    GM = "gm"
    INTERNATIONAL = "international"
