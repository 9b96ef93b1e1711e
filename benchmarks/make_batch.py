"""Makes what a batch is tried with by hand: PDFs of one page, a kept seal, a user who may use it.

Into a new folder: in/ with so many files, key.pem, cert.pem, root.pem and data/ (the registry); the
command to run is printed. What came of it: docs/performance.md.

Run: python benchmarks/make_batch.py FOLDER COUNT [rsa|p256|sm2]
"""

from __future__ import annotations

import argparse
import sys
from contextlib import closing
from datetime import UTC, datetime
from pathlib import Path

from _sealing import PURPOSE, USER, document, keep_seal, open_store

from msb_identity.foundation.files import write_private_once
from msb_identity.pki.formats import encode_key
from msb_identity.pki.keys import KeyKind
from msb_identity.x509 import encode_pem

KINDS = {"rsa": KeyKind.RSA, "p256": KeyKind.P256, "sm2": KeyKind.SM2}
FOLDER_FILES = 1_000


def main() -> None:
    """Make them."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("folder", type=Path)
    parser.add_argument("count", type=int)
    parser.add_argument("kind", choices=KINDS, nargs="?", default="rsa")
    given = parser.parse_args()
    folder: Path = given.folder
    data = folder / "data"
    data.mkdir(parents=True, mode=0o700)
    now = datetime.now(UTC).replace(microsecond=0)
    with closing(open_store(data)) as store:
        kept = keep_seal(store, data, kind=KINDS[given.kind], now=now)
    write_private_once(folder / "key.pem", encode_key(kept.key))
    (folder / "cert.pem").write_bytes(encode_pem(kept.certificate))
    (folder / "root.pem").write_bytes(encode_pem(kept.root))
    content = document(1)
    identifier = content[content.rindex(b"/ID") :].partition(b"<")[2].partition(b">")[0]
    for number in range(given.count):
        path = folder / "in" / f"{number // FOLDER_FILES:04d}" / f"{number:07d}.pdf"
        if not number % FOLDER_FILES:
            path.parent.mkdir(parents=True)
        own = b"%0*d" % (len(identifier), number)  # so that no two are the same document
        path.write_bytes(content.replace(identifier, own))
    sys.stdout.write(
        f"msb-seal batch {folder}/in -o {folder}/out --record {kept.record} --user {USER} "
        f"--purpose {PURPOSE} --data {data} --key {folder}/key.pem --cert {folder}/cert.pem "
        "--place page=1,x=130,y=220 --jobs 2\n"
    )


if __name__ == "__main__":
    main()
