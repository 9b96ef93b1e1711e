"""The known answers that a backend must give before it is used for SM2.

The signature example of GM/T 0003.5-2012 on the recommended curve, and changed copies of it.
"""

from __future__ import annotations

from typing import Protocol

from msb_identity.errors import KeyRefused, NoBackend


class Handle(Protocol):
    """A key inside a backend; digests are e, 32 bytes, signatures strict DER in range."""

    def sign_digest(self, digest: bytes) -> bytes:
        """Sign e and give DER."""

    def verify_digest(self, digest: bytes, der: bytes) -> bool:
        """Whether the signature over e is this key's."""


class SM2Backend(Protocol):
    """What can do SM2: points are 04‖x‖y and on the curve, private numbers 32 bytes in range."""

    name: str

    def generate(self) -> tuple[Handle, bytes, bytes]:
        """Make a key; give it with the private number and the point."""

    def take(self, point: bytes, private: bytes | None = None) -> Handle:
        """Take a point, or a pair; KeyRefused unless its halves belong together."""

    def point_of(self, private: bytes) -> bytes:
        """Give the point of a private number."""


POINT = bytes.fromhex(
    "0409F9DF311E5421A150DD7D161E4BC5C672179FAD1833FC076BB08FF356F35020"
    "CCEA490CE26775A52DC6EA718CC1AA600AED05FBF35E084A6632F6072DA9AD13"
)
PRIVATE = bytes.fromhex("3945208F7B2144B13F36E38AC6D39F95889393692860B51A42FB81EF4DF7C5B8")
NONCE = bytes.fromhex("59276E27D506861A16680F3AD9C02DCCEF3CC1FA3CDBE4CE6D54B80DEAC1BC21")
DIGEST = bytes.fromhex("F0B43E94BA45ACCAACE692ED534382EB17E6AB5A19CE7B31F4486FDFC0D28640")
SIGNATURE = bytes.fromhex(
    "3046022100F5A03B0648D2C4630EEAC513E1BB81A15944DA3827D5B74143AC7EACEEE720B3"
    "022100B1B6AA29DF212FD8763182BC0D421CA1BB9038FD1F7F42D4840B69C485BBC1AA"
)


def prove(backend: SM2Backend, *, signing: bool = True) -> None:
    """Raise KeyRefused or NoBackend unless the backend gives the known answers, good and bad."""
    public = backend.take(POINT)
    answers = [
        public.verify_digest(DIGEST, SIGNATURE),
        not public.verify_digest(_changed(DIGEST), SIGNATURE),
        not public.verify_digest(DIGEST, _changed(SIGNATURE)),
    ]
    if signing:
        pair = backend.take(POINT, PRIVATE)
        own = pair.sign_digest(DIGEST)
        answers += [
            _refuses(backend, _changed(PRIVATE)),
            public.verify_digest(DIGEST, own),
            own != pair.sign_digest(DIGEST),  # a fixed nonce would give the key away
            backend.point_of(PRIVATE) == POINT,
        ]
    if not all(answers):
        message = f"{backend.name} gives wrong answers for SM2"
        raise NoBackend(message)


def _refuses(backend: SM2Backend, private: bytes) -> bool:
    try:
        backend.take(POINT, private)
    except KeyRefused:
        return True
    return False


def _changed(data: bytes) -> bytes:
    return data[:-1] + bytes((data[-1] ^ 1,))
