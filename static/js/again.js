// Asking another model for a reply: in the place of the one that is there, or side by side with it.
(() => {
  "use strict";

  const menu = document.getElementById("again-menu");
  if (!menu) return;
  const { branches } = window.ollive;
  const list = menu.querySelector(".again-models");
  const search = document.getElementById("again-model");
  const nothing = document.getElementById("again-nothing");
  let opener = null;

  // The models that the picker knows: the page's few, and all of them once they are loaded.
  const offered = () => window.ollive.models?.list() || [];

  function fill() {
    const words = search.value.trim().toLowerCase();
    const items = offered().filter(({ path, label }) => `${path} ${label}`.toLowerCase().includes(words));
    list.replaceChildren(
      ...items.slice(0, 200).map(({ path, label }) => {
        const item = document.createElement("li");
        const button = document.createElement("button");
        button.type = "button";
        button.className = "menu-item";
        button.dataset.model = path;
        button.title = path;
        button.textContent = label;
        const provider = document.createElement("small");
        provider.textContent = path.split("/")[0];
        button.append(provider);
        item.append(button);
        return item;
      }),
    );
    nothing.hidden = items.length > 0;
  }

  function open(button) {
    opener = button;
    search.value = "";
    fill();
    window.ollive.models?.load().then(fill);
    menu.showPopover();
    const { left, top, bottom } = button.getBoundingClientRect();
    const { offsetWidth: width, offsetHeight: height } = menu;
    const isBelow = bottom + height + 8 < window.innerHeight;
    menu.style.left = `${Math.max(8, Math.min(left, window.innerWidth - width - 8))}px`;
    menu.style.top = `${isBelow ? bottom + 4 : Math.max(8, top - height - 4)}px`;
    search.focus();
  }

  function choose(model) {
    const beside = menu.querySelector("[name=beside]:checked").value;
    const button = opener.closest("article").querySelector("[data-again][aria-label=Regenerate]") || opener;
    menu.hidePopover();
    branches.press(button, { model, ...(beside ? { beside } : {}) });
  }

  document.addEventListener("click", (event) => {
    const button = event.target.closest("[data-again-menu], #again-menu [data-model]");
    if (!button) return;
    if (button.dataset.againMenu) open(button);
    else choose(button.dataset.model);
  });

  search.addEventListener("input", fill);
  menu.addEventListener("keydown", (event) => {
    const items = [...list.querySelectorAll("button")];
    const at = items.indexOf(document.activeElement);
    const step = { ArrowDown: 1, ArrowUp: -1 }[event.key];
    if (event.key === "Enter" && event.target === search) {
      event.preventDefault();
      if (items.length) choose(items[0].dataset.model);
    } else if (step && event.target.type !== "radio") {
      event.preventDefault();
      (at + step < 0 ? search : items[Math.min(at + step, items.length - 1)])?.focus();
    } else if (event.key === "Escape") {
      event.preventDefault();
      menu.hidePopover();
    }
  });
  menu.addEventListener("toggle", (event) => {
    if (event.newState === "closed" && (!document.activeElement || document.activeElement === document.body)) opener?.focus();
  });

  window.ollive.offered = offered;
})();
