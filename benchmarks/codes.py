"""Checking codes: against the bare signature checks in them, and from picture to verdict.

code_check_vs_floor: rate of whole offline checks over the rate of their signature checks alone.
Run: python benchmarks/codes.py [--quick] [--json]
"""

from __future__ import annotations

import io
import statistics
import tempfile
import time
from datetime import UTC, datetime, timedelta
from importlib import resources
from pathlib import Path

from _measure import arguments, rates, report
from PIL import Image

from msb_identity.pki.keys import KeyKind, SigningKey, generate_key
from msb_wallet.cards.pack import printed_code
from msb_wallet.codes.present import show_offline
from msb_wallet.codes.qr import draw_png
from msb_wallet.demo.sizes import code_sizes
from msb_wallet.folder import CONFIGURATION_FILE, DataFolder
from msb_wallet.licences.rows import read_rows
from msb_wallet.licences.store import find_licence
from msb_wallet.scan.verifier import Verifier

NOW = datetime(2026, 11, 22, 8, tzinfo=UTC)
FRAME = (1280, 720)


def main() -> None:
    """Measure and print."""
    options = arguments(__doc__)
    with tempfile.TemporaryDirectory() as name:
        folder = DataFolder(Path(name))
        printed, credential, device = _licence(folder)
        verifier = Verifier.from_trust(folder.trust)
        sm2, p256 = generate_key(KeyKind.SM2), generate_key(KeyKind.P256)
        sm2_signature, p256_signature = sm2.sign(b"m" * 300), p256.sign(b"m" * 300)

        def shown() -> None:
            report_ = verifier.scan(show_offline(credential, device, now=NOW), now=NOW)
            assert report_.verdict == "valid", report_.as_text()

        found = rates(
            {
                "sm2_verify": lambda: sm2.public.verify(b"m" * 300, sm2_signature),
                "p256_verify": lambda: p256.public.verify(b"m" * 300, p256_signature),
                "p256_sign": lambda: p256.sign(b"m" * 300),
                "check_printed_sm2": lambda: verifier.scan(printed, now=NOW),
                "make_and_check_shown_sm2_es256": shown,
            },
            quick=options.quick,
        )
        picture = _pictures(verifier, printed, count=30 if options.quick else 200)
    ratios = {"code_check_vs_floor": found["check_printed_sm2"] / found["sm2_verify"]}
    sizes = {
        f"{size.fields} fields": f"MSB1 {size.printed_chars} characters QR {size.printed_version}-M"
        f", MSB2 {size.offline_chars} characters QR {size.offline_version}-M"
        for size in code_sizes()
    }
    found["picture_to_verdict"] = 1 / picture["median_seconds"]
    report(found, ratios, as_json=options.json, picture_to_verdict=picture, code_sizes=sizes)


def _licence(folder: DataFolder) -> tuple[str, bytes, SigningKey]:
    """Issue one licence; give its printed code, a credential bound to a device, and the device."""
    demo = resources.files("msb_wallet.demo")
    folder.configuration_file.write_bytes(demo.joinpath(CONFIGURATION_FILE).read_bytes())
    folder.make_trust(now=NOW)
    issuer = folder.issuer("special-operation")
    rows = read_rows(io.BytesIO(demo.joinpath("rows.csv").read_bytes()), issuer.type)
    issued = next(issuer.issue_rows(rows, now=NOW - timedelta(days=1))).issued
    assert issued is not None
    folder.publish_status(now=NOW)
    device = generate_key(KeyKind.P256)
    credential = issuer.bind_device(issued.identifier, device.public, now=NOW)
    with folder.store.read() as connection:
        stored = find_licence(connection, issued.identifier.short)
    assert stored is not None
    return printed_code(stored), credential, device


def _pictures(verifier: Verifier, text: str, *, count: int) -> dict[str, float]:
    """Scan a code that fills part of a camera's frame, slightly turned; seconds by the clock."""
    code = Image.open(io.BytesIO(draw_png(text, module_pixels=5))).convert("L")
    frame = Image.new("L", FRAME, 210)
    turned = code.rotate(8, expand=True, fillcolor=255)
    frame.paste(turned, ((FRAME[0] - turned.width) // 2, (FRAME[1] - turned.height) // 2))
    out = io.BytesIO()
    frame.save(out, "JPEG", quality=85)
    picture, spent = out.getvalue(), []
    for _ in range(count):
        started = time.perf_counter()
        verdict = verifier.scan(picture, now=NOW).verdict
        spent.append(time.perf_counter() - started)
        assert verdict == "valid"
    return {
        "median_seconds": round(statistics.median(spent), 5),
        "p95_seconds": round(statistics.quantiles(spent, n=20)[-1], 5),
    }


if __name__ == "__main__":
    main()
