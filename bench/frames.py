"""What a streamed reply costs the browser: main-thread milliseconds a frame, for a reply of 16 kB, in Debian's Chromium.

`python -m bench.frames [--kilobytes 16] [--rate 60]`: one page, one reply with code, tables, lists and formulas. All that the
page's main thread did while it streamed (scripts, styles, layout, paint) is divided by the frames that came: in its own CPU time,
and by the clock, which also counts where it waits for the compositor.
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
const Socket = window.WebSocket;
window.WebSocket = class extends Socket {
  constructor(...given) { super(...given); this.addEventListener("message", () => { window.__frames += 1; }); }
};
new PerformanceObserver((list) => list.getEntries().forEach((e) => window.__long.push(e.duration))).observe({type: "longtask"});
"""

COLUMNS = (
    *(
        ("frames", 7, 0),
        ("CPU ms a frame", 16, 2),
        ("by the clock", 14, 2),
        ("scripts", 9, 2),
        ("layout", 8, 2),
        ("styles", 8, 2),
    ),
    *(("long tasks", 12, 0), ("longest ms", 12, 0)),
)


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
    print("".join(f"{name:>{width}}" for name, width, _ in COLUMNS))
    for row in [*found, tuple(statistics.median(column) for column in zip(*found, strict=True))]:
        print("".join(f"{value:{width}.{digits}f}" for value, (_, width, digits) in zip(row, COLUMNS, strict=True)))
    print("The last line is the median.")


def _measure(page: Page) -> tuple[float, ...]:
    page.add_init_script(COUNT)
    page.goto("/")
    clock, thread = page.context.new_cdp_session(page), page.context.new_cdp_session(page)
    clock.send("Performance.enable", {"timeDomain": "timeTicks"})
    thread.send("Performance.enable", {"timeDomain": "threadTicks"})
    page.locator("#prompt").fill("Explain it at length.")
    page.wait_for_timeout(500)
    before, used_before = _metrics(clock), _metrics(thread)
    page.get_by_role("button", name="Send").click()
    page.locator("article.assistant[data-status=complete]").wait_for(timeout=300_000)
    after, used_after = _metrics(clock), _metrics(thread)
    frames = page.evaluate("window.__frames")
    long_tasks = page.evaluate("window.__long")
    names = ("TaskDuration", "ScriptDuration", "LayoutDuration", "RecalcStyleDuration")
    costs = [(after[name] - before[name]) * 1000 / frames for name in names]
    used = (used_after["TaskDuration"] - used_before["TaskDuration"]) * 1000 / frames
    return (frames, used, *costs, len(long_tasks), max(long_tasks, default=0))


def _metrics(session: Any) -> dict[str, float]:
    return {metric["name"]: metric["value"] for metric in session.send("Performance.getMetrics")["metrics"]}


if __name__ == "__main__":
    main()
