// What people think of a reply: a thumb counts at once, the panel under it takes the rest.
(() => {
  "use strict";

  const transcript = document.getElementById("transcript");
  if (!transcript) return;
  const { announce, say, frames } = window.ollive;

  const token = () => document.querySelector("#stop-form [name=csrfmiddlewaretoken]").value;
  const panelOf = (foot) => foot.querySelector(".feedback-panel");

  async function ask(url, fields) {
    const headers = { "HX-Request": "true", "X-CSRFToken": token() };
    const answer = await fetch(url, fields ? { method: "POST", headers, body: fields } : { headers });
    if (answer.redirected) throw new Error("You are signed out. Sign in again in another tab, then retry.");
    if (answer.status === 403) throw new Error("Your role in this workspace does not let you give feedback.");
    if (!answer.ok && answer.status !== 422) throw new Error("Your feedback was not kept. Try again.");
    return { ok: answer.ok, html: await answer.text() };
  }

  // The panel of one reply, in the place of the one before; its `data-thumb` is what the server knows.
  function show(form, html) {
    const panel = frames.parse(html).firstElementChild;
    const foot = form.closest(".foot");
    const old = panelOf(foot);
    if (old) old.replaceWith(panel);
    else foot.append(panel);
    press(form, panel.dataset.thumb);
    form.querySelector("[data-feedback-more]").classList.toggle("is-given", panel.dataset.given === "true");
    return panel;
  }

  function press(form, thumb) {
    for (const button of form.querySelectorAll("[data-thumb]")) {
      const isPressed = button.dataset.thumb === thumb;
      button.setAttribute("aria-pressed", String(isPressed));
      button.value = isPressed ? "none" : button.dataset.thumb;
    }
  }

  const pressed = (form) => form.querySelector('[aria-pressed="true"]')?.dataset.thumb || "";

  async function give(button) {
    const form = button.closest("form");
    if (form.dataset.isBusy) return;
    form.dataset.isBusy = "true";
    const before = pressed(form);
    const fields = new URLSearchParams({ thumb: button.value });
    press(form, button.value);
    try {
      const { html } = await ask(form.action, fields);
      const panel = show(form, html);
      announce(panel.dataset.thumb ? "Thank you. You can say more below." : "Withdrawn");
      if (!panel.dataset.thumb) panel.remove();
      else panel.scrollIntoView({ block: "nearest" });
    } catch (error) {
      press(form, before);
      say(error.message);
    } finally {
      delete form.dataset.isBusy;
    }
  }

  async function open(link) {
    const form = link.closest("form");
    if (panelOf(form.closest(".foot"))) {
      close(panelOf(form.closest(".foot")));
      return;
    }
    try {
      const panel = show(form, (await ask(link.href)).html);
      panel.scrollIntoView({ block: "nearest" });
      panel.querySelector("input:not([type=hidden])").focus({ preventScroll: true });
    } catch (error) {
      say(error.message);
    }
  }

  function close(panel) {
    const more = panel.closest(".foot").querySelector("[data-feedback-more]");
    panel.remove();
    more.focus({ preventScroll: true });
  }

  async function send(panel, submitter) {
    const form = panel.closest(".foot").querySelector("[data-feedback]");
    const fields = new URLSearchParams(new FormData(panel, submitter));
    try {
      const { ok, html } = await ask(panel.action, fields);
      const fresh = show(form, html);
      if (!ok) {
        fresh.querySelector("textarea").focus();
        return;
      }
      close(fresh);
      announce(submitter?.name === "withdraw" ? "Feedback withdrawn" : "Feedback sent. Thank you.");
    } catch (error) {
      say(error.message);
    }
  }

  transcript.addEventListener("click", (event) => {
    const target = event.target.closest("[data-feedback-more], [data-feedback-close]");
    if (!target) return;
    event.preventDefault();
    if (target.matches("a")) open(target);
    else close(target.closest("form"));
  });

  transcript.addEventListener("submit", (event) => {
    if (!event.target.matches("[data-feedback], .feedback-panel")) return;
    event.preventDefault();
    if (event.target.matches(".feedback-panel")) send(event.target, event.submitter);
    else give(event.submitter);
  });

  transcript.addEventListener("keydown", (event) => {
    const panel = event.target.closest(".feedback-panel");
    if (event.key !== "Escape" || event.isComposing || !panel) return;
    event.preventDefault();
    close(panel);
  });
})();

// What is left to spend changes with each reply that ends.
(() => {
  "use strict";

  document.addEventListener("ollive:end", async () => {
    const line = document.getElementById("budget");
    if (!line) return;
    const answer = await fetch(line.dataset.url, { headers: { "HX-Request": "true" } }).catch(() => null);
    if (!answer?.ok || answer.redirected) return;
    const fresh = window.ollive.frames.parse(await answer.text()).querySelector("#budget");
    if (fresh) line.replaceWith(fresh);
    else line.remove();
  });
})();

// What a reply came to, call by call.
(() => {
  "use strict";

  const dialog = document.getElementById("details");

  document.addEventListener("click", async (event) => {
    const link = event.target.closest("[data-details]");
    if (!link || !dialog || event.ctrlKey || event.metaKey || event.shiftKey) return;
    event.preventDefault();
    const answer = await fetch(link.href, { headers: { "HX-Request": "true" } }).catch(() => null);
    if (!answer?.ok || answer.redirected) {
      window.ollive.say("The details cannot be read now. Try again.");
      return;
    }
    const fresh = window.ollive.frames.parse(await answer.text()).querySelector("#details-content");
    dialog.querySelector("#details-content").replaceWith(fresh);
    if (!dialog.open) dialog.showModal();
    fresh.querySelector("h2").focus();
  });
})();
