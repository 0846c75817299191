// The messages on the page, and what a frame of the stream does to them.
(() => {
  "use strict";

  const transcript = document.getElementById("transcript");
  if (!transcript) return;
  const { announce, decorate } = window.ollive;

  const article = (id) => document.getElementById(`message-${id}`);
  const articleOf = (run) => transcript.querySelector(`article[data-run="${CSS.escape(run)}"]`);
  const changed = () => document.dispatchEvent(new CustomEvent("ollive:transcript"));

  function parse(html) {
    const template = document.createElement("template");
    template.innerHTML = html;
    return template.content;
  }

  // --- Replacing the growing block without taking away a selection in it --------------------------------------------
  function morph(live, fresh) {
    let node = live.firstChild;
    let next = fresh.firstChild;
    while (next) {
      const following = next.nextSibling;
      if (!node) {
        live.append(next);
      } else if (node.nodeType === next.nodeType && node.nodeName === next.nodeName) {
        update(node, next);
        node = node.nextSibling;
      } else {
        const after = node.nextSibling;
        node.replaceWith(next);
        node = after;
      }
      next = following;
    }
    while (node) {
      const after = node.nextSibling;
      node.remove();
      node = after;
    }
  }

  function update(node, next) {
    if (node.nodeType === Node.ELEMENT_NODE) {
      for (const { name } of [...node.attributes]) {
        if (!next.hasAttribute(name)) node.removeAttribute(name);
      }
      for (const { name, value } of next.attributes) {
        if (node.getAttribute(name) !== value) node.setAttribute(name, value);
      }
      morph(node, next);
    } else if (node.data !== next.data) {
      if (next.data.startsWith(node.data)) node.appendData(next.data.slice(node.data.length));
      else node.data = next.data;
    }
  }

  // --- Frames ---------------------------------------------------------------------------------------------------------
  function commit(committed, html) {
    const fresh = parse(html);
    decorate(fresh);
    committed.append(fresh);
  }

  function grow(target, frame) {
    const committed = target.querySelector(".committed");
    if (frame.type === "snapshot") committed.replaceChildren();
    commit(committed, frame.append);
    if (frame.tail !== null) morph(target.querySelector(".tail"), parse(frame.tail));
  }

  const endings = { complete: "Reply ready", canceled: "Stopped" };

  function end(target, frame) {
    if (frame.body !== null) {
      const committed = target.querySelector(".committed");
      committed.replaceChildren();
      commit(committed, frame.body);
      target.querySelector(".tail").replaceChildren();
    } else {
      decorate(target.querySelector(".tail"));
    }
    const foot = target.querySelector(".foot");
    foot.innerHTML = frame.foot;
    target.dataset.status = frame.status;
    // The endings without a word here carry an alert in their foot.
    announce(endings[frame.status] || "");
  }

  function apply(frame) {
    if (frame.type === "turn") {
      if (frame.conversation === document.getElementById("chat").dataset.conversation) addTurn(frame.html);
      return;
    }
    const target = articleOf(frame.run);
    if (!target || target.dataset.status !== "streaming") return;
    if (frame.type === "end") end(target, frame);
    else if (frame.seq > Number(target.dataset.seq)) grow(target, frame);
    target.dataset.seq = Math.max(frame.seq, Number(target.dataset.seq));
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
