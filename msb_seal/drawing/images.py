"""Images placed in drawings: PNG, JPEG, GIF and BMP, opened by pillow within caps."""

from __future__ import annotations

import io
import warnings
from dataclasses import dataclass, field
from functools import cached_property
from typing import TYPE_CHECKING

from PIL import Image as Pillow

from msb_seal.errors import DrawingRefused

if TYPE_CHECKING:
    from pathlib import Path

MAX_IMAGE_BYTES = 64 << 20
MAX_IMAGE_PIXELS = 60_000_000
"""An A4 page at 600 dpi has 35 million."""
_FORMATS = ("PNG", "JPEG", "GIF", "BMP")


@dataclass(frozen=True)
class Image:
    """One image: its bytes as given and what they are ("PNG", "JPEG", "GIF", "BMP")."""

    data: bytes = field(repr=False)
    format: str
    width: int
    height: int
    mode: str

    @classmethod
    def read(cls, data: bytes) -> Image:
        """Read an image's head; DrawingRefused for another format or one beyond the caps."""
        if len(data) > MAX_IMAGE_BYTES:
            message = f"an image of {len(data)} bytes; at most {MAX_IMAGE_BYTES} are read"
            raise DrawingRefused(message)
        with _open(data) as opened:
            width, height = opened.size
            if width * height > MAX_IMAGE_PIXELS:
                message = f"an image of {width} × {height} pixels; at most {MAX_IMAGE_PIXELS}"
                raise DrawingRefused(message)
            return cls(data, str(opened.format), width, height, opened.mode)

    @classmethod
    def load(cls, path: Path) -> Image:
        """Read the image at a path; OSError where it cannot be had."""
        with path.open("rb") as file:
            return cls.read(file.read(MAX_IMAGE_BYTES + 1))

    @cached_property
    def pixels(self) -> Pillow.Image:
        """The pixels, as "RGB" or with transparency as "RGBA"; DrawingRefused if they are broken.

        Not to be changed: they are shared.
        """
        with _open(self.data) as opened:
            try:
                opened.load()
            except Exception as error:  # decoders meet broken bytes in their own ways
                message = f"{self.format} 图片已损坏 / the {self.format} image is broken"
                raise DrawingRefused(message) from error
            clear = "A" in opened.getbands() or "transparency" in opened.info
            return opened.convert("RGBA" if clear else "RGB")


def _open(data: bytes) -> Pillow.Image:
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", Pillow.DecompressionBombWarning)  # our cap is lower
            return Pillow.open(io.BytesIO(data), formats=_FORMATS)
    except Exception as error:
        message = "图片应为 PNG、JPEG、GIF 或 BMP / no image that can be read (PNG, JPEG, GIF, BMP)"
        raise DrawingRefused(message) from error
