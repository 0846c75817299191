// The buttons under messages that lead to another branch or make one. Without this script they post as they are.
(() => {
  "use strict";

  const form = document.getElementById("branch-form");
  const scroller = document.getElementById("scroller");
  if (!form || !scroller) return;
  const { transcript } = window.ollive;
  const notice = document.getElementById("composer-notice");
  const isTouch = () => window.matchMedia("(pointer: coarse)").matches;
  const busy = new Set();

  const reasons = {
    0: "The server cannot be reached.",
    403: "This is not allowed, or the page has been open for too long. Reload it and try again.",
    404: "This message is gone. Reload the page.",
    429: "Too many requests. Wait a moment, then try again.",
  };

  // The answer's text; null when there is none, and then the person has been told why.
  async function post(url, fields = {}) {
    const body = new FormData(form);
    for (const [name, value] of Object.entries(fields)) body.set(name, value);
    return send(url, body);
  }

  async function send(url, body) {
    notice.replaceChildren();
    const response = await fetch(url, { method: "POST", body, headers: { "HX-Request": "true" } }).catch(() => null);
    const text = response ? await response.text().catch(() => "") : "";
    if (response?.ok && !response.redirected) return text;
    if (response?.headers.get("HX-Retarget")) notice.innerHTML = text;
    else if (response?.redirected) window.ollive.say("You are signed out. Sign in again in another tab, then try again.");
    else window.ollive.say(reasons[response?.status || 0] || "Something went wrong on the server. Try again.");
    return null;
  }

  // What is shown from the pressed button's row on is replaced; the row stays where it is on the screen.
  async function press(button, fields) {
    const url = button.formAction;
    if (busy.has(url)) return;
    busy.add(url);
    const row = transcript.rowOf(button);
    const { step, stop } = button.dataset;
    button.setAttribute("aria-busy", "true");
    const html = await post(url, fields);
    busy.delete(url);
    button.removeAttribute("aria-busy");
    if (html === null || stop !== undefined || !row) return;
    if (button.dataset.again !== undefined) makeWay(row, html);
    else stepTo(row, html, step);
  }

  function stepTo(row, html, step) {
    const before = row.previousElementSibling;
    const { top } = row.getBoundingClientRect();
    window.ollive.stay();
    if (!transcript.replaceFrom(row, html)) {
      window.ollive.say("Something went wrong on the server. Reload the page.");
      return;
    }
    const fresh = before ? before.nextElementSibling : document.getElementById("transcript").firstElementChild;
    scroller.scrollTop += fresh.getBoundingClientRect().top - top;
    const target = fresh.querySelector(`:scope > .under [data-step="${step}"], :scope > .versions [data-step="${step}"]`);
    (target || fresh.querySelector(".is-chosen [data-copy], [data-step]") || scroller).focus({ preventScroll: true });
    const label = fresh.querySelector(".versions [role=img]")?.getAttribute("aria-label");
    window.ollive.announce(label || "Another reply is chosen");
  }

  function makeWay(row, html) {
    if (!transcript.replaceFrom(row, html)) return;
    window.ollive.follow();
    if (!isTouch()) window.ollive.composer?.focus();
  }

  form.addEventListener("submit", (event) => {
    event.preventDefault();
    if (event.submitter) press(event.submitter);
  });

  // The next prompt continues the branch that this page shows.
  window.ollive.sending?.register("branch", {
    collect: (data) => (transcript.leaf() ? data.set("parent", transcript.leaf()) : data.delete("parent")),
  });

  // A column has its own Stop while its reply is written.
  document.addEventListener("ollive:transcript", () => {
    document.querySelectorAll(".column-stop").forEach((button) => {
      button.hidden = !button.closest(".column").querySelector('article[data-status="streaming"]');
    });
  });

  window.ollive.branches = { makeWay, press, send };
})();
