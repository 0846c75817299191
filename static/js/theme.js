// Runs before the first paint: theme and sidebar as they were left, so that nothing flashes.
(() => {
  "use strict";

  const root = document.documentElement;
  const themes = ["auto", "light", "dark"];

  // localStorage that may be forbidden or full.
  const memory = {
    get(key) {
      try {
        return localStorage.getItem(key);
      } catch {
        return null;
      }
    },
    set(key, value) {
      try {
        localStorage.setItem(key, value);
      } catch {
        // What cannot be kept is forgotten; nothing depends on it.
      }
    },
    remove(key) {
      try {
        localStorage.removeItem(key);
      } catch {
        // Same.
      }
    },
    keys() {
      try {
        return Object.keys(localStorage);
      } catch {
        return [];
      }
    },
  };

  // What the person's account says comes with the page; the browser remembers for people who have chosen nothing there.
  // The key and its values are the Django admin's own, so one choice serves both.
  const kept = root.dataset.kept !== undefined;
  if (kept) memory.set("theme", root.dataset.theme);

  function chosenTheme() {
    const theme = memory.get("theme") ?? (kept ? root.dataset.theme : "auto");
    return themes.includes(theme) ? theme : "auto";
  }

  function applyTheme() {
    root.dataset.theme = chosenTheme();
    for (const radio of document.querySelectorAll(".theme-switch input[name=theme]")) {
      radio.checked = radio.value === root.dataset.theme;
    }
  }

  function applySidebar() {
    root.classList.toggle("sidebar-closed", (memory.get("ollive.sidebar") ?? root.dataset.sidebar) === "closed");
  }

  root.classList.add("js");
  window.ollive = { memory, applySidebar };
  applyTheme();
  applySidebar();

  document.addEventListener("DOMContentLoaded", applyTheme);
  document.addEventListener("change", (event) => {
    if (event.target.matches(".theme-switch input") && themes.includes(event.target.value)) {
      memory.set("theme", event.target.value);
      applyTheme();
    }
  });
  window.addEventListener("storage", (event) => {
    if (event.key === "theme") applyTheme();
  });
})();
