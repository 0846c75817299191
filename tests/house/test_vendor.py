"""What browsers are given: vendored files as they were pinned, nothing inline, nothing from another host, and not much."""

import gzip
import hashlib
import json
import re
from html.parser import HTMLParser

import pytest

from accounts.settings_pages import WORKSPACE, YOURS
from ollive import bundles
from telemetry.frame import OBSERVE
from tests.house.tree import ROOT, name_of, own_files

STATIC = ROOT / "static"
PACKAGES = json.loads((STATIC / "vendor" / "vendor.json").read_text())
FILES = [file for package in PACKAGES for file in package["files"]]
CHAT_BUNDLES = ("base.css", "chat.css", "chat.js")
MAX_GZIP_BYTES = 100_000

TEMPLATE_TAG = re.compile(r"\{%.*?%\}|\{\{.*?\}\}|\{#.*?#\}", re.DOTALL)
ICON = re.compile(r"""\{% icon (?:"([\w-]+)"|[\w.]+\|yesno:"([\w,-]+)") %\}""")
FOREIGN = re.compile(r"^\s*(?:https?:)?//", re.IGNORECASE)
FOREIGN_IN_STYLE = re.compile(r"""@import|url\(\s*["']?\s*(?:https?:)?//""", re.IGNORECASE)
FOREIGN_IN_SCRIPT = re.compile(r"""["'`](?:(?:https?|wss?):)?//""", re.IGNORECASE)
LOADED = {"src", "href", "action", "formaction", "poster", "data", "srcset", "hx-get", "hx-post", "ws-connect"}


class Reading(HTMLParser):
    """The faults of one template: what the content security policy would refuse."""

    def __init__(self, name: str, text: str) -> None:
        super().__init__()
        self.name = name
        self.faults: list[str] = []
        self.in_script = False
        self.feed(TEMPLATE_TAG.sub("", text))

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        names = {name for name, _ in attrs}
        self.in_script = tag == "script"
        if tag == "style" or (self.in_script and "src" not in names):
            self._note(f"inline <{tag}>")
        for name, value in attrs:
            self._check(tag, name, value or "")

    def handle_data(self, data: str) -> None:
        if self.in_script and data.strip():
            self._note("inline script")

    def handle_endtag(self, tag: str) -> None:
        self.in_script = False

    def _check(self, tag: str, name: str, value: str) -> None:
        if name == "style" or name.startswith(("on", "hx-on")):
            self._note(f"inline {name}")
        if value.strip().lower().startswith("javascript:"):
            self._note(f"script in {name}")
        # A link may lead elsewhere; nothing may be loaded from there.
        if name in LOADED and tag != "a" and FOREIGN.match(value):
            self._note(f"{value} in <{tag}>")

    def _note(self, fault: str) -> None:
        self.faults.append(f"{self.name}:{self.getpos()[0]} {fault}")


@pytest.mark.parametrize("file", FILES, ids=lambda file: file["path"])
def test_a_vendored_file_is_the_one_that_was_pinned(file):
    assert hashlib.sha256((ROOT / file["path"]).read_bytes()).hexdigest() == file["sha256"]


def test_every_vendored_file_is_listed():
    vendored = {name_of(path) for path in (STATIC / "vendor").rglob("*") if path.is_file() and path.name != "vendor.json"}
    assert vendored <= {file["path"] for file in FILES}


def test_a_package_says_what_it_is_and_under_which_licence():
    for package in PACKAGES:
        assert package["name"]
        assert package["version"]
        assert package["licence"]
        assert package["source"]
        assert any(file["path"].endswith("LICENSE") for file in package["files"]), package["name"]


def test_templates_have_nothing_inline_and_load_nothing_from_another_host():
    assert [fault for path in own_files(".html") for fault in Reading(name_of(path), path.read_text()).faults] == []


@pytest.mark.parametrize(
    "markup",
    [
        "<style>p {}</style>",
        "<script>go()</script>",
        '<p style="color: red">',
        '<p onclick="go()">',
        '<p hx-on:click="go()">',
        '<a href="javascript:go()">',
        '<script src="//cdn.example/x.js">',
        '<img src="https://cdn.example/x.png">',
    ],
)
def test_a_fault_in_a_template_is_seen(markup):
    assert len(Reading("page", markup).faults) >= 1


def test_a_link_may_lead_to_another_host():
    assert Reading("page", '<a href="https://example.org/">').faults == []


def test_styles_and_scripts_load_nothing_from_another_host():
    styles = [path for path in own_files(".css") if FOREIGN_IN_STYLE.search(path.read_text())]
    scripts = [path for path in own_files(".js") if FOREIGN_IN_SCRIPT.search(path.read_text())]
    assert [name_of(path) for path in styles + scripts] == []


def test_the_sprite_has_the_icons_that_are_used_and_no_others():
    names = [name for path in own_files(".html") for found in ICON.findall(path.read_text()) for name in found if name]
    used = {icon for name in names for icon in name.split(",")} | {page.icon for page in (*YOURS, *WORKSPACE, *OBSERVE)}
    assert used == {icon for file in FILES for icon in file.get("icons", [])}


def test_styles_and_scripts_of_the_chat_stay_small():
    names = ["js/theme.js", "js/zone.js", *(part for bundle in CHAT_BUNDLES for part in bundles.parts()[bundle])]
    sizes = {name: len(gzip.compress((STATIC / name).read_bytes())) for name in names}
    assert sum(sizes.values()) <= MAX_GZIP_BYTES, sizes
