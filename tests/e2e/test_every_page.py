"""Every page that there is, in both themes and at two widths: nothing that axe finds, nothing that scrolls sideways.

The pages are those of the access matrix that Alice may open: a new page is looked at as soon as it is listed there.
"""

from typing import Any

import pytest
from django.test import Client
from django.urls import reverse
from playwright.sync_api import Page

from tests.e2e.axe import SCHEMES, violations
from tests.e2e.watch import Watch
from tests.house.belongings import belongings
from tests.house.rows import ROWS

__all__ = ["belongings"]

PARTS = {  # files, and parts of pages
    "analytics_csv", "chart_csv", "export_board", "panel_csv", "chat:budget", "chat:conversations", "chat:export",
    "chat:export_progress", "chat:file", "chat:prompt_body", "chat:prompt_choices", "chat:versions", "gateway:picker",
    "gateway:welcome_ollama", "log_job_file", "health", "healthz", "openapi", "ready",
}  # fmt: skip
DRAWN = {"docs", "redoc"}  # what Swagger UI and ReDoc draw is theirs: tests/e2e/test_documents.py looks at what is ours
LEFT_OUT = PARTS | DRAWN
PAGES = sorted(name for name, row in ROWS.items() if row.method == "get" and row.alice == 200 and name not in LEFT_OUT)
WIDTHS = (1280, 390)


def is_page(user: Any, address: str) -> bool:
    client = Client()
    client.force_login(user)
    answer = client.get(address, follow=True)
    return answer.headers["Content-Type"].startswith("text/html") and b"<html" in b"".join(answer)


def faults(page: Page) -> list[Any]:
    found: list[Any] = violations(page)
    if page.evaluate("document.documentElement.scrollWidth > innerWidth"):
        found.append(f"it scrolls sideways at {page.viewport_size}")
    return found


@pytest.mark.parametrize("name", PAGES)
def test_a_page_is_for_everybody(sign_in, alice, belongings, name):
    address = reverse(name, args=ROWS[name].args(belongings))
    assert is_page(alice, address)
    page = sign_in(alice)
    watch = Watch.over(page)
    found: dict[str, list[Any]] = {}
    for width in WIDTHS:
        page.set_viewport_size({"width": width, "height": 800})
        page.goto(address)
        page.wait_for_load_state("networkidle")
        for scheme in SCHEMES:
            page.emulate_media(color_scheme=scheme, reduced_motion="reduce")
            found |= {f"{width} {scheme}": faults(page)}
    assert {where: what for where, what in found.items() if what} == {}
    survey = watch.survey()
    assert survey.get("violations", []) == survey.get("requests", []) == []
