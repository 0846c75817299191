// What the chosen model can do: effort is offered where it thinks, and tools say so where it takes none.
(() => {
  "use strict";

  const model = document.getElementById("model");
  const effort = document.getElementById("effort");
  const tools = document.getElementById("tools-menu");
  if (!model || !effort) return;

  const box = document.getElementById("effort-box");
  const extras = JSON.parse(effort.dataset.extras || "{}");
  const all = [...effort.options];

  const can = (name) => model.selectedOptions[0]?.dataset[name];

  // What a model does not take is not in the list: a hidden option could still be chosen by a key.
  function offerEfforts() {
    const wanted = effort.value;
    const more = (extras[model.value] || "").split(" ");
    const fitting = all.filter(({ value }) => !["none", "minimal"].includes(value) || more.includes(value));
    effort.replaceChildren(...fitting);
    effort.value = fitting.some(({ value }) => value === wanted) ? wanted : "";
    box.hidden = can("reasoning") !== "yes";
    // Nothing is sent that the person does not see.
    effort.disabled = box.hidden;
    box.classList.toggle("is-set", effort.value !== "");
  }

  function count() {
    if (!tools) return;
    const chosen = tools.querySelectorAll("input:checked").length;
    const button = document.getElementById("tools-button");
    const isUnfit = can("tools") === "no";
    document.getElementById("tools-unfit").hidden = !isUnfit;
    document.getElementById("tools-count").textContent = chosen && !isUnfit ? chosen : "";
    button.classList.toggle("is-set", chosen > 0 && !isUnfit);
    const words = chosen ? `Tools: ${chosen} on${isUnfit ? ", but this model cannot use them" : ""}` : "Tools";
    button.setAttribute("aria-label", words);
    button.title = words;
  }

  function refresh() {
    offerEfforts();
    count();
  }

  model.addEventListener("change", refresh);
  effort.addEventListener("change", () => box.classList.toggle("is-set", effort.value !== ""));
  tools?.addEventListener("change", count);
  // The picker puts the model that was chosen last in a new chat.
  refresh();
})();
