"""The pages' small style sheets and scripts, joined where they are collected: on a phone each request costs more than its bytes.

`static/bundles.json` says which file is made of which, in order. Without a collection (tests) pages ask for the parts.
"""

import json
from collections.abc import Iterator, Mapping
from functools import cache
from pathlib import Path
from typing import Any

from django.conf import settings
from django.contrib.staticfiles.storage import staticfiles_storage
from django.core.files.base import ContentFile
from whitenoise.storage import CompressedManifestStaticFilesStorage

FOLDER = "bundles"
JOINTS = {".css": b"\n", ".js": b"\n;\n"}


@cache
def parts() -> Mapping[str, list[str]]:
    """The parts of each bundle, by its name."""
    found: dict[str, list[str]] = json.loads((settings.BASE_DIR / "static" / "bundles.json").read_text())
    return found


def files(name: str) -> list[str]:
    """What a page asks for instead of the bundle's name: one file, or its parts where nothing is collected."""
    return [f"{FOLDER}/{name}"] if isinstance(staticfiles_storage, BundlingStorage) else parts()[name]


class BundlingStorage(CompressedManifestStaticFilesStorage):  # type: ignore[misc]  # whitenoise is published without types
    """Joins the bundles before names are hashed and files compressed."""

    def post_process(self, paths: dict[str, Any], dry_run: bool = False, **options: Any) -> Iterator[Any]:
        for name, own in {} if dry_run else parts().items():
            path = f"{FOLDER}/{name}"
            joined = JOINTS[Path(name).suffix].join(Path(self.path(part)).read_bytes() for part in own)
            self.delete(path)
            paths[self.save(path, ContentFile(joined))] = (self, path)
        yield from super().post_process(paths, dry_run, **options)
