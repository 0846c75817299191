// Kept prompts: a slash in the empty message lists them, the one that is chosen asks for what changes in it.
(() => {
  "use strict";

  const panel = document.getElementById("prompt-panel");
  if (!panel) return;

  const { announce, composer } = window.ollive;
  const box = document.getElementById("prompt");
  const list = document.getElementById("prompt-list");
  const note = document.getElementById("prompt-note");
  const dialog = document.getElementById("fill-prompt");
  const fields = document.getElementById("fill-fields");
  const FRESH_MS = 60_000;
  const VARIABLE = /\{\{\s*([^{}\n]{1,40}?)\s*\}\}/g;

  let known = null;
  let readAt = -Infinity;
  let shown = [];
  let active = 0;
  // Opened from the menu, the prompt comes to where the caret is.
  let isInserting = false;

  const isOpen = () => !panel.hidden;
  const typed = () => box.value.match(/^\/([\w-]*)$/)?.[1];

  async function load() {
    if (known && performance.now() - readAt < FRESH_MS) return true;
    const response = await fetch("/prompts/").catch(() => null);
    const told = response?.ok ? await response.json().catch(() => null) : null;
    if (!told) return false;
    known = told.prompts;
    readAt = performance.now();
    return true;
  }

  // --- The list -------------------------------------------------------------------------------------------------------
  function matching(words) {
    const wanted = words.toLowerCase();
    const starts = known.filter(({ name }) => name.startsWith(wanted));
    return [...starts, ...known.filter(({ name }) => !name.startsWith(wanted) && name.includes(wanted))].slice(0, 30);
  }

  async function open() {
    const isThere = await load();
    const words = isInserting ? "" : typed();
    if (words === undefined) return;
    shown = isThere ? matching(words) : [];
    active = 0;
    list.replaceChildren(...shown.map(optionOf));
    list.hidden = shown.length === 0;
    note.hidden = shown.length > 0;
    note.textContent = !isThere ? "The prompts can’t be read now." : words ? `No prompt is called /${words}.` : "No prompts yet.";
    panel.hidden = false;
    mark();
    announce(shown.length ? `${shown.length} prompts. Choose with the arrow keys and Enter.` : note.textContent);
  }

  function optionOf(prompt, index) {
    const option = Object.assign(document.createElement("li"), { id: `prompt-option-${index}` });
    option.setAttribute("role", "option");
    const name = Object.assign(document.createElement("span"), { className: "prompt-name", textContent: `/${prompt.name}` });
    const preview = Object.assign(document.createElement("span"), { className: "prompt-preview", textContent: prompt.preview });
    option.append(name, preview);
    // The box keeps the focus.
    option.addEventListener("mousedown", (event) => event.preventDefault());
    option.addEventListener("click", () => choose(prompt));
    return option;
  }

  function mark() {
    [...list.children].forEach((option, index) => option.setAttribute("aria-selected", String(index === active)));
    const current = list.children[active];
    if (current) box.setAttribute("aria-activedescendant", current.id);
    else box.removeAttribute("aria-activedescendant");
    current?.scrollIntoView({ block: "nearest" });
  }

  function close() {
    panel.hidden = true;
    isInserting = false;
    box.removeAttribute("aria-activedescendant");
  }

  // --- Choosing -------------------------------------------------------------------------------------------------------
  async function choose(prompt) {
    const wasInserting = isInserting;
    close();
    const response = await fetch(`/prompts/${prompt.id}/`).catch(() => null);
    const told = response?.ok ? await response.json().catch(() => null) : null;
    if (!told) {
      window.ollive.say(`/${prompt.name} can’t be read now. Try again.`);
      known = null;
      return;
    }
    const put = (text) => {
      if (!wasInserting) composer.put("");
      composer.insert(text);
    };
    if (told.variables.length) ask(told, put);
    else put(told.body);
  }

  function ask(told, put) {
    fields.replaceChildren(...told.variables.map(fieldOf));
    dialog.querySelector("form").onsubmit = () => {
      const values = Object.fromEntries(told.variables.map((name, index) => [name, fields.querySelectorAll("textarea")[index].value]));
      // After the dialog has given the focus back.
      setTimeout(() => put(told.body.replace(VARIABLE, (_, name) => values[name] ?? "")));
    };
    dialog.showModal();
  }

  function fieldOf(name, index) {
    const field = Object.assign(document.createElement("div"), { className: "field" });
    const label = Object.assign(document.createElement("label"), { htmlFor: `fill-${index}`, textContent: name });
    const value = Object.assign(document.createElement("textarea"), { id: `fill-${index}`, rows: 1, className: "fill" });
    value.addEventListener("keydown", (event) => {
      if (event.key !== "Enter" || event.shiftKey || event.isComposing || event.keyCode === 229) return;
      event.preventDefault();
      dialog.querySelector("form").requestSubmit();
    });
    field.append(label, value);
    return field;
  }

  dialog.addEventListener("close", () => box.focus());

  // --- Keys -----------------------------------------------------------------------------------------------------------
  box.addEventListener("input", () => {
    if (isInserting) close();
    if (typed() !== undefined) open();
    else if (isOpen()) close();
  });
  box.addEventListener("blur", () => setTimeout(() => !panel.contains(document.activeElement) && close(), 100));
  // Before the composer's own keys.
  box.addEventListener(
    "keydown",
    (event) => {
      if (!isOpen() || event.isComposing || event.keyCode === 229) return;
      const step = { ArrowDown: 1, ArrowUp: -1 }[event.key];
      if (step && shown.length) active = (active + step + shown.length) % shown.length;
      else if ((event.key === "Enter" || event.key === "Tab") && !event.shiftKey && shown.length) choose(shown[active]);
      else if (event.key === "Escape") close();
      else return;
      event.preventDefault();
      event.stopPropagation();
      if (isOpen()) mark();
    },
    true,
  );

  document.getElementById("open-prompts").addEventListener("click", () => {
    box.focus();
    if (box.value.trim() === "") composer.put("/");
    isInserting = typed() === undefined;
    open();
  });
})();
