// Copying, also on plain http, where the browser offers no clipboard.
(() => {
  "use strict";

  async function copy(text) {
    if (navigator.clipboard && window.isSecureContext) {
      try {
        await navigator.clipboard.writeText(text);
        return true;
      } catch {
        // Refused by a policy or without focus: try the old way.
      }
    }
    return copyTheOldWay(text);
  }

  function copyTheOldWay(text) {
    const selection = document.getSelection();
    const ranges = Array.from({ length: selection.rangeCount }, (_, index) => selection.getRangeAt(index));
    const focused = document.activeElement;
    const area = document.createElement("textarea");
    area.value = text;
    area.className = "sr-only";
    area.readOnly = true;
    // A modal dialog makes everything outside it inert.
    (focused?.closest("dialog") || document.body).append(area);
    area.select();
    const done = document.execCommand("copy");
    area.remove();
    focused?.focus({ preventScroll: true });
    selection.removeAllRanges();
    ranges.forEach((range) => selection.addRange(range));
    return done;
  }

  function textOf(button) {
    if (button.dataset.copy) return button.dataset.copy;
    const block = button.closest(".code");
    return block ? textOfCode(block) : textOfMessage(button.closest(".message"));
  }

  // A long block came in several pieces, of which the first has the button.
  function textOfCode(block) {
    const blocks = [...block.closest(".body, .thought").querySelectorAll(".code")];
    const from = blocks.indexOf(block);
    const isNext = (other, index) => index > from && !other.matches(".code-more");
    const to = blocks.findIndex(isNext);
    const pieces = blocks.slice(from, to < 0 ? undefined : to);
    return pieces.map((piece) => piece.querySelector("pre").textContent).join("").replace(/\n$/, "");
  }

  // As it was written where the page has it, else as it reads; without the bars above the code.
  function textOfMessage(message) {
    const source = message.querySelector("template.source");
    if (source) return source.content.textContent;
    const heads = message.querySelectorAll(".code-head");
    heads.forEach((head) => (head.hidden = true));
    const text = message.querySelector(".body").innerText.trim();
    heads.forEach((head) => (head.hidden = false));
    return text;
  }

  async function copyFor(button) {
    const done = await copy(textOf(button));
    window.ollive.announce(done ? "Copied" : "Copying is not possible here");
    if (!done || button.classList.contains("done")) return;
    const isWord = button.matches(".copy");
    button.classList.add("done");
    if (isWord) button.textContent = "Copied";
    setTimeout(() => {
      button.classList.remove("done");
      if (isWord) button.textContent = "Copy";
    }, 1500);
  }

  // What scrolls sideways must be reachable by keyboard.
  function decorate(element) {
    element.querySelectorAll("pre, .table").forEach((box) => (box.tabIndex = 0));
  }

  document.addEventListener("click", (event) => {
    const button = event.target.closest("[data-copy], .code .copy");
    if (button) copyFor(button);
  });

  window.ollive.decorate = decorate;
  document.querySelectorAll("#transcript .committed").forEach(decorate);
})();
