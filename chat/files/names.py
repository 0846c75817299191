"""Names of files as they are kept and shown: one line without a path, without characters that hide or turn others around."""

import re
import unicodedata

LONGEST = 200
LONGEST_ENDING = 16
NAMELESS = "file"
UNWANTED = re.compile(r'[<>:"|?*]')


def clean(name: str) -> str:
    """The last part of a path, in readable characters; never empty, never longer than is kept."""
    last = re.split(r"[/\\]", unicodedata.normalize("NFC", name.replace("\x00", "")))[-1]
    # Format characters turn text around or can't be seen; surrogates and private ones have no shape at all.
    seen = "".join(" " if unicodedata.category(character).startswith(("C", "Z")) else character for character in last)
    return shorten(re.sub(r"\s+", " ", UNWANTED.sub("_", seen)).strip(" .") or NAMELESS)


def shorten(name: str) -> str:
    """The name within what is kept; its ending stays."""
    if len(name) <= LONGEST:
        return name
    stem, ending = split(name)
    return stem[: LONGEST - len(ending) - 1].rstrip() + "…" + ending


def split(name: str) -> tuple[str, str]:
    """`("archive", ".csv")`; without an ending the second is empty."""
    stem, dot, ending = name.rpartition(".")
    if not stem or not ending.isascii() or not ending.isalnum() or len(ending) > LONGEST_ENDING:
        return name, ""
    return stem, dot + ending


def with_ending(name: str, *endings: str) -> str:
    """The name with one of these endings, the first one where it has none of them."""
    return name if split(name)[1].lower() in endings else shorten(name + endings[0])
