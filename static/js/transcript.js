// The rows on the page, each a message or replies side by side: turns come, unsent ones are marked, frames find their message.
(() => {
  "use strict";

  const transcript = document.getElementById("transcript");
  if (!transcript) return;
  const { announce, decorate, frames } = window.ollive;
  const { parse } = frames;

  const ROW = "article.message, section.columns";
  const article = (id) => (id ? document.getElementById(`message-${id}`) : null);
  const articleOf = (run) => transcript.querySelector(`article[data-run="${CSS.escape(run)}"]`);
  const idOf = (element) => element?.id.replace("message-", "");
  const changed = () => document.dispatchEvent(new CustomEvent("ollive:transcript"));
  const rows = () => [...transcript.children].filter((child) => child.matches(ROW));
  const stored = () => rows().filter((row) => !row.dataset.optimistic);
  const rowOf = (element) => element && rows().find((row) => row.contains(element));
  const isRunning = (element) => element.dataset.status === "streaming";
  const inside = (row) => (row.matches("article") ? [row] : [...row.querySelectorAll("article.message")]);

  // Replies that are being written in branches which this page does not show: Stop ends them too.
  const hidden = new Map();
  // The last message that the server told this page of, whether it is shown or not.
  let newest = transcript.dataset.newest || "";

  // The end of the branch on the page: where the next prompt belongs.
  function leaf() {
    const last = stored().at(-1);
    const chosen = last?.matches("article") ? last : last?.querySelector(".is-chosen article");
    return idOf(chosen) || "";
  }

  // --- Frames ---------------------------------------------------------------------------------------------------------
  function apply(frame) {
    if (frame.type === "turn") {
      if (frame.conversation === document.getElementById("chat").dataset.conversation) place(frame);
      return;
    }
    const target = articleOf(frame.run);
    if (!target || !isRunning(target)) {
      if (frame.type === "end" && hidden.delete(frame.run)) changed();
      return;
    }
    frames.take(target, frame);
    if (!isRunning(target)) changed();
  }

  // A turn of this person's, wherever it began: it is shown by the pages that show its branch.
  function place(frame) {
    newest = frame.reply;
    const known = article(frame.reply);
    const prompt = article(frame.prompt);
    if (known || prompt?.dataset.optimistic || (!prompt && leaf() === (frame.parent || ""))) {
      addTurn(frame.html);
    } else if (prompt && isReplaced(prompt, frame)) {
      replaceFrom(rowOf(prompt).nextElementSibling, tail(frame.html));
    } else {
      hide(articlesIn(frame.html));
      const shown = prompt ? rowOf(prompt).nextElementSibling : siblingOf(frame.parent);
      if (shown) refreshVersions(shown);
    }
  }

  // Another try takes the place of one that did not end well, and of the columns that it belongs to, as long as nothing follows.
  function isReplaced(prompt, frame) {
    const shown = rowOf(prompt).nextElementSibling;
    if (!shown || shown !== rows().at(-1)) return !shown;
    if (shown.matches("section")) return parse(frame.html).querySelector("section.columns") !== null;
    return ["failed", "interrupted", "canceled"].includes(shown.dataset.status);
  }

  const articlesIn = (html) => [...parse(html).querySelectorAll("article.message")];
  const siblingOf = (parent) => transcript.querySelector(`article.user[data-parent="${CSS.escape(parent || "")}"]`);

  function tail(html) {
    const fragment = parse(html);
    fragment.querySelector("article.user")?.remove();
    return fragment;
  }

  async function refreshVersions(row) {
    const shown = row.matches("article") ? row : null;
    if (!shown) return;
    const response = await fetch(`/messages/${idOf(shown)}/versions/`).catch(() => null);
    if (response?.ok) shown.querySelector(".versions")?.replaceWith(parse(await response.text()));
  }

  function hide(articles) {
    for (const { dataset } of articles.filter((one) => one.dataset.run && isRunning(one))) {
      hidden.set(dataset.run, Number(dataset.seq));
    }
    changed();
  }

  // --- Turns ----------------------------------------------------------------------------------------------------------
  // The same turn may come twice: as the answer of the POST, and as a frame meant for the other tabs.
  function addTurn(html) {
    const fresh = [...parse(html).children].filter((child) => child.matches(ROW));
    if (fresh.length) removeOptimisticReply();
    for (const row of fresh) {
      const known = article(idOf(inside(row)[0]));
      if (known?.dataset.optimistic) known.replaceWith(row);
      else if (!known) transcript.append(row);
      else continue;
      arrived(row);
    }
    rows().slice(0, -1).filter((row) => row.matches("section")).forEach(settle);
    changed();
    return fresh.length > 0;
  }

  // The chat has gone on with one of the columns: the others are versions of it from now on.
  function settle(columns) {
    const chosen = columns.querySelector(".is-chosen article");
    const isOver = columns.nextElementSibling?.matches("article.user:not([data-optimistic])");
    if (!chosen || !isOver || inside(columns).some(isRunning)) return;
    columns.replaceWith(chosen);
    refreshVersions(chosen);
  }

  function arrived(row) {
    row.querySelectorAll(".committed").forEach(decorate);
    for (const one of inside(row)) {
      hidden.delete(one.dataset.run);
      if (isRunning(one)) announce("Generating");
      if (!one.dataset.optimistic && one.matches(".assistant")) newest = idOf(one);
    }
  }

  // Another branch takes the place of what is shown from this row on; what is being written there is written on.
  function replaceFrom(row, content) {
    const fresh = typeof content === "string" ? parse(content) : content;
    const news = [...fresh.children].filter((child) => child.matches(`${ROW}, .older-messages`));
    if (!news.length) return false;
    const kept = new Set(news.flatMap(inside).map((one) => one.id));
    // The frame for the other tabs may have come first, and have put the same messages there.
    const known = [...kept].map((id) => rowOf(document.getElementById(id))).find(Boolean);
    for (let next = row?.isConnected ? row : known; next; ) {
      const following = next.nextElementSibling;
      if (!next.dataset.optimistic) {
        hide(inside(next).filter((one) => !kept.has(one.id)));
        next.remove();
      }
      next = following;
    }
    for (const id of kept) rowOf(document.getElementById(id))?.remove();
    const unsent = transcript.querySelector(":scope > [data-optimistic]");
    for (const one of news) {
      transcript.insertBefore(one, unsent);
      one.querySelectorAll(".committed").forEach(decorate);
      for (const { dataset } of inside(one)) hidden.delete(dataset.run);
      inside(one).filter(isRunning).forEach(() => announce("Generating"));
    }
    changed();
    document.dispatchEvent(new CustomEvent("ollive:branch"));
    window.ollive.sync?.();
    return true;
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
    leaf,
    markUnsent,
    replaceFrom,
    rowOf,
    has: (message) => Boolean(article(message)),
    remove(message) {
      removeOptimisticReply();
      article(message)?.remove();
      changed();
    },
    // The last message that the server knows of.
    last: () => newest || leaf() || undefined,
    runs: () => [
      ...streaming().map(({ dataset }) => ({ run: dataset.run, seq: Number(dataset.seq) })),
      ...[...hidden].map(([run, seq]) => ({ run, seq })),
    ],
  };
})();
