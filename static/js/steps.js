// What comes beside a reply's text: the model's reasoning, folded, and a row for each tool that it uses.
(() => {
  "use strict";

  const { decorate } = window.ollive;
  const TICK_MS = 1000;

  // --- How long it thinks ---------------------------------------------------------------------------------------------
  // The server says how long it was; in between the page counts on.
  function tick() {
    document.querySelectorAll(".thinking-label[data-ms]").forEach((label) => {
      const { ms, since } = label.dataset;
      if (since === undefined) label.dataset.since = performance.now();
      const seconds = Math.floor((Number(ms) + performance.now() - Number(label.dataset.since)) / 1000);
      const text = seconds > 0 ? `Thinking… ${seconds} s` : "Thinking…";
      if (label.textContent !== text) label.textContent = text;
    });
  }

  function name(label, { ms, label: words }) {
    if (words) {
      delete label.dataset.ms;
      delete label.dataset.since;
      label.textContent = words;
    } else {
      label.dataset.ms = ms;
      label.dataset.since = performance.now();
      tick();
    }
  }

  // --- Frames ---------------------------------------------------------------------------------------------------------
  function think(steps, thought, isWhole, { parse, morph }) {
    const box = steps.querySelector(".thinking");
    const done = box.querySelector(".thought-done");
    if (isWhole) done.replaceChildren();
    if (thought.append) {
      const fresh = parse(thought.append);
      decorate(fresh);
      done.append(fresh);
    }
    if (thought.tail !== null) morph(box.querySelector(".thought-tail"), parse(thought.tail));
    name(box.querySelector(".thinking-label"), thought);
    box.hidden = false;
  }

  // A row that is there stays open, and keeps its focus.
  function use(steps, [id, html], { parse, update }) {
    const fresh = parse(html).querySelector("details");
    const live = steps.querySelector(`[data-tool="${CSS.escape(id)}"]`);
    if (!live) {
      steps.querySelector(".tool-uses").append(fresh);
      return;
    }
    fresh.open = live.open;
    update(live, fresh);
  }

  function grow(target, frame, tools) {
    const steps = target.querySelector(".steps");
    if (!steps) return;
    const isWhole = frame.type === "snapshot";
    if (frame.thought) think(steps, frame.thought, isWhole, tools);
    for (const row of frame.tools || []) use(steps, row, tools);
  }

  function end(target, frame, tools) {
    const steps = target.querySelector(".steps");
    if (!steps) return;
    for (const row of frame.tools || []) use(steps, row, tools);
    if (!frame.thought) return;
    // Without HTML, what was shown is what will stay.
    if (frame.thought.append === null) name(steps.querySelector(".thinking-label"), frame.thought);
    else think(steps, frame.thought, true, tools);
  }

  setInterval(tick, TICK_MS);
  window.ollive.steps = { grow, end };
})();
