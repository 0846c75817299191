// The model picker: a native select, and a dialog for any other fully qualified path.
(() => {
  "use strict";

  const select = document.getElementById("model");
  if (!select) return;
  const { memory } = window.ollive;
  const chat = document.getElementById("chat");
  const dialog = document.getElementById("other-model");
  const path = document.getElementById("other-model-path");
  const demoNotice = document.getElementById("demo-notice");
  const OTHER = "";
  const remembered = `ollive.model.${chat.dataset.user}`;

  let chosen = select.value;

  function showDemoNotice() {
    demoNotice.hidden = select.selectedOptions[0]?.dataset.isDemo === undefined;
  }

  function choose(value) {
    if (![...select.options].some((option) => option.value === value)) {
      select.prepend(new Option(value, value));
    }
    select.value = chosen = value;
    showDemoNotice();
  }

  select.addEventListener("change", () => {
    if (select.value === OTHER) {
      // Until a path is given, the model stays what it was.
      select.value = chosen;
      path.value = "";
      dialog.showModal();
    } else {
      choose(select.value);
      memory.set(remembered, chosen);
    }
  });

  dialog.querySelector("form").addEventListener("submit", () => {
    choose(path.value.trim());
    memory.set(remembered, chosen);
  });
  dialog.addEventListener("close", () => select.focus());

  // A new chat starts with the model that was chosen last, as long as it is still offered.
  const last = memory.get(remembered);
  if (chat.dataset.isNew !== undefined && [...select.options].some((option) => option.value && option.value === last)) {
    select.value = chosen = last;
  }
  showDemoNotice();
})();
