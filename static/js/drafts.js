// What was typed and not sent, and what was sent and not answered for, kept in this browser by person and conversation.
(() => {
  "use strict";

  const chat = document.getElementById("chat");
  if (!chat) return;
  const { memory } = window.ollive;

  const conversation = () => (chat.dataset.isNew === undefined ? chat.dataset.conversation : "new");
  const key = (kind) => `ollive.${kind}.${chat.dataset.user}.${conversation()}`;

  function unsent() {
    try {
      const items = JSON.parse(memory.get(key("unsent")));
      return Array.isArray(items) ? items : [];
    } catch {
      return [];
    }
  }

  function keepUnsent(items) {
    if (items.length) memory.set(key("unsent"), JSON.stringify(items));
    else memory.remove(key("unsent"));
  }

  const read = () => memory.get(key("draft")) || "";

  function write(text) {
    if (text.trim()) memory.set(key("draft"), text);
    else memory.remove(key("draft"));
  }

  // What goes with the draft: files, and the settings of a chat that is yet to begin.
  const aside = (name) => `${key("draft")}.${name}`;

  function kept(name) {
    try {
      return JSON.parse(memory.get(aside(name)));
    } catch {
      return null;
    }
  }

  function keep(name, value) {
    const isNothing = !value || (Array.isArray(value) && !value.length);
    if (isNothing) memory.remove(aside(name));
    else memory.set(aside(name), JSON.stringify(value));
  }

  // From here on the conversation exists: what is kept for it moves to its own name.
  function settle(id) {
    const [text, waiting, files] = [read(), unsent(), kept("files")];
    write("");
    keepUnsent([]);
    keep("files", null);
    keep("settings", null);
    delete chat.dataset.isNew;
    chat.dataset.conversation = id;
    write(text);
    keepUnsent(waiting);
    keep("files", files);
  }

  window.ollive.drafts = {
    read,
    write,
    settle,
    kept,
    keep,
    unsent,
    hold: (item) => keepUnsent([...unsent().filter(({ message }) => message !== item.message), item]),
    release: (message) => keepUnsent(unsent().filter((item) => item.message !== message)),
  };
})();
