"""Pictures, decoded and encoded anew: what is kept is what was drawn, without the places and cameras that a file tells of."""

import base64
import io
import warnings
from dataclasses import dataclass

from PIL import Image, ImageOps, UnidentifiedImageError

FORMATS = ("PNG", "JPEG", "WEBP", "GIF")
MOST_PIXELS = 50_000_000
LONGEST_SIDE = 2048  # providers see no more of it
THUMBNAIL_SIDE = 256
LARGEST_PNG = 3 * 1024 * 1024  # a larger one is a photograph, and JPEG says the same in a tenth


class UnreadablePictureError(Exception):
    """It is no picture that can be drawn; the message is for the person."""


@dataclass(frozen=True, slots=True)
class Picture:
    """A picture as it is kept, and a small one of it as a data URI."""

    data: bytes
    media_type: str
    width: int
    height: int
    thumbnail: str


def is_picture(data: bytes) -> bool:
    """Whether the first bytes are those of a kind that can be attached."""
    return data.startswith((b"\x89PNG\r\n\x1a\n", b"\xff\xd8\xff", b"GIF87a", b"GIF89a")) or (
        data[:4] == b"RIFF" and data[8:12] == b"WEBP"
    )


def read(data: bytes) -> Picture:
    """Decode and encode anew. Of several frames the first is taken. Raises `UnreadablePictureError`."""
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("error", Image.DecompressionBombWarning)
            with Image.open(io.BytesIO(data), formats=FORMATS) as opened:
                drawn = _drawn(opened)
    except UnreadablePictureError:
        raise
    except (UnidentifiedImageError, Image.DecompressionBombError, Image.DecompressionBombWarning) as error:
        raise UnreadablePictureError("This picture can’t be read.") from error
    except (OSError, ValueError, SyntaxError, IndexError, EOFError, MemoryError) as error:  # what decoders raise for broken files
        raise UnreadablePictureError("This picture is broken or cut off: open it, save it again and attach that.") from error
    kept, media_type = _encoded(drawn)
    return Picture(kept, media_type, *drawn.size, thumbnail=_thumbnail(drawn))


def _drawn(opened: Image.Image) -> Image.Image:
    width, height = opened.size
    if width * height > MOST_PIXELS:
        raise UnreadablePictureError(
            f"This picture has {width:,} × {height:,} pixels; make it smaller than {MOST_PIXELS // 1_000_000} million."
        )
    opened.draft("RGB", (LONGEST_SIDE, LONGEST_SIDE))
    opened.load()
    # The few tags that are needed to draw it are used up here: none is written.
    turned = ImageOps.exif_transpose(opened)
    mode = "RGBA" if turned.has_transparency_data else "RGB"
    drawn = turned.convert(mode)
    drawn.thumbnail((LONGEST_SIDE, LONGEST_SIDE), Image.Resampling.LANCZOS)
    clean = Image.new(mode, drawn.size)
    clean.paste(drawn)
    clean.format = opened.format
    return clean


def _encoded(drawn: Image.Image) -> tuple[bytes, str]:
    if drawn.mode == "RGBA" or drawn.format in {"PNG", "GIF"}:
        png = io.BytesIO()
        drawn.save(png, "PNG")
        if drawn.mode == "RGBA" or png.tell() <= LARGEST_PNG:
            return png.getvalue(), "image/png"
    jpeg = io.BytesIO()
    drawn.save(jpeg, "JPEG", quality=88, optimize=True)
    return jpeg.getvalue(), "image/jpeg"


def _thumbnail(drawn: Image.Image) -> str:
    small = drawn.copy()
    small.thumbnail((THUMBNAIL_SIDE, THUMBNAIL_SIDE), Image.Resampling.LANCZOS)
    encoded = io.BytesIO()
    small.save(encoded, "WEBP", quality=72)
    return f"data:image/webp;base64,{base64.b64encode(encoded.getvalue()).decode()}"
