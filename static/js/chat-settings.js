// The settings of one chat: a stored one is set at once, a new one with its first message.
(() => {
  "use strict";

  const dialog = document.getElementById("chat-settings");
  if (!dialog) return;

  const { announce, drafts, sending } = window.ollive;
  const chat = document.getElementById("chat");
  const form = document.getElementById("chat-settings-form");
  const error = document.getElementById("chat-settings-error");
  const NAMES = ["system_prompt", "temperature", "top_p", "max_tokens", "stop", "seed"];
  const isNew = () => chat.dataset.isNew !== undefined;

  const read = () => Object.fromEntries(NAMES.map((name) => [name, form.elements[name].value.trim()]));
  const isDefault = (values) => Object.values(values).every((value) => value === "");

  function write(values) {
    for (const name of NAMES) form.elements[name].value = values[name] ?? "";
  }

  let saved = read();

  function mark() {
    const button = document.getElementById("settings-mark");
    if (button) button.hidden = isDefault(saved);
  }

  function blame(name, message) {
    for (const other of NAMES) form.elements[other].removeAttribute("aria-invalid");
    error.hidden = !message;
    error.textContent = message;
    const field = form.elements[name];
    if (!field) return;
    field.setAttribute("aria-invalid", "true");
    field.closest("details")?.setAttribute("open", "");
    field.focus();
  }

  // The browser knows the ranges; what it says is shown where everything else is said.
  function isValid() {
    const wrong = NAMES.map((name) => form.elements[name]).find((field) => !field.checkValidity());
    if (!wrong) return true;
    blame(wrong.name, `${form.querySelector(`label[for="${wrong.id}"]`).textContent}: ${wrong.validationMessage}`);
    return false;
  }

  function keep(values, words) {
    saved = values;
    write(values);
    mark();
    dialog.close();
    announce(words);
  }

  async function save() {
    blame("", "");
    if (!isValid()) return;
    const values = read();
    if (isNew()) {
      drafts.keep("settings", isDefault(values) ? null : values);
      keep(values, "The settings go with the first message");
      return;
    }
    const url = form.getAttribute("action").replace("00000000-0000-0000-0000-000000000000", chat.dataset.conversation);
    const response = await fetch(url, { method: "POST", body: new FormData(form) }).catch(() => null);
    const told = await response?.json().catch(() => null);
    if (response?.ok && told) {
      keep({ ...values, system_prompt: told.system_prompt }, "Saved");
      if (told.is_changed) window.ollive.say("Personal data was removed from the chat’s settings.");
    } else {
      blame(told?.field || "", told?.message || "The settings were not saved. Try again.");
    }
  }

  form.addEventListener("submit", (event) => {
    event.preventDefault();
    save();
  });
  document.getElementById("chat-settings-reset").addEventListener("click", () => {
    write({});
    blame("", "");
    form.elements.system_prompt.focus();
  });
  // Whatever was not saved is as it was.
  dialog.addEventListener("close", () => {
    blame("", "");
    write(saved);
    document.getElementById("prompt").focus();
  });

  sending.register("settings", {
    collect(data) {
      if (!isNew()) return;
      for (const name of NAMES) if (saved[name]) data.set(name, saved[name]);
    },
  });

  if (isNew() && drafts.kept("settings")) {
    saved = { ...saved, ...drafts.kept("settings") };
    write(saved);
  }
  mark();
  // The bar is drawn anew when a chat begins.
  document.addEventListener("htmx:oobAfterSwap", mark);
})();
