// Files beside a prompt: chosen, dropped or pasted, sent to the server at once, and named in the prompt when it is sent.
(() => {
  "use strict";

  const form = document.getElementById("composer");
  const list = document.getElementById("attachments");
  if (!form || !list) return;

  const { announce, composer, drafts, sending } = window.ollive;
  const chat = document.getElementById("chat");
  const box = document.getElementById("prompt");
  const input = document.getElementById("file-input");
  const template = document.getElementById("file-chip");
  const most = Number(input.dataset.most);
  const largest = Number(input.dataset.largest);
  const LONG_PASTE = 10_000;

  let entries = [];

  const done = () => entries.filter(({ id }) => id);
  const kept = ({ id, name, kind, size, thumbnail, discard }) => ({ id, name, kind, size, thumbnail, discard });
  const readable = (bytes) => (bytes < 1e6 ? `${Math.max(1, Math.round(bytes / 1e3))} kB` : `${(bytes / 1e6).toFixed(1)} MB`);

  // --- Chips ----------------------------------------------------------------------------------------------------------
  function chipOf(entry) {
    const chip = template.content.cloneNode(true).firstElementChild;
    const picture = chip.querySelector("img");
    picture.hidden = !entry.thumbnail;
    if (entry.thumbnail) picture.src = entry.thumbnail;
    chip.querySelector(".icon").classList.toggle("is-off", Boolean(entry.thumbnail));
    chip.querySelector(".file-name").textContent = entry.name;
    chip.querySelector(".file-size").textContent = readable(entry.size);
    return chip;
  }

  function show(entry) {
    const chip = chipOf(entry);
    const name = entry.name;
    chip.querySelector("[data-remove]").setAttribute("aria-label", `Remove ${name}`);
    chip.querySelector("[data-remove]").addEventListener("click", () => remove(entry));
    chip.querySelector("[data-again]").setAttribute("aria-label", `Try ${name} again`);
    chip.querySelector("[data-again]").addEventListener("click", () => again(entry));
    if (entry.pasted) chip.querySelector(".file-text").append(insertButton(entry));
    if (entry.chip?.isConnected) entry.chip.replaceWith(chip);
    else list.append(chip);
    entry.chip = chip;
    progress(entry);
  }

  function progress(entry) {
    const bar = entry.chip.querySelector("progress");
    const isOver = Boolean(entry.id || entry.error);
    bar.hidden = isOver;
    bar.value = entry.part || 0;
    bar.setAttribute("aria-label", `Attaching ${entry.name}`);
    entry.chip.querySelector("[data-again]").hidden = !entry.error || !entry.file || entry.isFinal;
    entry.chip.querySelector(".file-error").textContent = entry.error || "";
    entry.chip.classList.toggle("is-failed", Boolean(entry.error));
  }

  function changed() {
    list.hidden = entries.length === 0;
    drafts.keep("files", done().map(kept));
    composer.refresh();
  }

  // --- Sending them ---------------------------------------------------------------------------------------------------
  function add(files) {
    for (const file of files) {
      const entry = { file, name: file.name || "file", size: file.size };
      if (entries.length >= most) {
        window.ollive.say(`At most ${most} files can go with one message.`);
        break;
      }
      entries.push(entry);
      show(entry);
      if (file.size > largest) fail(entry, `${readable(file.size)} is too large: ${readable(largest)} is the most.`, true);
      else upload(entry);
    }
    changed();
  }

  function upload(entry) {
    const data = new FormData();
    data.set("csrfmiddlewaretoken", form.elements.csrfmiddlewaretoken.value);
    data.set("conversation", form.elements.conversation.value);
    data.set("file", entry.file, entry.name);
    const xhr = (entry.xhr = new XMLHttpRequest());
    xhr.upload.addEventListener("progress", (event) => {
      entry.part = event.lengthComputable ? event.loaded / event.total : 0;
      progress(entry);
    });
    xhr.addEventListener("load", () => answered(entry, xhr));
    xhr.addEventListener("error", () => fail(entry, "The server cannot be reached."));
    xhr.open("POST", input.dataset.url);
    xhr.send(data);
  }

  function answered(entry, xhr) {
    let told = {};
    try {
      told = JSON.parse(xhr.responseText);
    } catch {
      // No answer of the upload's own: a proxy's page, or the sign-in.
    }
    if (xhr.status === 201 && told.id) {
      Object.assign(entry, told, { file: null });
      show(entry);
      announce(`${entry.name} is attached`);
      changed();
    } else if (told.message) {
      fail(entry, told.message, xhr.status !== 507);
    } else if (xhr.status === 413) {
      fail(entry, "This file is too large.", true);
    } else {
      fail(entry, xhr.status === 200 || xhr.status === 403 ? "You are signed out. Reload the page." : "It was not taken. Try again.");
    }
  }

  function fail(entry, error, isFinal = false) {
    const reason = error.startsWith(`${entry.name}: `) ? error.slice(entry.name.length + 2) : error;
    Object.assign(entry, { error: reason, isFinal });
    progress(entry);
    window.ollive.say(reason.startsWith(entry.name) ? reason : `${entry.name}: ${reason}`);
    changed();
  }

  function again(entry) {
    entry.error = "";
    progress(entry);
    upload(entry);
    changed();
  }

  function remove(entry) {
    entry.xhr?.abort();
    if (entry.discard) {
      const data = new FormData();
      data.set("csrfmiddlewaretoken", form.elements.csrfmiddlewaretoken.value);
      // What can't be discarded now goes by itself a day later.
      fetch(entry.discard, { method: "POST", body: data }).catch(() => {});
    }
    entries = entries.filter((other) => other !== entry);
    entry.chip.remove();
    announce(`${entry.name} is taken out`);
    document.getElementById("composer-notice").replaceChildren();
    changed();
    box.focus();
  }

  // --- Where they come from -------------------------------------------------------------------------------------------
  document.getElementById("attach").addEventListener("click", () => input.click());
  input.addEventListener("change", () => {
    add([...input.files]);
    input.value = "";
    box.focus();
  });

  const hasFiles = (event) => [...(event.dataTransfer?.types || [])].includes("Files");
  let depth = 0;
  const dropping = (isOn) => chat.classList.toggle("is-dropping", isOn);

  chat.addEventListener("dragenter", (event) => {
    if (!hasFiles(event)) return;
    depth += 1;
    dropping(true);
  });
  chat.addEventListener("dragleave", (event) => {
    if (hasFiles(event) && (depth = Math.max(0, depth - 1)) === 0) dropping(false);
  });
  chat.addEventListener("dragover", (event) => {
    if (hasFiles(event)) event.preventDefault();
  });
  chat.addEventListener("drop", (event) => {
    if (!hasFiles(event)) return;
    event.preventDefault();
    depth = 0;
    dropping(false);
    add([...event.dataTransfer.files]);
    box.focus();
  });

  box.addEventListener("paste", (event) => {
    const files = [...event.clipboardData.files];
    const text = event.clipboardData.getData("text/plain");
    if (files.length && !text) {
      event.preventDefault();
      add(files);
    } else if (text.length >= LONG_PASTE) {
      event.preventDefault();
      offer(text);
    }
  });

  // A long text goes as a file; who wants it in the message puts it there.
  function offer(text) {
    const file = new File([text], "Pasted text.txt", { type: "text/plain" });
    const count = entries.length;
    add([file]);
    if (entries.length === count) return;
    entries.at(-1).pasted = text;
    show(entries.at(-1));
  }

  function insertButton(entry) {
    const button = Object.assign(document.createElement("button"), { type: "button", className: "button small" });
    button.textContent = "Put it into the message";
    button.addEventListener("click", () => {
      remove(entry);
      composer.insert(entry.pasted);
    });
    return button;
  }

  // --- With the prompt ------------------------------------------------------------------------------------------------
  function blocker() {
    if (entries.some(({ id, error }) => !id && !error)) return "Wait until the files are attached, or take them out.";
    if (entries.some(({ error }) => error)) return "Take out the file that could not be attached.";
    const model = document.getElementById("model");
    const option = model?.selectedOptions?.[0] || model;
    const isBlind = option?.dataset?.vision === "no" && done().some(({ kind }) => kind === "image");
    return isBlind ? "This model takes no pictures. Choose another model, or take the picture out." : "";
  }

  sending.register("files", {
    blocker,
    hasContent: () => done().length > 0,
    collect: (data) => done().forEach(({ id }) => data.append("files", id)),
    take() {
      const given = done().map(kept);
      entries = [];
      list.replaceChildren();
      changed();
      return given;
    },
    put(given) {
      for (const one of given) {
        if (entries.some(({ id }) => id === one.id)) continue;
        const entry = { ...one };
        entries.push(entry);
        show(entry);
      }
      changed();
    },
    show(article, given) {
      if (!given?.length) return;
      const shown = Object.assign(document.createElement("ul"), { className: "files" });
      shown.setAttribute("aria-label", "Files");
      for (const one of given) {
        const chip = chipOf(one);
        chip.querySelectorAll("button, progress").forEach((part) => part.remove());
        const item = document.createElement("li");
        chip.classList.add(`is-${one.kind}`);
        item.append(...[Object.assign(document.createElement("div"), { className: chip.className })]);
        item.firstChild.append(...chip.childNodes);
        shown.append(item);
      }
      article.prepend(shown);
    },
  });

  // As it was left.
  for (const one of drafts.kept("files") || []) {
    const entry = { ...one };
    entries.push(entry);
    show(entry);
  }
  changed();
})();
