#!/usr/bin/env python3
"""Fetch the pinned front-end packages of `static/vendor/vendor.json` and write the files the pages use.

`make vendor` runs it. The list is edited by hand (name, version, licence, files); the hashes are written here.
An icon file is one SVG sprite made of the named icons of its package. What a file would load from elsewhere is replaced.
"""

import base64
import hashlib
import json
import re
import subprocess
import sys
import tarfile
import tempfile
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parent.parent
LIST = ROOT / "static" / "vendor" / "vendor.json"
SVG = re.compile(r"<svg\b[^>]*>(.*)</svg>", re.DOTALL)


def fetch(package: dict[str, Any], folder: Path) -> tarfile.TarFile:
    """Download one package from npm; refuse it when it is not the archive that was pinned before."""
    answer = subprocess.run(
        ["npm", "pack", "--json", f"{package['name']}@{package['version']}"],
        cwd=folder,
        check=True,
        stdout=subprocess.PIPE,
    )
    archive = folder / json.loads(answer.stdout)[0]["filename"]
    integrity = "sha512-" + base64.b64encode(hashlib.sha512(archive.read_bytes()).digest()).decode()
    if package.get("integrity", integrity) != integrity:
        sys.exit(f"{package['name']} {package['version']} is not the archive that was pinned.")
    package["integrity"] = integrity
    return tarfile.open(archive)


def member(archive: tarfile.TarFile, name: str) -> bytes:
    file = archive.extractfile(f"package/{name}")
    if file is None:
        raise FileNotFoundError(name)
    return file.read()


def symbol(archive: tarfile.TarFile, icon: str) -> str:
    """One icon as a symbol; its stroke comes from the page's style sheet."""
    drawing = SVG.search(member(archive, f"icons/{icon}.svg").decode())
    if drawing is None:
        raise ValueError(f"{icon} is not an SVG")
    return f'<symbol id="{icon}" viewBox="0 0 24 24">{" ".join(drawing.group(1).split())}</symbol>'


def sprite(archive: tarfile.TarFile, package: dict[str, Any], icons: list[str]) -> bytes:
    lines = [
        f"<!-- {package['name']} {package['version']}, {package['licence']} licence: /static/vendor/lucide/LICENSE -->",
        '<svg xmlns="http://www.w3.org/2000/svg">',
        *(symbol(archive, icon) for icon in icons),
        "</svg>",
    ]
    return ("\n".join(lines) + "\n").encode()


def replaced(content: bytes, file: dict[str, Any]) -> bytes:
    """Without what must not be loaded; a text that is not there exactly once belongs to another version."""
    for text, other in file.get("replace", {}).items():
        if content.count(text.encode()) != 1:
            sys.exit(f"{file['path']} does not hold {text!r} once.")
        content = content.replace(text.encode(), other.encode())
    return content


def write(package: dict[str, Any], archive: tarfile.TarFile) -> None:
    for file in package["files"]:
        content = sprite(archive, package, file["icons"]) if "icons" in file else replaced(member(archive, file["from"]), file)
        path = ROOT / file["path"]
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content)
        file["sha256"] = hashlib.sha256(content).hexdigest()


def main() -> None:
    packages = json.loads(LIST.read_text())
    with tempfile.TemporaryDirectory() as folder:
        for package in packages:
            with fetch(package, Path(folder)) as archive:
                write(package, archive)
    LIST.write_text(json.dumps(packages, indent=2) + "\n")


if __name__ == "__main__":
    main()
