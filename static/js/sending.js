// Sending a prompt, and what becomes of it. It is held in this browser until the server has answered for it.
//
// What travels with a prompt: every named input of #composer (also one elsewhere in the page with form="composer"), and
// what a part adds that was registered with `window.ollive.sending.register(name, part)`. Each of its methods is optional:
//   hasContent()  whether there is something to send beside text
//   blocker()     a sentence when nothing can be sent now, else ""
//   collect(data) adds fields to the FormData of a new prompt
//   take()        gives what must be kept with an unsent prompt, as JSON, and clears the part
//   put(kept)     takes it back, when the prompt returns to the box
//   show(article, kept)  adds it to the message that stands on the page before the server has answered
// Events on document: `ollive:sent` and `ollive:answered`, with `detail.item`.
(() => {
  "use strict";

  const form = document.getElementById("composer");
  if (!form) return;

  const { transcript, drafts } = window.ollive;
  const chat = document.getElementById("chat");
  const notice = document.getElementById("composer-notice");
  const parts = new Map();
  const pending = new Map();

  const tell = (name, item) => document.dispatchEvent(new CustomEvent(`ollive:${name}`, { detail: { item } }));
  const each = (method, ...given) => [...parts.values()].map((part) => part[method]?.(...given));
  const post = (url, source, values) => window.htmx.ajax("POST", url, { source, swap: "none", values }).catch(() => {});

  function newId() {
    if (crypto.randomUUID) return crypto.randomUUID();
    const bytes = crypto.getRandomValues(new Uint8Array(16));
    bytes[6] = (bytes[6] & 0x0f) | 0x40;
    bytes[8] = (bytes[8] & 0x3f) | 0x80;
    const hex = Array.from(bytes, (byte) => byte.toString(16).padStart(2, "0")).join("");
    return hex.replace(/^(.{8})(.{4})(.{4})(.{4})(.{12})$/, "$1-$2-$3-$4-$5");
  }

  // --- Out ------------------------------------------------------------------------------------------------------------
  function compose() {
    const data = new FormData(form);
    each("collect", data);
    data.set("message", newId());
    data.delete("csrfmiddlewaretoken");
    return {
      message: data.get("message"),
      conversation: data.get("conversation"),
      prompt: data.get("prompt"),
      fields: [...data].filter(([, value]) => typeof value === "string"),
      kept: Object.fromEntries([...parts].map(([name, part]) => [name, part.take?.() ?? null])),
    };
  }

  function send(item) {
    pending.set(item.message, item);
    drafts.hold(item);
    notice.replaceChildren();
    transcript.addOptimistic(item);
    showParts(item);
    window.ollive.follow();
    tell("sent", item);
    post(form.action, form, { message: item.message });
  }

  function showParts(item) {
    const article = document.getElementById(`message-${item.message}`);
    for (const [name, part] of parts) if (article) part.show?.(article, item.kept?.[name]);
  }

  // Exactly what the prompt was composed of goes out, also when it is tried again after the form has changed.
  form.addEventListener("htmx:configRequest", ({ detail: { formData } }) => {
    const item = pending.get(formData.get("message"));
    if (!item) return;
    const token = formData.get("csrfmiddlewaretoken");
    for (const name of [...formData.keys()]) formData.delete(name);
    formData.set("csrfmiddlewaretoken", token);
    for (const [name, value] of item.fields || []) formData.append(name, value);
  });

  // --- Back -----------------------------------------------------------------------------------------------------------
  function received(item, xhr) {
    if (!transcript.addTurn(xhr.responseText) || !transcript.has(item.message)) {
      // Whatever came is no answer to a turn: most likely the sign-in page.
      failed(item, "You are signed out. Sign in again in another tab, then retry.");
      return;
    }
    drafts.release(item.message);
    if (chat.dataset.isNew !== undefined) {
      drafts.settle(item.conversation);
      form.elements.conversation.value = item.conversation;
    }
    window.ollive.sync();
    window.ollive.follow();
    tell("answered", item);
  }

  function failed(item, reason) {
    transcript.markUnsent(item);
    if (reason) window.ollive.say(reason);
  }

  // The server will not take this prompt as it is: back into the box, unless something else is being written there.
  function refused(item) {
    if (!window.ollive.composer.isFree()) {
      failed(item);
      return;
    }
    transcript.remove(item.message);
    drafts.release(item.message);
    restore(item);
  }

  function restore(item) {
    for (const [name, part] of parts) if (item.kept?.[name]) part.put?.(item.kept[name]);
    window.ollive.composer.add(item.prompt);
  }

  const reasons = {
    0: "The server cannot be reached.",
    403: "This page has been open for too long. Reload it; what you wrote is kept.",
    404: "This chat was deleted. Bring it back, or start a new one.",
    429: "Too many requests. Wait a moment, then retry.",
  };

  form.addEventListener("htmx:afterRequest", (event) => {
    const { xhr, successful, requestConfig } = event.detail;
    const item = pending.get(requestConfig.formData.get("message"));
    if (!item) return;
    pending.delete(item.message);
    const isExplained = Boolean(xhr.getResponseHeader("HX-Retarget"));
    if (successful) received(item, xhr);
    else if ([400, 413, 422].includes(xhr.status) && isExplained) refused(item);
    else failed(item, isExplained ? "" : reasons[xhr.status] || "Something went wrong on the server.");
    window.ollive.composer.refresh();
  });

  // --- Not sent -------------------------------------------------------------------------------------------------------
  function settleUnsent(button) {
    const id = button.closest("article").id.replace("message-", "");
    const item = drafts.unsent().find(({ message }) => message === id);
    if (!item) return;
    if (button.dataset.unsent === "retry") {
      if (pending.size === 0) send(item);
    } else {
      transcript.remove(id);
      drafts.release(id);
      restore(item);
    }
  }

  chat.addEventListener("click", (event) => {
    const button = event.target.closest("[data-unsent]");
    if (button) settleUnsent(button);
  });

  // As it was left, once every part is there to show its own.
  document.addEventListener("DOMContentLoaded", () => {
    for (const item of drafts.unsent()) {
      if (transcript.has(item.message)) {
        drafts.release(item.message);
      } else {
        transcript.addOptimistic(item);
        showParts(item);
        transcript.markUnsent(item);
      }
    }
  });

  window.ollive.sending = {
    newId,
    post,
    register: (name, part) => parts.set(name, part),
    isPending: () => pending.size > 0,
    hasContent: () => each("hasContent").some(Boolean),
    blocker: () => each("blocker").find(Boolean) || "",
    start: () => send(compose()),
  };
})();
