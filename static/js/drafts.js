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

  // From here on the conversation exists: what is kept for it moves to its own name.
  function settle(id) {
    const [text, waiting] = [read(), unsent()];
    write("");
    keepUnsent([]);
    delete chat.dataset.isNew;
    chat.dataset.conversation = id;
    write(text);
    keepUnsent(waiting);
  }

  window.ollive.drafts = {
    read,
    write,
    settle,
    unsent,
    hold: (item) => keepUnsent([...unsent().filter(({ message }) => message !== item.message), item]),
    release: (message) => keepUnsent(unsent().filter((item) => item.message !== message)),
  };
})();
