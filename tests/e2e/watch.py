"""Watches a page for everything that hostile text wants: a script that runs, a request that leaves, a page part that changes."""

from dataclasses import dataclass, field

from playwright.sync_api import Page

# Runs before the page's own scripts. `alert` and its kin are what the corpus calls.
SENTRY = """
window.__violations = [];
window.__ran = [];
const noteViolation = ({ violatedDirective, blockedURI }) => window.__violations.push(`${violatedDirective} ${blockedURI}`);
addEventListener("securitypolicyviolation", noteViolation);
for (const name of ["alert", "confirm", "prompt", "msgbox", "print"]) window[name] = () => window.__ran.push(name);
"""
# What a message must not contain, and the page must have exactly once.
SURVEY = """
(isChat) => {
  const bodies = [...document.querySelectorAll(".body, .thought, .tool-detail pre, .tool-name, .file-name, .snippet")];
  const inside = bodies.flatMap((body) => [...body.querySelectorAll("*")]);
  const attributes = inside.flatMap((element) => element.getAttributeNames().map((name) => `${element.localName} ${name}`));
  const links = inside.filter((e) => e.localName === "a" && e.hasAttribute("href")).map((e) => e.href);
  const forbidden = /^(script|style|iframe|img|svg|form|input|object|embed|base|meta|link)$/;
  const isBad = (one) => / (on|hx-|data-hx|id$|style$|src$|srcset$|form|action$|_$|x-)/.test(one);
  return {
    violations: window.__violations,
    ran: window.__ran,
    attributes: attributes.filter(isBad),
    links: links.filter((href) => !/^(https?|mailto):/.test(href)),
    tags: inside.map((e) => e.localName).filter((name) => forbidden.test(name)),
    parts: ["sidebar", "composer", "transcript", "prompt", "status", "scroller", "stop-form"].filter(
      (id) => document.querySelectorAll(`#${id}`).length > 1 || (isChat && !document.getElementById(id)),
    ),
    clobbered: ["ollive", "htmx", "document", "location"].filter((name) => window[name] instanceof Element),
    action: document.getElementById("composer")?.getAttribute("action"),
  };
}
"""


@dataclass
class Watch:
    """One page under watch. `survey` says what is wrong with it; nothing at all should be."""

    page: Page
    requests: list[str] = field(default_factory=list)
    navigations: list[str] = field(default_factory=list)

    @classmethod
    def over(cls, page: Page) -> "Watch":
        watch = cls(page)
        page.add_init_script(SENTRY)
        page.on("request", lambda request: watch.requests.append(request.url))
        page.on("dialog", lambda dialog: dialog.dismiss())
        return watch

    def survey(self, *, is_chat: bool = True) -> dict[str, object]:
        """Everything that should not be, by name; empty when all is well. A page that is no chat has none of its parts."""
        found = self.page.evaluate(SURVEY, is_chat)
        home = self.page.url.split("/", 3)[:3]
        found["requests"] = [url for url in self.requests if url.split("/", 3)[:3] != home and not url.startswith("data:")]
        found["action"] = "" if found["action"] in (None, "/turns/") else found["action"]
        return {name: what for name, what in found.items() if what}
