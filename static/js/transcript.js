// The messages on the page: turns come, unsent ones are marked, frames are handed to their message.
(() => {
  "use strict";

  const transcript = document.getElementById("transcript");
  if (!transcript) return;
  const { announce, decorate, frames } = window.ollive;
  const { parse } = frames;

  const article = (id) => document.getElementById(`message-${id}`);
  const articleOf = (run) => transcript.querySelector(`article[data-run="${CSS.escape(run)}"]`);
  const changed = () => document.dispatchEvent(new CustomEvent("ollive:transcript"));

  // --- Frames ---------------------------------------------------------------------------------------------------------
  function apply(frame) {
    if (frame.type === "turn") {
      if (frame.conversation === document.getElementById("chat").dataset.conversation) addTurn(frame.html);
      return;
    }
    const target = articleOf(frame.run);
    if (!target || target.dataset.status !== "streaming") return;
    frames.take(target, frame);
    changed();
  }

  // --- Turns ----------------------------------------------------------------------------------------------------------
  // The same turn may come twice: as the answer of the POST, and as a frame meant for the other tabs.
  function addTurn(html) {
    const articles = [...parse(html).querySelectorAll("article.message")];
    const known = articles.map((fresh) => document.getElementById(fresh.id));
    if (known[0] && !known[0].dataset.optimistic) removeAfter(known[0], articles);
    removeOptimisticReply();
    articles.forEach((fresh, index) => {
      if (known[index]?.dataset.optimistic) known[index].replaceWith(fresh);
      else if (!known[index]) transcript.append(fresh);
      else return;
      fresh.querySelectorAll(".committed").forEach(decorate);
      if (fresh.dataset.status === "streaming") announce("Generating");
    });
    changed();
    return articles.length > 0;
  }

  // A second try takes the place of the first one.
  function removeAfter(prompt, articles) {
    const kept = new Set(articles.map((fresh) => fresh.id));
    for (let next = prompt.nextElementSibling; next; ) {
      const following = next.nextElementSibling;
      if (!kept.has(next.id)) next.remove();
      next = following;
    }
  }

  const removeOptimisticReply = () => transcript.querySelector("article.assistant[data-optimistic]")?.remove();

  function addOptimistic({ message, prompt }) {
    article(message)?.remove();
    const turn = document.getElementById("optimistic-turn").content.cloneNode(true);
    turn.querySelector("article.user").id = `message-${message}`;
    turn.querySelector(".user .committed").textContent = prompt;
    transcript.append(turn);
    changed();
  }

  function markUnsent({ message }) {
    removeOptimisticReply();
    const foot = article(message)?.querySelector(".foot");
    foot?.replaceChildren(document.getElementById("unsent-foot").content.cloneNode(true));
    changed();
  }

  const streaming = () => [...transcript.querySelectorAll('article[data-run][data-status="streaming"]')];

  window.ollive.transcript = {
    addOptimistic,
    addTurn,
    apply,
    markUnsent,
    has: (message) => Boolean(article(message)),
    remove(message) {
      removeOptimisticReply();
      article(message)?.remove();
      changed();
    },
    // The last message that the server knows of.
    last: () => [...transcript.querySelectorAll("article[id]:not([data-optimistic])")].at(-1)?.id.replace("message-", ""),
    runs: () => streaming().map(({ dataset }) => ({ run: dataset.run, seq: Number(dataset.seq) })),
  };
})();
