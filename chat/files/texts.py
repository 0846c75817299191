"""Texts in files: what is text, by its bytes and not by its name, and what it is when it is not."""

import re

from chat.files import names

BOMS = ((b"\xef\xbb\xbf", "utf-8-sig"), (b"\xff\xfe", "utf-16"), (b"\xfe\xff", "utf-16"))
CONTROLS = re.compile(r"[\x00-\x08\x0b\x0e-\x1a\x1c-\x1f\x7f]")  # no text has them, apart from a few sent to terminals
SVG = re.compile(r"\A\s*(?:<\?xml[^>]*>\s*)?(?:<!--.*?-->\s*|<!DOCTYPE[^>]*>\s*)*<svg[\s>]", re.IGNORECASE | re.DOTALL)
HEAD = 64 * 1024

# What people try most often, by its first bytes, and what helps.
OTHERS = (
    (b"%PDF", "PDF files can’t be attached. Copy the text out of it, or attach a picture of the page."),
    (b"PK\x03\x04", "Archives and office documents can’t be attached. Save the document as text or CSV, or copy what matters."),
    (b"\xd0\xcf\x11\xe0", "Old office documents can’t be attached. Save it as text or CSV, or copy what matters."),
    (b"\x1f\x8b", "Compressed files can’t be attached. Unpack it and attach what is inside."),
    (b"BM", "Bitmaps can’t be attached. Save the picture as PNG or JPEG."),
    (b"II*\x00", "TIFF pictures can’t be attached. Save it as PNG or JPEG."),
    (b"MM\x00*", "TIFF pictures can’t be attached. Save it as PNG or JPEG."),
    (b"ID3", "Sounds can’t be attached."),
    (b"OggS", "Sounds can’t be attached."),
    (b"RIFF", "Sounds and films can’t be attached."),
    (b"\x7fELF", "Programs can’t be attached."),
    (b"MZ\x90", "Programs can’t be attached."),
)
BRANDS = {b"heic": "HEIC", b"heix": "HEIC", b"mif1": "HEIC", b"avif": "AVIF"}
UNKNOWN = "This file is neither text nor a picture. Texts of any kind can be attached, and PNG, JPEG, WebP and GIF pictures."
VECTORS = "SVG pictures can’t be attached. Save it as PNG, or paste its source into the message."

# How fenced blocks call a language, where that isn't the ending itself.
LANGUAGES = dict(
    pair.split("=")
    for pair in (
        "py=python js=javascript ts=typescript rb=ruby rs=rust sh=bash yml=yaml md=markdown kt=kotlin cs=csharp htm=html "
        "h=c hpp=cpp cc=cpp pl=perl txt= log= text="
    ).split()
)


class NotTextError(Exception):
    """It is something else; the message is for the person."""


def read(data: bytes) -> str:
    """The text of a file, with plain line ends. Raises `NotTextError`."""
    text = _decoded(data)
    if CONTROLS.search(text):
        raise NotTextError(_told(data))
    if SVG.match(text[:HEAD]):
        raise NotTextError(VECTORS)
    return text.replace("\r\n", "\n").replace("\r", "\n")


def language_of(name: str) -> str:
    ending = names.split(name)[1].lower().removeprefix(".")
    return LANGUAGES.get(ending, ending)


def _decoded(data: bytes) -> str:
    for mark, encoding in BOMS:
        if data.startswith(mark):
            try:
                return data.decode(encoding)
            except UnicodeDecodeError:
                raise NotTextError("This text is cut off or broken: save it again as UTF-8.") from None
    if b"\x00" in data:
        raise NotTextError(_told(data))
    if any(data.startswith(head) for head, _ in OTHERS[:4]):
        raise NotTextError(_told(data))
    try:
        return data.decode("utf-8")
    except UnicodeDecodeError:
        return data.decode("cp1252", "replace") if b"\x81" not in data else data.decode("latin-1")


def _told(data: bytes) -> str:
    if data[4:8] == b"ftyp":
        brand = BRANDS.get(data[8:12])
        return f"{brand} pictures can’t be attached. Save it as PNG or JPEG." if brand else "Films can’t be attached."
    return next((told for head, told in OTHERS if data.startswith(head)), UNKNOWN)
