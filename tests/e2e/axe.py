"""What axe finds on a page, once its colours have arrived where they were going."""

from typing import Any, Literal

from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Page

SCHEMES: tuple[Literal["light", "dark"], ...] = ("light", "dark")
# A colour that is measured on its way from one theme to the other has neither theme's contrast.
# What runs for ever is not waited for.
SETTLED = """
() => Promise.allSettled(
  document.getAnimations().filter((one) => one.effect.getComputedTiming().endTime !== Infinity).map((one) => one.finished),
)
"""


def violations(page: Page, context: str | None = None) -> list[dict[str, Any]]:
    """As the page stands: `rule`, `impact` and the `nodes` as HTML."""
    page.evaluate(SETTLED)
    found = Axe().run(page, context=context).response["violations"]
    return [{"rule": one["id"], "impact": one["impact"], "nodes": [node["html"][:160] for node in one["nodes"]]} for one in found]


def violations_in_both_themes(page: Page, context: str | None = None) -> list[dict[str, Any]]:
    """The same in light and in dark, each with its `scheme`."""
    found = []
    for scheme in SCHEMES:
        page.emulate_media(color_scheme=scheme, reduced_motion="reduce")
        found += [{"scheme": scheme, **one} for one in violations(page, context)]
    page.emulate_media(color_scheme="light")
    return found
