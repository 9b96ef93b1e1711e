"""The wallet's errors, under msb_identity's root.

MsbError
└── WalletError
    ├── TypeRefused           a licence type file that cannot be used
    ├── LicenceRefused        a row that cannot become a licence; `faults` names every reason
    ├── LicenceNotFound       no such licence, or not this holder's (never says which)
    ├── StatusRefused         a change of status that is not allowed
    ├── PresentRefused        a licence that may not be shown as asked
    ├── TrustRefused          a trust list that cannot be made or opened
    └── PictureRefused        a picture that cannot be read; `code` says why
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from msb_identity.errors import MsbError

if TYPE_CHECKING:
    from collections.abc import Sequence


class WalletError(MsbError):
    """The root of the wallet's errors."""


class TypeRefused(WalletError):
    """A licence type file that cannot be used."""


@dataclass(frozen=True, slots=True)
class Fault:
    """One reason why a row is refused; it names the column, never the value."""

    column: str
    code: str
    zh: str
    en: str
    title: str = ""

    @property
    def place(self) -> str:
        """The column as a clerk knows it: its code, and its Chinese name where it has one."""
        return f"{self.column} {self.title}".rstrip()


class LicenceRefused(WalletError):
    """A row that cannot become a licence."""

    def __init__(self, faults: Sequence[Fault]) -> None:
        """Keep every fault."""
        super().__init__("; ".join(f"{fault.column}: {fault.en}" for fault in faults))
        self.faults = tuple(faults)


class LicenceNotFound(WalletError):
    """No such licence here, or not this holder's."""


class StatusRefused(WalletError):
    """A change of status that is not allowed."""


class PresentRefused(WalletError):
    """A licence that may not be shown as asked."""


class TrustRefused(WalletError):
    """A trust list that cannot be made or opened."""


class PictureRefused(WalletError):
    """A picture that cannot be read; `code` is stable."""

    def __init__(self, code: str, message: str) -> None:
        """Keep the stable code."""
        super().__init__(message)
        self.code = code
