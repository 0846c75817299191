"""What a streamed reply costs the browser: main-thread milliseconds a frame, for a reply of 16 kB, in Debian's Chromium.

`python -m bench.frames [--kilobytes 16] [--rate 60]`: one page, one reply with code, tables, lists and formulas. All that the
page's main thread did while it streamed (scripts, styles, layout, paint) is divided by the frames that came.
"""

import argparse
import statistics
from typing import Any

import httpx
from playwright.sync_api import Page, sync_playwright

from bench.screenshots import ARGUMENTS, CHROMIUM
from bench.stack import servers, start_web
from bench.tour import REPLY

COUNT = """
window.__frames = 0; window.__long = [];
document.addEventListener("htmx:wsBeforeMessage", () => { window.__frames += 1; }, true);
new PerformanceObserver((list) => list.getEntries().forEach((e) => window.__long.push(e.duration))).observe({type: "longtask"});
"""


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--kilobytes", type=int, default=16)
    parser.add_argument("--rate", type=int, default=60, help="pieces of the reply a second")
    parser.add_argument("--runs", type=int, default=3)
    given = parser.parse_args()
    text = (REPLY * (given.kilobytes * 1000 // len(REPLY) + 1))[: given.kilobytes * 1000]
    with servers() as stack:
        url = start_web(stack)
        from bench.chats import _sign_in

        name, _, value = _sign_in(1).partition("=")
        chunks = [word + " " for word in text.split(" ")]
        script = {"model": "*", "chunks": chunks, "rate": given.rate}
        httpx.post(stack.provider_url.removesuffix("/v1") + "/control/script", json=script, trust_env=False).raise_for_status()
        with sync_playwright() as playwright:
            browser = playwright.chromium.launch(executable_path=CHROMIUM, args=ARGUMENTS)
            found = []
            for _ in range(given.runs):
                context = browser.new_context(base_url=url, viewport={"width": 1280, "height": 800})
                context.add_cookies([{"name": name, "value": value, "url": url}])
                found.append(_measure(context.new_page()))
                context.close()
            browser.close()
    print(f"{'frames':>7}{'ms a frame':>12}{'scripts':>9}{'layout':>8}{'styles':>8}{'long tasks':>12}{'longest ms':>12}")
    for row in [*found, tuple(statistics.median(column) for column in zip(*found, strict=True))]:
        print(f"{row[0]:7.0f}{row[1]:12.2f}{row[2]:9.2f}{row[3]:8.2f}{row[4]:8.2f}{row[5]:12.0f}{row[6]:12.0f}")
    print("The last line is the median.")


def _measure(page: Page) -> tuple[float, ...]:
    page.add_init_script(COUNT)
    page.goto("/")
    session = page.context.new_cdp_session(page)
    session.send("Performance.enable")
    page.locator("#prompt").fill("Explain it at length.")
    page.wait_for_timeout(500)
    before = _metrics(session)
    page.get_by_role("button", name="Send").click()
    page.locator("article.assistant[data-status=complete]").wait_for(timeout=300_000)
    after = _metrics(session)
    frames = page.evaluate("window.__frames")
    long_tasks = page.evaluate("window.__long")
    names = ("TaskDuration", "ScriptDuration", "LayoutDuration", "RecalcStyleDuration")
    costs = [(after[name] - before[name]) * 1000 / frames for name in names]
    return (frames, *costs, len(long_tasks), max(long_tasks, default=0))


def _metrics(session: Any) -> dict[str, float]:
    return {metric["name"]: metric["value"] for metric in session.send("Performance.getMetrics")["metrics"]}


if __name__ == "__main__":
    main()
