"""What tests of several rooms share: parts that may be missing, and broken keys and signatures.

A test names a part it needs (`vectors`, `openssl`, …). Where the part is missing the test skips
with the reason, or fails if MSB_REQUIRE, a list with commas, names the part. Encodings are made by
hand here, not by the code under test.
"""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING, NoReturn

import pytest

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from msb_identity.pki import SigningKey
    from msb_identity.pki.curves import Curve

REQUIRE_VARIABLE = "MSB_REQUIRE"
ROOT = Path(__file__).parents[1]


def is_required(part: str) -> bool:
    """Whether MSB_REQUIRE names the part."""
    return part in [name.strip() for name in os.environ.get(REQUIRE_VARIABLE, "").split(",")]


def missing(part: str, reason: str) -> NoReturn:
    """Skip the test for want of a part, or fail it where the part is required."""
    if is_required(part):
        pytest.fail(f"{reason}, and {REQUIRE_VARIABLE} names {part}", pytrace=False)
    pytest.skip(reason)


def element(tag: int, *contents: bytes) -> bytes:
    """One DER element around the contents (X.690 section 8.1)."""
    content = b"".join(contents)
    if len(content) < 0x80:
        return bytes((tag, len(content))) + content
    length = len(content).to_bytes((len(content).bit_length() + 7) // 8, "big")
    return bytes((tag, 0x80 | len(length))) + length + content


def integer(value: int) -> bytes:
    """A DER INTEGER that is not negative."""
    return element(2, value.to_bytes(value.bit_length() // 8 + 1, "big"))


def signature_value(r: int, s: int) -> bytes:
    """SEQUENCE { INTEGER r, INTEGER s }."""
    return element(0x30, integer(r), integer(s))


def full_signature(key: SigningKey, message: bytes) -> tuple[int, int]:
    """Sign until r and s both fill 256 bits, which every fourth signature does."""
    while len(der := key.sign(message)) != 72:
        pass
    return int.from_bytes(der[5:37], "big"), int.from_bytes(der[40:], "big")


def respelt(r: int, s: int) -> Mapping[str, bytes]:
    """Other spellings of a signature that is good in strict DER; r and s must fill their bytes.

    A lax reader would find the same two numbers in each, so only strictness refuses them.
    """
    good, number_r, number_s = signature_value(r, s), integer(r), integer(s)
    body, raw_r, raw_s = good[2:], number_r[3:], number_s[3:]
    assert raw_r[0] & raw_s[0] & 0x80, "r and s must begin with a bit"
    return {
        "negative r": element(0x30, element(2, raw_r), number_s),
        "negative s": element(0x30, number_r, element(2, raw_s)),
        "a zero byte too many in r": element(0x30, element(2, b"\0\0", raw_r), number_s),
        "a zero byte too many in s": element(0x30, number_r, element(2, b"\0\0", raw_s)),
        "long-form length": bytes((0x30, 0x81, len(body))) + body,
        "long-form length of two bytes": bytes((0x30, 0x82, 0, len(body))) + body,
        "long-form length of r": element(0x30, b"\x02\x81", number_r[1:], number_s),
        "indefinite length": b"\x30\x80" + body + b"\0\0",
        "bytes after the end": good + b"\0",
        "bytes after s": element(0x30, body, b"\0"),
        "a third number": element(0x30, body, integer(1)),
        "null after s": element(0x30, body, b"\x05\0"),
        "a set": element(0x31, body),
        "numbers as octet strings": element(
            0x30, element(4, b"\0", raw_r), element(4, b"\0", raw_s)
        ),
        "no sequence": body,
        "one number": element(0x30, number_r),
        "a sequence within": element(0x30, good),
        "a length too short": bytes((0x30, len(body) - 1)) + body,
        "a length too long": bytes((0x30, len(body) + 1)) + body,
        "cut short": good[:-1],
        "only the head": good[:2],
        "an empty sequence": b"\x30\0",
        "empty": b"",
        "raw instead of DER": raw_r + raw_s,
        "raw with a 04 before": b"\x04" + raw_r + raw_s,
        "huge": element(0x30, body, b"\0" * 100_000),
        "huge numbers": element(0x30, element(2, b"\0" * 5_000, raw_r), element(2, raw_s)),
    }


def renumbered(r: int, s: int, n: int) -> Mapping[str, tuple[int, int]]:
    """Other numbers that a reader without range checks could take for r and s."""
    return {
        "r = 0": (0, s),
        "s = 0": (r, 0),
        "both 0": (0, 0),
        "r = n": (n, s),
        "s = n": (r, n),
        "both n": (n, n),
        "r + n": (r + n, s),
        "s + n": (r, s + n),
        "both + n": (r + n, s + n),
        "r and s swapped": (s, r),
        "r + 1": (r + 1, s),
        "s - 1": (r, s - 1),
        "both 1": (1, 1),
        "n - 1": (n - 1, n - 1),
        "r = 2^256 - 1": (2**256 - 1, s),
        "s = 2^256": (r, 2**256),
    }


def small_point(curve: Curve) -> tuple[int, int]:
    """A point with an x so small that x + p still fits in 32 bytes."""
    for x in range(1, 1_000):
        square = (x**3 + curve.a * x + curve.b) % curve.p
        y = pow(square, (curve.p + 1) // 4, curve.p)  # p ≡ 3 (mod 4) on both our curves
        if y * y % curve.p == square:
            return x, y
    raise AssertionError(curve.name)


def broken_points(curve: Curve) -> Mapping[str, tuple[bytes, bytes]]:
    """Coordinates that are no point of the curve, or not in their one form."""
    p, small = curve.p, small_point(curve)
    x, y = curve.gx.to_bytes(32, "big"), curve.gy.to_bytes(32, "big")
    numbers = {
        "(0, 0)": (0, 0),
        "off the curve": (curve.gx, curve.gy ^ 1),
        "x and y swapped": (curve.gy, curve.gx),
        "x + p": (small[0] + p, small[1]),
        "x = p": (p, curve.gy),
        "y = p": (curve.gx, p),
        "all bits": (2**256 - 1, 2**256 - 1),
    }
    return {
        **{
            name: (a.to_bytes(32, "big"), b.to_bytes(32, "big")) for name, (a, b) in numbers.items()
        },
        "empty": (b"", b""),
        "infinity of SEC 1": (b"\0", b""),
        "a byte too few": (x, y[1:]),
        "a zero byte too many": (b"\0" + x, y),
        "zero bytes behind": (x + b"\0", y + b"\0"),
        "both in one": (x + y, b""),
    }


_RACE_HEAD = """
import sys
arguments = sys.argv[1:]
def go():
    print("ready", flush=True)
    sys.stdin.readline()
"""


def run_race(script: str, *arguments: str, processes: int = 2) -> list[str]:
    """Run a script in several processes that all pass `go()` at the same moment.

    The script calls `go()` once, after its preparations; what it prints is given back.
    """
    environment = {**os.environ, "PYTHONPATH": str(ROOT), "PYTHONWARNINGS": "error"}
    running = [
        subprocess.Popen(
            [sys.executable, "-c", _RACE_HEAD + script, *arguments],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            env=environment,
        )
        for _ in range(processes)
    ]
    for process in running:
        assert process.stdout is not None
        if process.stdout.readline() != "ready\n":
            raise AssertionError(process.communicate()[1])
    for process in running:
        assert process.stdin is not None
        process.stdin.write("\n")
        process.stdin.flush()
    results = [process.communicate(timeout=120) for process in running]
    assert [process.returncode for process in running] == [0] * processes, results
    return [out.strip() for out, _ in results]


def console_of(
    main: Callable[[Sequence[str]], int], capsys: pytest.CaptureFixture[str]
) -> Callable[..., tuple[int, str, str]]:
    """Give what runs a command here, with its status and what it wrote to both streams."""

    def call(*arguments: object) -> tuple[int, str, str]:
        status = main([str(argument) for argument in arguments])
        out, err = capsys.readouterr()
        assert "Traceback" not in err
        return status, out, err

    return call
