// Messages further up are loaded when one scrolls to them; what is on the screen stays where it is.
(() => {
  "use strict";

  const scroller = document.getElementById("scroller");
  const transcript = document.getElementById("transcript");
  if (!scroller || !transcript) return;
  const AHEAD = "600px";

  const links = () => [...transcript.querySelectorAll(".older-messages")];

  async function load(link) {
    if (link.getAttribute("aria-busy")) return;
    link.setAttribute("aria-busy", "true");
    const response = await fetch(link.dataset.older, { headers: { "HX-Request": "true" } }).catch(() => null);
    const html = response?.ok && !response.redirected ? await response.text().catch(() => null) : null;
    link.removeAttribute("aria-busy");
    if (html === null) {
      // The link still leads there; scrolling does not try again by itself.
      window.ollive.say("The earlier messages could not be loaded. Try again.");
      observer.disconnect();
    } else if (link.isConnected) {
      put(link, html);
    }
  }

  // Of the two neighbors the one on the screen stays where it is.
  function put(link, html) {
    const hadFocus = document.activeElement === link;
    const isAbove = link.getBoundingClientRect().top < scroller.getBoundingClientRect().top + scroller.clientHeight / 2;
    const anchor = isAbove || !link.previousElementSibling ? link.nextElementSibling : link.previousElementSibling;
    const { top } = anchor.getBoundingClientRect();
    window.ollive.stay();
    const content = window.ollive.frames.parse(html);
    const first = content.firstElementChild;
    content.querySelectorAll(".committed").forEach(window.ollive.decorate);
    link.replaceWith(content);
    scroller.scrollTop += anchor.getBoundingClientRect().top - top;
    if (hadFocus) (first?.matches("a") ? first : transcript.querySelector("article [data-copy]") || scroller).focus({ preventScroll: true });
    document.dispatchEvent(new CustomEvent("ollive:transcript"));
    watch();
  }

  const observer = new IntersectionObserver(
    (entries) => entries.filter((entry) => entry.isIntersecting).forEach((entry) => load(entry.target)),
    { root: scroller, rootMargin: `${AHEAD} 0px` },
  );

  // The first look comes once the page stands where it opens, which may be far away.
  function watch() {
    observer.disconnect();
    requestAnimationFrame(() => links().forEach((link) => observer.observe(link)));
  }

  transcript.addEventListener("click", (event) => {
    const link = event.target.closest(".older-messages");
    if (!link || event.ctrlKey || event.metaKey || event.shiftKey) return;
    event.preventDefault();
    load(link);
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
  document.addEventListener("ollive:branch", watch);
  document.addEventListener("DOMContentLoaded", () => {
    landed();
    watch();
  });
})();
