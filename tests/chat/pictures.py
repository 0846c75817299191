"""Pictures for tests, drawn on the spot."""

import io
from typing import Any

from PIL import Image


def drawn(
    kind: str = "PNG", *, size: tuple[int, int] = (64, 48), color: Any = (200, 30, 30), mode: str = "RGB", **options: Any
) -> bytes:
    """The bytes of a picture in one color."""
    encoded = io.BytesIO()
    Image.new(mode, size, color).save(encoded, kind, **options)
    return encoded.getvalue()


def with_place() -> bytes:
    """A photograph that tells where, when and by which camera it was taken, lying on its side."""
    exif = Image.Exif()
    exif[0x010F] = "Looking Glass Cameras"
    exif[0x0112] = 6  # to be turned by 90 degrees
    exif.get_ifd(0x8825).update({1: "N", 2: (51.0, 45.0, 7.0), 3: "W", 4: (1.0, 15.0, 28.0)})
    return drawn("JPEG", exif=exif.tobytes(), comment=b"down the rabbit hole")
