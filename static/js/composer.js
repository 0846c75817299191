// Writing and sending. A prompt is held in this browser until the server has answered for it.
(() => {
  "use strict";

  const form = document.getElementById("composer");
  if (!form) return;

  const { transcript, drafts } = window.ollive;
  const chat = document.getElementById("chat");
  const box = document.getElementById("prompt");
  const notice = document.getElementById("composer-notice");
  const sendButton = document.getElementById("send");
  const stopButton = document.getElementById("stop");
  const stopForm = document.getElementById("stop-form");
  const isTouch = () => window.matchMedia("(pointer: coarse)").matches;

  const pending = new Map();
  let stopping = null;
  let sentAt = -Infinity;

  const runs = () => transcript.runs();
  const isBlank = () => box.value.trim() === "";

  // --- The box --------------------------------------------------------------------------------------------------------
  function fit() {
    if (CSS.supports("field-sizing", "content")) return;
    box.style.height = "auto";
    box.style.height = `${box.scrollHeight}px`;
  }

  function put(text) {
    box.value = text;
    drafts.write(text);
    fit();
    refresh();
  }

  function focusBox() {
    box.focus();
    box.setSelectionRange(box.value.length, box.value.length);
  }

  // Stop stands in the place of Send; whichever goes hands its focus to the other.
  function refresh() {
    const isRunning = runs().length > 0;
    const [shown, gone] = isRunning ? [stopButton, sendButton] : [sendButton, stopButton];
    const hadFocus = document.activeElement === gone;
    shown.hidden = false;
    gone.hidden = true;
    if (hadFocus) (isTouch() ? shown : box).focus();
    if (!isRunning) stopping = null;
    stopButton.setAttribute("aria-disabled", String(stopping !== null));
    sendButton.setAttribute("aria-disabled", String(isBlank() || pending.size > 0));
    chat.classList.toggle("is-empty", !document.querySelector("#transcript article"));
  }

  // --- Sending --------------------------------------------------------------------------------------------------------
  function newId() {
    if (crypto.randomUUID) return crypto.randomUUID();
    const bytes = crypto.getRandomValues(new Uint8Array(16));
    bytes[6] = (bytes[6] & 0x0f) | 0x40;
    bytes[8] = (bytes[8] & 0x3f) | 0x80;
    const hex = Array.from(bytes, (byte) => byte.toString(16).padStart(2, "0")).join("");
    return hex.replace(/^(.{8})(.{4})(.{4})(.{4})(.{12})$/, "$1-$2-$3-$4-$5");
  }

  function sendPrompt() {
    if (isBlank() || pending.size > 0 || runs().length > 0) return;
    const item = {
      message: newId(),
      conversation: form.elements.conversation.value,
      prompt: box.value,
      model: form.elements.model.value,
    };
    put("");
    sentAt = performance.now();
    send(item);
  }

  function send(item) {
    pending.set(item.message, item);
    drafts.hold(item);
    notice.replaceChildren();
    transcript.addOptimistic(item);
    window.ollive.follow();
    post(form.action, form, item);
  }

  const post = (url, source, values) => window.htmx.ajax("POST", url, { source, swap: "none", values }).catch(() => {});

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
  }

  function failed(item, reason) {
    transcript.markUnsent(item);
    if (reason) window.ollive.say(reason);
  }

  // The server will not take this prompt as it is: back into the box, unless something else is being written there.
  function refused(item) {
    if (!isBlank()) {
      failed(item);
      return;
    }
    transcript.remove(item.message);
    drafts.release(item.message);
    put(item.prompt);
    focusBox();
  }

  const reasons = {
    0: "The server cannot be reached.",
    403: "This page has been open for too long. Reload it; what you wrote is kept.",
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
    refresh();
  });

  // A second try takes the place of the first.
  function retry(button) {
    const first = button.closest("article");
    notice.replaceChildren();
    stopForm.addEventListener(
      "htmx:afterRequest",
      ({ detail: { xhr, successful } }) => {
        if (!successful) return;
        first.remove();
        transcript.addTurn(xhr.responseText);
        window.ollive.sync();
        window.ollive.follow();
        if (!isTouch()) focusBox();
      },
      { once: true },
    );
    post(button.dataset.retry, stopForm);
  }

  // --- Stopping -------------------------------------------------------------------------------------------------------
  function stop() {
    const [running] = runs();
    if (!running || stopping === running.run) return;
    stopping = running.run;
    refresh();
    stopForm.action = stopForm.dataset.url.replace("00000000-0000-0000-0000-000000000000", running.run);
    post(stopForm.action, stopForm);
    // Should no end come, the button may be tried again.
    setTimeout(() => {
      stopping = null;
      refresh();
    }, 5000);
  }

  stopForm.addEventListener("submit", (event) => {
    event.preventDefault();
    // The second click of a double click on Send is not meant for Stop.
    if (performance.now() - sentAt > 400) stop();
  });

  // --- Keys and clicks ------------------------------------------------------------------------------------------------
  form.addEventListener("submit", (event) => {
    event.preventDefault();
    sendPrompt();
  });

  box.addEventListener("keydown", (event) => {
    if (event.key !== "Enter" || event.isComposing || event.keyCode === 229) return;
    const isForced = event.ctrlKey || event.metaKey;
    if (!isForced && (event.shiftKey || event.altKey || isTouch())) return;
    event.preventDefault();
    sendPrompt();
  });

  box.addEventListener("input", () => {
    drafts.write(box.value);
    fit();
    refresh();
  });

  document.addEventListener("keydown", (event) => {
    if (event.key !== "Escape" || event.isComposing || event.defaultPrevented) return;
    if (document.querySelector("dialog[open], :popover-open")) return;
    stop();
  });

  chat.addEventListener("click", (event) => {
    const target = event.target.closest("[data-fill], [data-unsent], [data-retry]");
    if (!target) return;
    if (target.dataset.fill) {
      put(target.dataset.fill.replaceAll("\\n", "\n"));
      focusBox();
    } else if (target.dataset.retry) {
      retry(target);
    } else {
      settleUnsent(target);
    }
  });

  function settleUnsent(button) {
    const id = button.closest("article").id.replace("message-", "");
    const item = drafts.unsent().find(({ message }) => message === id);
    if (!item) return;
    if (button.dataset.unsent === "retry") {
      if (pending.size === 0) send(item);
    } else {
      transcript.remove(id);
      drafts.release(id);
      put([item.prompt, box.value].filter((text) => text.trim()).join("\n\n"));
    }
    if (!isTouch()) focusBox();
  }

  // --- As it was left -------------------------------------------------------------------------------------------------
  document.addEventListener("ollive:transcript", refresh);
  // A draft of the server's (a form posted without a script and refused) comes first.
  put(box.value || drafts.read());
  for (const item of drafts.unsent()) {
    if (transcript.has(item.message)) {
      drafts.release(item.message);
    } else {
      transcript.addOptimistic(item);
      transcript.markUnsent(item);
    }
  }
  refresh();
  if (!isTouch()) focusBox();
})();
