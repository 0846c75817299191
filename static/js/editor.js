// Editing a prompt in its place: it is sent anew as another version, and the first one stays.
(() => {
  "use strict";

  const chat = document.getElementById("chat");
  const template = document.getElementById("editor-template");
  if (!chat || !template) return;
  const { branches, transcript } = window.ollive;
  const composer = document.getElementById("composer");
  const box = document.getElementById("prompt");

  function open(button) {
    const article = button.closest("article");
    if (article.querySelector(".editor")) return;
    const form = template.content.cloneNode(true).querySelector("form");
    const area = form.elements.prompt;
    area.value = article.querySelector("template.source")?.content.textContent ?? article.querySelector(".body").innerText;
    form.action = button.dataset.edit;
    form.dataset.message = window.ollive.sending.newId();
    article.classList.add("is-edited");
    article.querySelector(".body").after(form);
    window.ollive.stay();
    grow(area);
    area.focus();
    area.setSelectionRange(area.value.length, area.value.length);
    form.scrollIntoView({ block: "nearest" });
  }

  function close(form) {
    const article = form.closest("article");
    form.remove();
    article.classList.remove("is-edited");
    article.querySelector("[data-edit]")?.focus();
  }

  function grow(area) {
    if (CSS.supports("field-sizing", "content")) return;
    area.style.height = "auto";
    area.style.height = `${area.scrollHeight}px`;
  }

  // Everything that the composer would send with a prompt, its text and place aside.
  function fields(form) {
    const data = composer ? new FormData(composer) : new FormData();
    for (const name of ["models", "parent", "files"]) data.delete(name);
    data.set("prompt", form.elements.prompt.value);
    data.set("message", form.dataset.message);
    return data;
  }

  async function save(form) {
    const area = form.elements.prompt;
    if (!area.value.trim() || form.getAttribute("aria-busy")) return;
    form.setAttribute("aria-busy", "true");
    const button = form.querySelector("[type=submit]");
    tell(form, "");
    area.readOnly = true;
    const html = await branches.send(form.action, fields(form));
    area.readOnly = false;
    form.removeAttribute("aria-busy");
    if (html !== null) {
      branches.makeWay(transcript.rowOf(form), html);
      return;
    }
    tell(form, "Not sent. What you wrote is kept here.");
    button.textContent = "Retry";
    area.focus();
  }

  function tell(form, text) {
    const line = form.querySelector(".editor-notice");
    line.textContent = text;
    line.hidden = !text;
  }

  chat.addEventListener("click", (event) => {
    const button = event.target.closest("[data-edit], .editor [data-cancel]");
    if (!button) return;
    if (button.dataset.edit) open(button);
    else close(button.closest("form"));
  });

  chat.addEventListener("submit", (event) => {
    if (!event.target.matches(".editor")) return;
    event.preventDefault();
    save(event.target);
  });

  chat.addEventListener("input", (event) => {
    if (event.target.matches(".editor textarea")) grow(event.target);
  });

  chat.addEventListener("keydown", (event) => {
    const form = event.target.closest(".editor");
    if (!form || event.isComposing || event.keyCode === 229) return;
    if (event.key === "Escape") {
      event.preventDefault();
      event.stopPropagation();
      close(form);
    } else if (event.key === "Enter" && (event.ctrlKey || event.metaKey)) {
      event.preventDefault();
      save(form);
    }
  });

  box?.addEventListener("keydown", (event) => {
    if (event.key !== "ArrowUp" || box.value || event.isComposing || event.defaultPrevented) return;
    if (event.ctrlKey || event.metaKey || event.altKey || event.shiftKey) return;
    const last = [...chat.querySelectorAll("article.user [data-edit]")].at(-1);
    if (!last) return;
    event.preventDefault();
    open(last);
  });
})();
