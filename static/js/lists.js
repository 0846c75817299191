// The list of chats: the menu of a row and of the bar, renaming, deleting with its way back, and news that find their place.
(() => {
  "use strict";

  const list = document.getElementById("conversations");
  if (!list) return;

  const UNDO_MS = 10_000;
  const byId = (id) => document.getElementById(id);
  const chat = byId("chat");
  const rowMenu = byId("row-menu");
  const renaming = byId("rename");
  const rowOf = (path) => document.querySelector(`#conversations a[href="${CSS.escape(path)}"]`)?.closest("li");
  const isShown = (path) => path === window.location.pathname;

  // --- What is done: posted for a conversation by its address ----------------------------------------------------------
  const posts = {
    pin: ["pin", { on: "1" }],
    unpin: ["pin", { on: "0" }],
    archive: ["archive", { on: "1" }],
    restore: ["archive", { on: "0" }],
    delete: ["delete", {}],
    end: ["end", {}],
  };

  async function post(path, action, values, source = byId("list-form")) {
    let answer = null;
    const note = (event) => (answer = event.detail.xhr);
    source.addEventListener("htmx:afterRequest", note, { once: true });
    const open = chat?.dataset.isNew === undefined ? chat?.dataset.conversation : "";
    await window.htmx
      .ajax("POST", `${path}${action}/`, { source, swap: "none", values: { open: open || "", ...values } })
      .catch(() => {});
    const isDone = answer !== null && answer.status >= 200 && answer.status < 300;
    if (!isDone && !answer?.getResponseHeader("HX-Retarget")) window.ollive.say("This was not done. Try again.");
    return isDone;
  }

  async function act(path, name) {
    const isRow = rowOf(path);
    const next = isRow && (isRow.nextElementSibling || isRow.previousElementSibling)?.querySelector("a")?.id;
    const hadFocus = isRow?.contains(document.activeElement);
    const [action, values] = posts[name];
    if (!(await post(path, action, values))) return;
    if (name === "delete") byId("undo")?.focus();
    else if (hadFocus && !rowOf(path)) (byId(next) || byId("new-chat")).focus();
  }

  // --- Renaming --------------------------------------------------------------------------------------------------------
  function rename(path) {
    const title = rowOf(path)?.querySelector("a").textContent.trim();
    renaming.dataset.path = path;
    byId("rename-title").value = title ?? byId("conversation-title").textContent.trim();
    byId("rename-notice").replaceChildren();
    window.ollive.openDialog(renaming);
    byId("rename-title").select();
  }

  byId("rename-form").addEventListener("submit", async (event) => {
    event.preventDefault();
    const { path } = renaming.dataset;
    if (!(await post(path, "rename", { title: byId("rename-title").value }, event.target))) return;
    renaming.close();
    (byId(rowOf(path)?.querySelector("[data-more]").id) || byId("prompt"))?.focus();
  });

  // --- The menu of a row -----------------------------------------------------------------------------------------------
  const items = (menu) => [...menu.querySelectorAll("[role=menuitem]")].filter((item) => item.offsetParent !== null);

  function openMenu(button) {
    const row = button.closest("li");
    rowMenu.dataset.path = row.querySelector("a").pathname;
    rowMenu.dataset.button = button.id;
    rowMenu.querySelector("[data-act=pin]").hidden = "pinned" in row.dataset;
    rowMenu.querySelector("[data-act=unpin]").hidden = !("pinned" in row.dataset);
    rowMenu.showPopover({ source: button });
    const { bottom, top, right } = button.getBoundingClientRect();
    const { offsetHeight, offsetWidth } = rowMenu;
    const below = bottom + 4 + offsetHeight < window.innerHeight ? bottom + 4 : Math.max(8, top - 4 - offsetHeight);
    rowMenu.style.top = `${below}px`;
    rowMenu.style.left = `${Math.max(8, Math.min(right - offsetWidth, window.innerWidth - offsetWidth - 8))}px`;
  }

  for (const menu of document.querySelectorAll("[role=menu][popover]")) menu.addEventListener("toggle", focusFirst);

  function focusFirst(event) {
    if (event.newState === "open") items(event.target)[0]?.focus();
    byId(rowMenu.dataset.button)?.setAttribute("aria-expanded", String(rowMenu.matches(":popover-open")));
  }

  document.addEventListener("keydown", (event) => {
    const menu = event.target.closest?.("[role=menu][popover]");
    const step = { ArrowDown: 1, ArrowUp: -1 }[event.key];
    if (menu && (step || event.key === "Home" || event.key === "End")) {
      const all = items(menu);
      const at = all.indexOf(document.activeElement);
      const to = event.key === "Home" ? 0 : event.key === "End" ? all.length - 1 : (at + step + all.length) % all.length;
      all[to]?.focus();
      event.preventDefault();
    } else if (menu && event.key === "Tab") {
      menu.hidePopover();
    } else if (event.target.matches?.("#conversations a[data-conversation]")) {
      walk(event, step);
    }
  });

  // Up and down go from chat to chat; the keys of the menu are there without opening it.
  function walk(event, step) {
    if (step) {
      const links = [...document.querySelectorAll("#conversations a")];
      links[links.indexOf(event.target) + step]?.focus();
    } else if (event.key === "F2") {
      rename(event.target.pathname);
    } else if (event.key === "Delete") {
      act(event.target.pathname, "delete");
    } else {
      return;
    }
    event.preventDefault();
  }

  document.addEventListener("click", (event) => {
    const more = event.target.closest("[data-more]");
    const item = event.target.closest("[data-act]");
    if (more) {
      openMenu(more);
    } else if (item) {
      const path = item.closest("#row-menu") ? rowMenu.dataset.path : window.location.pathname;
      item.closest("[popover]:popover-open")?.hidePopover();
      if (item.dataset.act === "rename") rename(path);
      else act(path, item.dataset.act);
    } else if (event.target.closest("[data-dismiss]")) {
      closeToast();
    }
  });

  // The forms of the bar's menu, which work without this script too.
  document.addEventListener("submit", (event) => {
    const form = event.target;
    if (form.dataset.listAction) {
      event.preventDefault();
      const isOn = form.elements.on?.value !== "0";
      form.closest("[popover]")?.hidePopover();
      const name = { pin: isOn ? "pin" : "unpin", archive: isOn ? "archive" : "restore" }[form.dataset.listAction];
      act(window.location.pathname, name || form.dataset.listAction);
    } else if ("undo" in form.dataset) {
      event.preventDefault();
      undo(form);
    }
  });

  // --- Deleted, and the way back ---------------------------------------------------------------------------------------
  const toast = byId("toast");
  let closing = 0;

  function arm() {
    clearTimeout(closing);
    closing = setTimeout(() => {
      // Whoever is about to press it is not hurried.
      if (toast.matches(":hover") || toast.querySelector(":focus-visible")) arm();
      else closeToast();
    }, UNDO_MS);
  }

  // It stands above the drawer too; another tab's undo empties it.
  function showToast() {
    if (!toast.firstElementChild) {
      clearTimeout(closing);
      if (toast.matches(":popover-open")) toast.hidePopover();
      return;
    }
    if (!toast.matches(":popover-open")) toast.showPopover();
    window.ollive.announce(`${toast.querySelector("p").textContent}. It can be undone for a moment.`);
    arm();
  }

  function closeToast() {
    const hadFocus = toast.contains(document.activeElement);
    toast.replaceChildren();
    if (hadFocus) (document.querySelector("#conversations a") || byId("new-chat")).focus();
  }

  async function undo(form) {
    const path = new URL(form.action).pathname.replace(/undelete\/$/, "");
    if (await post(path, "undelete", { open: form.elements.open?.value || "" })) rowOf(path)?.querySelector("a").focus();
    else closeToast();
  }

  toast.addEventListener("keydown", (event) => {
    if (event.key !== "Escape") return;
    event.preventDefault();
    closeToast();
  });

  // --- News ------------------------------------------------------------------------------------------------------------
  // A chat that is new, was used just now or has another title: its row goes to the top of its group.
  function place() {
    for (const fresh of byId("row-news").querySelectorAll("li")) {
      const old = byId(fresh.id);
      const group = document.querySelector(`#conversations [data-label="${"pinned" in fresh.dataset ? "Pinned" : "Today"}"] ul`);
      const focused = old?.contains(document.activeElement) ? document.activeElement.id : null;
      if (old && "pinned" in fresh.dataset && "pinned" in old.dataset) old.replaceWith(fresh);
      else {
        old?.remove();
        group?.prepend(fresh);
      }
      if (focused) byId(focused)?.focus();
    }
    window.ollive.tidyList();
  }

  let countedReplies = 0;

  // Replies that end at the same time may be told of in either order.
  window.ollive.showSpent = (spent) => {
    if (!spent || spent.count < countedReplies) return;
    countedReplies = spent.count;
    byId("spent").innerHTML = spent.html;
  };

  document.addEventListener("htmx:oobAfterSwap", (event) => {
    if (event.detail.target.id === "row-news") place();
    else if (event.detail.target.id === "bar") byId("conversation-menu")?.addEventListener("toggle", focusFirst);
  });

  if (new URLSearchParams(window.location.search).has("deleted")) {
    window.history.replaceState(window.history.state, "", window.location.pathname);
  }
  new MutationObserver(showToast).observe(toast, { childList: true });
  showToast();
  // Once the composer has taken the focus.
  window.addEventListener("load", () => {
    if (!window.matchMedia("(pointer: coarse)").matches) byId("undo")?.focus();
  });
})();
