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

  // The key and its values are the Django admin's own, so one choice serves both.
  function chosenTheme() {
    const theme = memory.get("theme");
    return themes.includes(theme) ? theme : "auto";
  }

  function applyTheme() {
    root.dataset.theme = chosenTheme();
    for (const radio of document.querySelectorAll("input[name=theme]")) {
      radio.checked = radio.value === root.dataset.theme;
    }
  }

  function applySidebar() {
    root.classList.toggle("sidebar-closed", memory.get("ollive.sidebar") === "closed");
  }

  root.classList.add("js");
  window.ollive = { memory, applySidebar };
  applyTheme();
  applySidebar();

  document.addEventListener("DOMContentLoaded", applyTheme);
  document.addEventListener("change", (event) => {
    if (event.target.name === "theme" && themes.includes(event.target.value)) {
      memory.set("theme", event.target.value);
      applyTheme();
    }
  });
  window.addEventListener("storage", (event) => {
    if (event.key === "theme") applyTheme();
  });
})();
