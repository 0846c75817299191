// The settings: the open page's line is in sight, and a button that cannot be taken back asks first.
(() => {
  "use strict";

  document.querySelector(".settings-nav [aria-current]")?.scrollIntoView({ block: "nearest", inline: "center" });

  // <button data-confirm="dialog-id"> opens a dialog whose form does the work; without scripts the form stands in the page.
  document.addEventListener("click", (event) => {
    const button = event.target.closest("[data-confirm]");
    if (!button) return;
    event.preventDefault();
    document.getElementById(button.dataset.confirm).showModal();
  });
})();
