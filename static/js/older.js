// Messages further up are loaded when one scrolls to them; what is on the screen stays where it is.
(() => {
  "use strict";

  const scroller = document.getElementById("scroller");
  const transcript = document.getElementById("transcript");
  if (!scroller || !transcript) return;
  const AHEAD = "600px";
  let isLoading = false;

  const link = () => document.getElementById("older-messages");

  async function load() {
    const first = link();
    if (!first || isLoading) return;
    isLoading = true;
    first.setAttribute("aria-busy", "true");
    const response = await fetch(first.dataset.older, { headers: { "HX-Request": "true" } }).catch(() => null);
    const html = response?.ok && !response.redirected ? await response.text() : null;
    isLoading = false;
    first.removeAttribute("aria-busy");
    if (html === null) {
      // The link still leads there; scrolling does not try again by itself.
      window.ollive.say("The earlier messages could not be loaded. Try again.");
      observer.disconnect();
      return;
    }
    put(first, html);
  }

  function put(first, html) {
    const hadFocus = document.activeElement === first;
    const anchor = first.nextElementSibling;
    const { top } = anchor.getBoundingClientRect();
    window.ollive.stay();
    first.remove();
    window.ollive.transcript.addOlder(window.ollive.frames.parse(html));
    scroller.scrollTop += anchor.getBoundingClientRect().top - top;
    if (hadFocus) (link() || transcript.querySelector("article [data-copy]") || scroller).focus({ preventScroll: true });
    watch();
  }

  const observer = new IntersectionObserver(
    (entries) => {
      if (entries.some((entry) => entry.isIntersecting)) load();
    },
    { root: scroller, rootMargin: `${AHEAD} 0px 0px 0px` },
  );

  // The first look comes once the page stands at its end, where the link is far away.
  function watch() {
    observer.disconnect();
    if (link()) requestAnimationFrame(() => link() && observer.observe(link()));
  }

  transcript.addEventListener("click", (event) => {
    if (!event.target.closest("#older-messages") || event.ctrlKey || event.metaKey || event.shiftKey) return;
    event.preventDefault();
    load();
  });

  // A message that the address names is what one came for.
  function landed() {
    const target = window.location.hash.startsWith("#message-") && document.getElementById(window.location.hash.slice(1));
    if (!target) return;
    window.ollive.stay();
    target.scrollIntoView({ block: "start" });
    target.classList.add("is-found");
  }

  window.addEventListener("hashchange", landed);
  document.addEventListener("DOMContentLoaded", () => {
    landed();
    watch();
  });
})();
