"""The seals' errors, under msb_identity's root.

MsbError
└── SealError
    ├── SealRefused        a seal or a seal signature whose structure cannot be read, or be made so
    ├── TimestampRefused   a time-stamp token that cannot be read, or could not be had
    ├── CmsRefused         a CMS signature that cannot be read
    ├── OfdRefused         an OFD that cannot be read or written; `code` says why
    ├── PdfRefused         a PDF that cannot be read or written; `code` says why
    ├── DrawingRefused     a text, font or picture that cannot be drawn
    ├── SealingRefused     a sealing that is not allowed, or cannot be done; `code` says why
    └── LifecycleRefused   a change in a seal's life that is not allowed; `code` says why

Bad documents do not raise: `check_…` functions answer with a Report.
"""

from __future__ import annotations

from msb_identity.errors import MsbError


class SealError(MsbError):
    """The root of the seals' errors."""


class SealRefused(SealError):
    """A seal or seal signature whose structure is broken, or beyond a cap."""


class TimestampRefused(SealError):
    """A time-stamp token that is broken, or that no authority gave."""


class CmsRefused(SealError):
    """A CMS signature whose structure is broken, or beyond a cap."""


class DrawingRefused(SealError):
    """A text, font or picture that cannot be drawn."""


class _Coded(SealError):
    """An error with a stable code and a sentence in both languages."""

    def __init__(self, code: str, zh: str, en: str) -> None:
        """Keep the stable code and both sentences."""
        super().__init__(f"{zh} / {en}")
        self.code, self.zh, self.en = code, zh, en

    def __reduce__(self) -> tuple[type[_Coded], tuple[str, str, str]]:
        """Travel between processes with code and sentences: batches run in workers."""
        return type(self), (self.code, self.zh, self.en)


class OfdRefused(_Coded):
    """An OFD that cannot be read, or not be written as asked."""


class PdfRefused(_Coded):
    """A PDF that cannot be read, or not be written as asked."""


class SealingRefused(_Coded):
    """A sealing that is not allowed, or cannot be done as asked."""


class LifecycleRefused(_Coded):
    """A change in a seal's life, or a use of it, that is not allowed."""
