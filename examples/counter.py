"""窗口扫码 / A counter: scan pictures of codes given as arguments and say what they prove.

python examples/counter.py TRUST_FOLDER PICTURE…
"""

from __future__ import annotations

import sys
from pathlib import Path

from msb_identity import MsbError
from msb_wallet import Verifier


def main(arguments: list[str]) -> int:
    """Scan each picture; the exit status is 0 only when every code was accepted."""
    if len(arguments) < 2:
        sys.stderr.write(f"{__doc__}\n")
        return 2
    folder, *pictures = arguments
    try:
        return _scan_all(Verifier.from_trust(folder), pictures)
    except (MsbError, OSError) as error:  # no trust folder, or a file that is not there
        sys.stderr.write(f"{error}\n")
        return 2


def _scan_all(verifier: Verifier, pictures: list[str]) -> int:
    accepted = True
    for picture in pictures:
        report = verifier.scan(Path(picture))
        sys.stdout.write(f"{picture}\n{report.as_text()}\n\n")
        accepted = accepted and report.verdict == "valid"
    return 0 if accepted else 1


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
