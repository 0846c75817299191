"""Many small files in the source, few requests for the browser."""

import gzip
from pathlib import Path

import pytest
from django.conf import settings
from django.contrib.staticfiles import finders
from django.core.management import call_command
from django.template import Context, Template
from django.test import override_settings

from ollive import bundles

PARTS = bundles.parts()


@pytest.fixture
def collected(tmp_path: Path):
    storages = settings.STORAGES | {"staticfiles": {"BACKEND": "ollive.bundles.BundlingStorage"}}
    with override_settings(STORAGES=storages, STATIC_ROOT=tmp_path / "static"):
        call_command("collectstatic", interactive=False, verbosity=0)
        yield tmp_path / "static"


def shown(name: str) -> str:
    return Template(f'{{% bundle "{name}" %}}').render(Context())


def test_a_collected_bundle_holds_its_parts_in_order(collected: Path):
    for name, parts in PARTS.items():
        address = shown(name)
        assert address.count("/static/") == 1
        file = collected / address.split("/static/")[1].split('"')[0]
        joined = file.read_text()
        places = [joined.index(Path(str(finders.find(part))).read_text()) for part in parts]
        assert places == sorted(places)
        assert gzip.decompress(file.with_name(f"{file.name}.gz").read_bytes()).decode() == joined


def test_collecting_again_leaves_one_of_each(collected: Path):
    call_command("collectstatic", interactive=False, verbosity=0)
    plain = [path for path in (collected / "bundles").iterdir() if path.name in PARTS]
    assert len(plain) == len(PARTS)


def test_the_parts_are_asked_for_where_nothing_is_collected():
    for name, parts in PARTS.items():
        assert [part for part in parts if part in shown(name)] == parts


def test_every_part_exists_and_is_named_once():
    for parts in PARTS.values():
        assert [part for part in parts if finders.find(part) is None] == []
        assert len(parts) == len(set(parts))
