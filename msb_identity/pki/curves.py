"""The two 256-bit curves we sign with, and the checks on what is public about them.

Only public values are computed with here; arithmetic with private numbers belongs to a backend.
Sources: GB/T 32918.5 (sm2p256v1), SEC 2 section 2.4.2 (P-256).
"""

from __future__ import annotations

from dataclasses import dataclass

from msb_identity.errors import KeyRefused

FIELD_BYTES = 32


@dataclass(frozen=True, slots=True)
class Curve:
    """A short Weierstrass curve y² = x³ + ax + b over a prime field, cofactor 1."""

    name: str
    p: int
    a: int
    b: int
    n: int
    gx: int
    gy: int

    def check_point(self, x: int, y: int) -> None:
        """Raise KeyRefused unless (x, y) is a point of the curve in its shortest form."""
        if not (0 <= x < self.p and 0 <= y < self.p):
            message = f"{self.name}: a coordinate is outside the field"
            raise KeyRefused(message)
        if (y * y - (x * x * x + self.a * x + self.b)) % self.p:
            message = f"{self.name}: the point is not on the curve"
            raise KeyRefused(message)


SM2_CURVE = Curve(
    name="sm2p256v1",
    p=0xFFFFFFFEFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFF00000000FFFFFFFFFFFFFFFF,
    a=0xFFFFFFFEFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFF00000000FFFFFFFFFFFFFFFC,
    b=0x28E9FA9E9D9F5E344D5A9E4BCF6509A7F39789F515AB8F92DDBCBD414D940E93,
    n=0xFFFFFFFEFFFFFFFFFFFFFFFFFFFFFFFF7203DF6B21C6052B53BBF40939D54123,
    gx=0x32C4AE2C1F1981195F9904466A39C9948FE30BBFF2660BE1715A4589334C74C7,
    gy=0xBC3736A2F4F6779C59BDCEE36B692153D0A9877CC62A474002DF32E52139F0A0,
)
P256_CURVE = Curve(
    name="P-256",
    p=0xFFFFFFFF00000001000000000000000000000000FFFFFFFFFFFFFFFFFFFFFFFF,
    a=0xFFFFFFFF00000001000000000000000000000000FFFFFFFFFFFFFFFFFFFFFFFC,
    b=0x5AC635D8AA3A93E7B3EBBD55769886BC651D06B0CC53B0F63BCE3C3E27D2604B,
    n=0xFFFFFFFF00000000FFFFFFFFFFFFFFFFBCE6FAADA7179E84F3B9CAC2FC632551,
    gx=0x6B17D1F2E12C4247F8BCE6E563A440F277037D812DEB33A0F4A13945D898C296,
    gy=0x4FE342E2FE1A7F9B8EE7EB4A7C0F9E162BCE33576B315ECECBB6406837BF51F5,
)


def check_number(private: bytes, curve: Curve) -> int:
    """Give the private number of exactly 32 bytes; KeyRefused where it is out of range."""
    number = int.from_bytes(private, "big")
    # n - 1 has no SM2 signature: (1 + d) must be invertible (GB/T 32918.2 section 6.1).
    top = curve.n - 2 if curve is SM2_CURVE else curve.n - 1
    if len(private) != FIELD_BYTES or not 1 <= number <= top:
        message = f"{curve.name}: the private number is outside its range"
        raise KeyRefused(message)
    return number
