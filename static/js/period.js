// The overview's controls: what is chosen holds at once, and figures are read anew while somebody looks.
(() => {
  "use strict";

  document.addEventListener("change", (event) => {
    const form = event.target.closest("form[data-at-once]");
    if (form) form.requestSubmit();
  });

  // What is opened to choose from goes away as menus do.
  const opened = "details.pick-custom[open], details.add-filter[open]";
  document.addEventListener("click", (event) => {
    for (const one of document.querySelectorAll(opened)) if (!one.contains(event.target)) one.open = false;
  });
  document.addEventListener("keydown", (event) => {
    const one = event.key === "Escape" && document.querySelector(opened);
    if (!one) return;
    one.open = false;
    one.querySelector("summary").focus();
  });

  const figures = document.getElementById("figures");
  const seconds = Number(figures?.dataset.refresh ?? 0);
  if (!seconds) return;

  let isMissed = false;
  const again = () => {
    if (document.hidden) isMissed = true;
    else window.htmx.trigger(figures, "again");
  };
  const timer = setInterval(again, seconds * 1000);
  document.addEventListener("visibilitychange", () => {
    if (document.hidden || !isMissed) return;
    isMissed = false;
    again();
  });

  // Whoever was signed out is sent to sign in: their page is not put in the place of figures.
  figures.addEventListener("htmx:beforeSwap", (event) => {
    if (!/<html[\s>]/i.test(event.detail.serverResponse)) return;
    event.detail.shouldSwap = false;
    clearInterval(timer);
    window.location.reload();
  });
})();
