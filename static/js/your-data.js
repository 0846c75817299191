// An export is a download of the browser's own; the page asks meanwhile how far it is.
(() => {
  "use strict";

  const form = document.getElementById("export-form");
  if (!form) return;
  const box = document.getElementById("export-progress");
  const bar = document.getElementById("export-bar");
  const line = document.getElementById("export-line");
  let timer = 0;

  async function look(failures) {
    const answer = await fetch(`${form.dataset.progress}?export=${form.elements.export.value}`).catch(() => null);
    if (!answer?.ok || answer.redirected) {
      if (failures < 5) timer = setTimeout(look, 2000, failures + 1);
      else line.textContent = "How far it is cannot be told now; the download goes on.";
      return;
    }
    const { done, total } = await answer.json();
    if (total === 0) {
      timer = setTimeout(look, 700, 0);
      return;
    }
    bar.max = total;
    bar.value = done;
    if (done < total) {
      line.textContent = `${done} of ${total} chats`;
      timer = setTimeout(look, 700, 0);
    } else {
      line.textContent = `All ${total} chats are in the file.`;
    }
  }

  form.addEventListener("submit", () => {
    // Each download has a progress of its own, by the id that goes with the form.
    clearTimeout(timer);
    if (crypto.randomUUID) form.elements.export.value = crypto.randomUUID();
    box.hidden = false;
    bar.removeAttribute("value");
    line.textContent = "Beginning…";
    timer = setTimeout(look, 500, 0);
  });
})();
