// The list of calls: filters hold at once, empty fields stay out of the address, and a live list waits while it is used.
(() => {
  "use strict";

  const narrow = window.matchMedia("(max-width: 1023px)");
  let isOpen = !narrow.matches;

  function fold() {
    const facets = document.getElementById("log-facets");
    if (facets) facets.open = isOpen;
  }

  fold();
  document.addEventListener(
    "toggle",
    (event) => {
      if (event.target.id === "log-facets") isOpen = event.target.open;
    },
    true,
  );

  // A tick or a choice is sent at once; words when they are done.
  document.addEventListener("change", (event) => {
    const { target } = event;
    const form = target.form;
    if (form?.id !== "log-filters" || target.name === "cols") return;
    if (target.name === "window" && target.value === "custom") {
      document.getElementById("log-since").focus();
      return;
    }
    if (target.matches("select, [type=checkbox], #logs-found input")) form.requestSubmit();
  });

  document.addEventListener("htmx:configRequest", (event) => {
    if (event.detail.elt.id !== "log-filters") return;
    const { formData } = event.detail;
    // The columns stand in the address once somebody chose others.
    const boxes = [...document.querySelectorAll("#log-columns [name=cols]")];
    const isChosen = boxes.some((box) => box.checked !== box.defaultChecked) || window.location.search.includes("cols=");
    const kept = [...formData].filter(([name, value]) => value !== "" && (name !== "cols" || isChosen));
    for (const name of new Set([...formData.keys()])) formData.delete(name);
    for (const [name, value] of kept) formData.append(name, value);
  });

  // --- Ticked calls -------------------------------------------------------------------------------------------------------
  const boxes = () => [...document.querySelectorAll("#log-list [name=call]")];

  function count() {
    const told = document.getElementById("log-ticked");
    const all = document.getElementById("choose-all");
    if (!told || !all) return;
    const ticked = boxes().filter((box) => box.checked).length;
    told.textContent = ticked > 0 ? `${ticked} ticked` : "";
    all.hidden = false;
    all.checked = ticked > 0 && ticked === boxes().length;
    all.indeterminate = ticked > 0 && !all.checked;
  }

  document.addEventListener("change", (event) => {
    if (event.target.id === "choose-all") for (const box of boxes()) box.checked = event.target.checked;
    if (event.target.id === "choose-all" || event.target.name === "call") count();
  });
  count();

  document.addEventListener("htmx:afterSwap", () => {
    fold();
    count();
  });

  // --- A live list: it waits while the page is hidden, or somebody is in the table ---------------------------------------
  let known = new Set();
  const calls = () => [...document.querySelectorAll("#log-list tbody tr")];

  function isInUse(list) {
    return document.hidden || list.querySelector("[name=call]:checked") !== null || list.contains(document.activeElement);
  }

  document.addEventListener("htmx:beforeRequest", (event) => {
    const list = event.target;
    if (list.id !== "log-list") return;
    if (isInUse(list)) event.preventDefault();
    else known = new Set(calls().map((row) => row.id));
  });

  document.addEventListener("htmx:afterSettle", () => {
    if (known.size === 0 || !document.querySelector("#log-list[data-live]")) return;
    const came = calls().filter((row) => !known.has(row.id));
    for (const row of came) row.classList.add("came");
    if (came.length > 0) window.ollive.announce(came.length === 1 ? "1 new call" : `${came.length} new calls`);
    known = new Set();
  });
})();
