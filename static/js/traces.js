// A trace's steps are folded under their parents; rows that come later are folded as their parent is.
(() => {
  "use strict";

  const list = document.getElementById("spans");
  if (!list) return;

  function show() {
    let closedAt = Infinity;
    for (const row of list.children) {
      const level = Number(row.dataset.level ?? 0);
      if (!row.dataset.level) continue;
      if (level <= closedAt) closedAt = Infinity;
      row.hidden = level > closedAt;
      if (!row.hidden && row.querySelector(".span-fold")?.getAttribute("aria-expanded") === "false") closedAt = level;
    }
  }

  list.addEventListener("click", (event) => {
    const button = event.target.closest(".span-fold");
    if (!button) return;
    button.setAttribute("aria-expanded", String(button.getAttribute("aria-expanded") === "false"));
    show();
  });

  // Left folds and right unfolds, up and down go from step to step, as in a tree of files.
  list.addEventListener("keydown", (event) => {
    const row = event.target.closest(".span-row");
    if (!row || event.ctrlKey || event.metaKey || event.altKey) return;
    const fold = row.querySelector(".span-fold");
    if (event.key === "ArrowLeft" || event.key === "ArrowRight") {
      if (!fold || (fold.getAttribute("aria-expanded") === "true") === (event.key === "ArrowRight")) return;
      fold.click();
    } else if (event.key === "ArrowDown" || event.key === "ArrowUp") {
      const rows = [...list.querySelectorAll(".span-row:not([hidden])")];
      rows[rows.indexOf(row) + (event.key === "ArrowDown" ? 1 : -1)]?.querySelector("a").focus();
    } else return;
    event.preventDefault();
  });

  document.addEventListener("htmx:afterSettle", show);
})();
