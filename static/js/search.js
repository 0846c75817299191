// The search over one's own chats: arrows walk the hits, and a hit's message is shown for a moment after landing on it.
(() => {
  "use strict";

  const dialog = document.getElementById("search");
  const words = document.getElementById("search-words");

  dialog?.addEventListener("keydown", (event) => {
    const step = { ArrowDown: 1, ArrowUp: -1 }[event.key];
    const hits = [...dialog.querySelectorAll("#hits a")];
    if (event.key === "Enter" && event.target === words && !event.isComposing && hits.length) {
      event.preventDefault();
      hits[0].click();
    } else if (step && hits.length) {
      event.preventDefault();
      const at = hits.indexOf(document.activeElement) + step;
      (at < 0 ? words : hits[Math.min(at, hits.length - 1)]).focus();
    }
  });
  words?.addEventListener("focus", () => words.select());

  // --- Landing on a message: older.js scrolls to it, here it gets the focus ---------------------------------------------
  function read() {
    const target = window.location.hash.startsWith("#message-") && document.getElementById(window.location.hash.slice(1));
    if (!target) return;
    target.tabIndex = -1;
    target.focus({ preventScroll: true });
  }

  // A hit in the chat that is open, in the branch that is shown: the page stays.
  document.addEventListener("click", (event) => {
    const hit = event.target.closest("a.hit");
    if (!hit || hit.pathname !== window.location.pathname || event.ctrlKey || event.metaKey || event.shiftKey) return;
    if (!hit.hash || !document.getElementById(hit.hash.slice(1))) return;
    event.preventDefault();
    dialog.close();
    document.querySelector(".is-found")?.classList.remove("is-found");
    window.history.replaceState(window.history.state, "", window.location.pathname);
    window.location.hash = hit.hash;
  });

  window.addEventListener("hashchange", read);
  window.addEventListener("load", read);
})();
