"""Seal a folder on a dask cluster: here one on this machine, elsewhere any that sees the folders.

Workers are given names of files and nothing else: each opens seal and key itself, so that no key
travels. `Client.get_executor()` is an executor as any other.

Run: python examples/dask_batch.py IN OUT SEAL KEY CERTIFICATE
"""

from __future__ import annotations

import sys
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from dask.distributed import Client, LocalCluster

from msb_identity.foundation.files import read_private
from msb_identity.pki.formats import open_key_file
from msb_identity.x509.files import load_certificates
from msb_seal import At, DocumentBatch, KeySealer, parse_seal, seal_many
from msb_seal.batch import FolderListing, Outcome

if TYPE_CHECKING:
    from collections.abc import Iterator

PLACE = At(page=-1, x_mm=130, y_mm=220)


@contextmanager
def open_batch(
    seal: Path, key: Path, certificate: Path, _reservation: str
) -> Iterator[DocumentBatch]:
    """Open the seal in a worker."""
    sealer = KeySealer(
        parse_seal(seal.read_bytes()),
        load_certificates(certificate.read_bytes())[0],
        open_key_file(read_private(key)).key,
    )
    yield DocumentBatch(sealer, (PLACE,))


def main(words: list[str]) -> int:
    """Seal a folder, and say how many files came through."""
    source, output, seal, key, certificate = map(Path, words)
    # With a reserved use of a kept seal, see `registered` of seal_many.
    opener = partial(open_batch, seal.absolute(), key.absolute(), certificate.absolute())
    with (
        LocalCluster(n_workers=2, threads_per_worker=1, dashboard_address=None) as cluster,  # type: ignore[no-untyped-call]
        Client(cluster) as client,  # type: ignore[no-untyped-call]
    ):
        results = seal_many(
            FolderListing(source.absolute(), output.absolute()),
            output=output.absolute(),
            open_batch=opener,
            executor=client.get_executor(),
        )
        outcomes = [one.outcome for one in results]
    done = sum(one in {Outcome.SEALED, Outcome.PRESENT} for one in outcomes)
    sys.stdout.write(f"{done} of {len(outcomes)} sealed: {output / 'results.csv'}\n")
    return 0 if done == len(outcomes) else 1


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
