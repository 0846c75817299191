// The settings: the open page's line is in sight, what was done is told, and what cannot be taken back is asked first.
(() => {
  "use strict";

  document.querySelector(".settings-nav [aria-current]")?.scrollIntoView({ block: "nearest" });

  // A live region speaks of what changes in it, not of what came with the page: so it is put there once more.
  const told = document.querySelectorAll(".settings-content > .notice[role=status] > span");
  setTimeout(() => told.forEach((line) => line.replaceChildren(line.textContent)), 100);

  // The first field that was refused is where to go on.
  document.querySelector(".settings-content [aria-invalid=true]")?.focus();

  // <button data-confirm="dialog-id"> opens a dialog whose form does the work; without scripts the form stands in the page.
  document.addEventListener("click", (event) => {
    const button = event.target.closest("[data-confirm]");
    if (!button) return;
    event.preventDefault();
    document.getElementById(button.dataset.confirm).showModal();
  });

  // <form data-ask="May this be done?" data-yes="Do it"> asks before it is sent; without scripts it is sent at once.
  document.addEventListener("submit", (event) => {
    const form = event.target;
    if (!form.dataset.ask || form.dataset.asked) return;
    event.preventDefault();
    const dialog = document.getElementById("ask");
    dialog.querySelector("h2").textContent = form.dataset.ask;
    dialog.querySelector("p").textContent = form.dataset.told || "";
    const yes = dialog.querySelector("[value=yes]");
    yes.textContent = form.dataset.yes || "Go on";
    dialog.returnValue = "";
    dialog.addEventListener(
      "close",
      () => {
        if (dialog.returnValue !== "yes") return;
        form.dataset.asked = "yes";
        form.requestSubmit(event.submitter);
      },
      { once: true },
    );
    dialog.showModal();
  });
})();
