// One prompt for several models, side by side: the picker's, and those that are chosen beside it.
(() => {
  "use strict";

  const form = document.getElementById("composer");
  const toggle = document.getElementById("compare-toggle");
  const line = document.getElementById("compare-row");
  if (!form || !toggle || !line) return;
  const MOST = 3; // beside the picker's
  const add = line.querySelector("[data-add]");
  const template = document.getElementById("compare-template");

  const chosen = () => [...line.querySelectorAll(".compare-model")];
  const isOn = () => toggle.getAttribute("aria-pressed") === "true";

  function addModel() {
    const taken = [form.elements.model?.value, ...chosen().map((one) => one.querySelector("select").value)];
    const models = window.ollive.offered();
    const one = template.content.cloneNode(true).firstElementChild;
    const select = one.querySelector("select");
    select.replaceChildren(...models.map(({ path, label }) => new Option(label, path)));
    const free = models.find(({ path }) => !taken.includes(path));
    if (free) select.value = free.path;
    add.before(one);
    refresh();
    return select;
  }

  function refresh() {
    add.hidden = chosen().length >= MOST;
    line.hidden = !isOn();
    form.classList.toggle("is-comparing", isOn());
    keep();
  }

  // What goes with the form: the picker's model first, and none of it while only one is asked.
  function keep() {
    form.querySelectorAll("input[name=models]").forEach((input) => input.remove());
    if (!isOn() || !chosen().length) return;
    const paths = [form.elements.model?.value, ...chosen().map((one) => one.querySelector("select").value)];
    for (const path of new Set(paths.filter(Boolean))) {
      const input = document.createElement("input");
      input.type = "hidden";
      input.name = "models";
      input.value = path;
      form.append(input);
    }
  }

  function turn(on) {
    toggle.setAttribute("aria-pressed", String(on));
    if (on && !chosen().length) addModel().focus();
    refresh();
  }

  toggle.addEventListener("click", () => turn(!isOn()));
  add.addEventListener("click", () => addModel().focus());
  line.addEventListener("click", (event) => {
    const button = event.target.closest("[data-drop]");
    if (!button) return;
    button.closest(".compare-model").remove();
    if (chosen().length) {
      refresh();
      add.focus();
    } else {
      turn(false);
      toggle.focus();
    }
  });
  form.addEventListener("change", refresh);
  // The picker may be changed by a script: what counts is what is chosen when the prompt is sent.
  window.ollive.sending?.register("compare", {
    collect(data) {
      keep();
      data.delete("models");
      for (const input of form.querySelectorAll("input[name=models]")) data.append("models", input.value);
    },
  });
})();
