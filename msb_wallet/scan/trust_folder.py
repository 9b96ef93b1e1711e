"""A folder with a trust list and the pinned key of its signer, watched while a window is open."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta
from typing import TYPE_CHECKING

from msb_identity.envelopes.keyfiles import read_verifying_key
from msb_identity.errors import EncodingRefused, KeyRefused, StoreError
from msb_identity.foundation.files import open_regular
from msb_wallet.errors import TrustRefused
from msb_wallet.scan.regions import (
    LIST_FILE,
    MAX_LIST_BYTES,
    SIGNER_FILE,
    TrustList,
    open_trust_list,
)

if TYPE_CHECKING:
    from datetime import datetime
    from pathlib import Path

    from msb_identity.pki.keys import VerifyingKey
    from msb_wallet.scan.memory import Memory

FUTURE_TOLERANCE = timedelta(seconds=60)


@dataclass(frozen=True, slots=True)
class OpenedList:
    """The list as it stands: what is in it, if its signature held, and what is wrong with it."""

    trust: TrustList | None
    problem: str | None
    detail: str = ""


def pinned_signer(folder: Path) -> VerifyingKey:
    """Read the key that signs the folder's list; TrustRefused where key or list is not there."""
    try:
        signer = read_verifying_key(folder / SIGNER_FILE)
    except (StoreError, KeyRefused, EncodingRefused) as error:
        message = f"the pinned key {SIGNER_FILE} cannot be used: {error}"
        raise TrustRefused(message) from error
    if not (folder / LIST_FILE).is_file():
        message = f"there is no {LIST_FILE} in {folder.name}"
        raise TrustRefused(message)
    return signer


class TrustFolder:
    """Gives the present trust list; a new file in its place is taken up at the next scan."""

    def __init__(self, folder: Path, signer: VerifyingKey, memory: Memory) -> None:
        """Take the folder, the key that `pinned_signer` gave, and where versions are remembered."""
        self._path = folder / LIST_FILE
        self._signer, self._memory = signer, memory
        self._stamp: tuple[int, int, int] | None = None
        self._opened = OpenedList(None, "unreadable")

    def current(self, now: datetime) -> OpenedList:
        """Give the list, and judge its age at `now`."""
        self._refresh()
        trust = self._opened.trust
        if trust is None or self._opened.problem is not None:
            return self._opened
        detail = f"version {trust.version}, until {trust.expires_at:%Y-%m-%dT%H:%M:%SZ}"
        if now >= trust.expires_at:
            return OpenedList(trust, "expired", detail)
        if trust.issued_at - now > FUTURE_TOLERANCE:
            return OpenedList(trust, "from-future", detail)
        return OpenedList(trust, None, detail)

    def _refresh(self) -> None:
        try:
            found = self._path.stat()
            stamp = (found.st_mtime_ns, found.st_size, found.st_ino)
            if stamp == self._stamp:
                return
            with open_regular(self._path) as file:
                text = file.read(MAX_LIST_BYTES + 1).decode("ascii").strip()
        except (OSError, UnicodeDecodeError) as error:
            self._stamp, self._opened = None, OpenedList(None, "unreadable", type(error).__name__)
            return
        self._opened = self._open(text)
        # What could not be judged (the state file locked) is tried again at the next scan.
        self._stamp = stamp if self._opened.problem != "unreadable" else None

    def _open(self, text: str) -> OpenedList:
        try:
            trust = open_trust_list(text, signer=self._signer)
            problem = self._memory.accept_list(trust, signer=self._signer.key_id_text)
        except TrustRefused as error:
            return OpenedList(None, "unreadable", str(error))
        except StoreError as error:
            return OpenedList(None, "unreadable", str(error))
        return OpenedList(trust, problem, f"version {trust.version}" if problem else "")
