// The appearance page: a choice is seen at once, and kept when it is saved.
(() => {
  "use strict";

  const form = document.getElementById("appearance");
  const root = document.documentElement;
  const { memory } = window.ollive;
  const saved = { ...root.dataset };
  let isSaving = false;

  form.addEventListener("change", ({ target }) => {
    root.dataset[target.name] = target.value;
  });

  form.addEventListener("submit", () => {
    isSaving = true;
    // What this device remembers of its own would win over what is saved now.
    memory.remove("ollive.sidebar");
    memory.set("theme", form.elements.theme.value);
  });

  // Left without saving, the page must not come back from the browser's cache in a look that was only tried.
  window.addEventListener("pagehide", () => {
    if (isSaving) return;
    for (const name of ["theme", "text", "width", "enter", "sidebar"]) {
      if (saved[name] === undefined) delete root.dataset[name];
      else root.dataset[name] = saved[name];
    }
    form.reset();
  });
})();
