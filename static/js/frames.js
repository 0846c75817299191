// What the frames of a stream do to one message on the page.
(() => {
  "use strict";

  const { announce, decorate, steps } = window.ollive;

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
    const committed = target.querySelector(".body .committed");
    if (frame.type === "snapshot") committed.replaceChildren();
    if (frame.append) commit(committed, frame.append);
    if (frame.tail !== null) morph(target.querySelector(".body .tail"), parse(frame.tail));
    steps.grow(target, frame, { parse, morph, update });
  }

  const endings = { complete: "Reply ready", canceled: "Stopped" };

  function end(target, frame) {
    if (frame.body !== null) {
      const committed = target.querySelector(".body .committed");
      committed.replaceChildren();
      commit(committed, frame.body);
      target.querySelector(".body .tail").replaceChildren();
    } else {
      decorate(target.querySelector(".body .tail"));
    }
    steps.end(target, frame, { parse, morph, update });
    const foot = target.querySelector(".foot");
    foot.innerHTML = frame.foot;
    target.dataset.status = frame.status;
    window.ollive.showSpent?.(frame.spent);
    // The endings without a word here carry an alert in their foot.
    announce(endings[frame.status] || "");
  }

  // What is shown already is not taken again. A message that came with the page begins with a snapshot: steps that were meant
  // for what stood there before would come twice.
  function take(target, frame) {
    const seq = Number(target.dataset.seq);
    if (frame.type === "end") end(target, frame);
    else if (frame.seq > seq && (seq > 0 || frame.type === "snapshot")) grow(target, frame);
    else return;
    target.dataset.seq = Math.max(frame.seq, seq);
  }

  window.ollive.frames = { parse, take };
})();
