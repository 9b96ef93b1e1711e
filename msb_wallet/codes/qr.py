"""Pictures of codes: drawn by `qrcode`, read by `zxing-cpp`.

Reading is capped in bytes and in pixels before anything is decoded, takes PNG, JPEG, WebP, BMP and
GIF only, and gives back every QR code in the picture: whoever calls decides what two of them mean.
"""

from __future__ import annotations

import io
import warnings
from typing import TYPE_CHECKING, Any

import qrcode
from qrcode.constants import ERROR_CORRECT_M
from qrcode.exceptions import DataOverflowError
from qrcode.image.pil import PilImage
from qrcode.image.svg import SvgPathImage

from msb_wallet.errors import PictureRefused, PresentRefused

if TYPE_CHECKING:
    from PIL.Image import Image

MAX_PICTURE_BYTES = 8_000_000
MAX_PIXELS = 40_000_000
_QUIET_ZONE = 4  # modules, ISO/IEC 18004 section 6.3.8
_FORMATS = ("PNG", "JPEG", "WEBP", "BMP", "GIF")


def draw_png(text: str, *, module_pixels: int = 6) -> bytes:
    """Draw a QR code (level M) as a black and white PNG with its quiet zone.

    PresentRefused where the text is too long for any QR code of that level; so do the others.
    """
    out = io.BytesIO()
    _code(text, module_pixels).make_image(image_factory=PilImage).save(out, "PNG")
    return out.getvalue()


def draw_svg(text: str) -> bytes:
    """Draw a QR code (level M) as an SVG with its quiet zone, sized in millimetres."""
    out = io.BytesIO()
    _code(text, 10).make_image(image_factory=SvgPathImage).save(out)
    return out.getvalue()


def qr_version(text: str) -> int:
    """Give the size of the QR code that a text needs: 1 (21 modules a side) to 40 (177)."""
    version: int = _code(text, 1).version
    return version


def read_picture(picture: bytes) -> list[str]:
    """Give the texts of all QR codes in a picture; PictureRefused where it cannot be read."""
    if len(picture) > MAX_PICTURE_BYTES:
        raise PictureRefused("picture-too-large", f"more than {MAX_PICTURE_BYTES} bytes")
    import zxingcpp

    image = _open(picture)
    try:
        found = zxingcpp.read_barcodes(
            image,
            formats=zxingcpp.BarcodeFormats([zxingcpp.BarcodeFormat.QRCode]),
            text_mode=zxingcpp.TextMode.Plain,
        )
    except (ValueError, RuntimeError, TypeError, MemoryError) as error:
        raise PictureRefused("picture-unreadable", type(error).__name__) from error
    return [item.text for item in found]


def _open(picture: bytes) -> Image:
    """Decode to grey within the caps; only the header is read before the size is known."""
    from PIL import Image as Pillow

    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # Pillow warns of what we refuse or do not use
            image = Pillow.open(io.BytesIO(picture), formats=_FORMATS)
            if image.width * image.height > MAX_PIXELS:
                raise PictureRefused("picture-too-large", f"more than {MAX_PIXELS} pixels")
            if image.mode in ("RGBA", "LA", "PA") or "transparency" in image.info:
                # A code on a transparent ground is meant to be seen on paper.
                coloured = image.convert("RGBA")
                paper = Pillow.new("L", coloured.size, "white")
                paper.paste(coloured.convert("L"), mask=coloured.getchannel("A"))
                return paper
            return image.convert("L")
    except PictureRefused:
        raise
    except Pillow.DecompressionBombError as error:
        raise PictureRefused("picture-too-large", f"more than {MAX_PIXELS} pixels") from error
    except Exception as error:
        # Pillow's decoders raise whatever they like on damaged files; it all means the same.
        raise PictureRefused("picture-unreadable", type(error).__name__) from error


def _code(text: str, module_pixels: int) -> qrcode.QRCode[Any]:
    code: qrcode.QRCode[Any] = qrcode.QRCode(
        error_correction=ERROR_CORRECT_M, box_size=module_pixels, border=_QUIET_ZONE
    )
    code.add_data(text, optimize=0)
    try:
        code.make(fit=True)
    except (DataOverflowError, ValueError) as error:  # both, depending on where it notices
        message = "a code too long for a QR code of level M"
        raise PresentRefused(message) from error
    return code
