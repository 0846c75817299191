// What surrounds the conversation: sidebar, dialogs, shortcuts.
(() => {
  "use strict";

  const { memory } = window.ollive;
  const byId = (id) => document.getElementById(id);

  // --- Sidebar: a column on wide screens, a drawer (popover) on narrow ones -----------------------------------------
  const sidebar = byId("sidebar");
  const wide = window.matchMedia("(min-width: 768px)");

  function toggleSidebar() {
    const willClose = !document.documentElement.classList.contains("sidebar-closed");
    memory.set("ollive.sidebar", willClose ? "closed" : "open");
    window.ollive.applySidebar();
    byId(willClose ? "open-sidebar" : "close-sidebar").focus();
  }

  function closeDrawer() {
    if (sidebar?.matches(":popover-open")) sidebar.hidePopover();
  }

  wide.addEventListener("change", closeDrawer);
  sidebar?.addEventListener("focusout", (event) => {
    const into = event.relatedTarget;
    if (into && !sidebar.contains(into) && !into.closest("dialog, [popover]")) closeDrawer();
  });

  function showTitle(title) {
    byId("conversation-title").textContent = title;
    document.title = `${title} – Ollive`;
  }

  // --- The list: the server does not know which conversation this tab shows ------------------------------------------
  function tidyList() {
    for (const link of document.querySelectorAll("#conversations a[data-conversation]")) {
      const isCurrent = link.pathname === window.location.pathname;
      if (isCurrent) link.setAttribute("aria-current", "page");
      else link.removeAttribute("aria-current");
      if (isCurrent) showTitle(link.textContent.trim());
    }
    let previous = null;
    for (const group of document.querySelectorAll("#conversations .group")) {
      group.querySelector("h2").hidden = group.dataset.label === previous;
      previous = group.dataset.label;
    }
  }

  // Focus survives a replaced list; what was deleted hands it to "New chat".
  let focusedId = null;
  document.addEventListener("htmx:oobBeforeSwap", (event) => {
    const active = document.activeElement;
    focusedId = event.target.contains(active) ? active.id : null;
  });
  document.addEventListener("htmx:oobAfterSwap", () => {
    if (focusedId !== null) (byId(focusedId) || byId("new-chat")).focus();
    focusedId = null;
    tidyList();
  });
  document.addEventListener("htmx:afterSettle", tidyList);
  document.addEventListener("htmx:pushedIntoHistory", tidyList);

  // A refusal that says where it belongs is shown there.
  document.addEventListener("htmx:beforeSwap", (event) => {
    const { xhr } = event.detail;
    if (xhr.status >= 400 && xhr.getResponseHeader("HX-Retarget")) event.detail.shouldSwap = true;
  });

  // --- Dialogs --------------------------------------------------------------------------------------------------------
  function open(dialog) {
    for (const menu of document.querySelectorAll(".menu:popover-open")) menu.hidePopover();
    closeDrawer();
    if (!dialog.open) dialog.showModal();
  }

  document.addEventListener("click", (event) => {
    const target = event.target.closest("[data-action], [data-dialog], [data-close]");
    if (!target) return;
    if (target.dataset.action === "toggle-sidebar") toggleSidebar();
    else if (target.dataset.dialog && byId(target.dataset.dialog)) {
      event.preventDefault();
      open(byId(target.dataset.dialog));
    } else if (target.dataset.close !== undefined) target.closest("dialog").close();
  });

  document.addEventListener("submit", (event) => {
    if (event.target.id === "sign-out") {
      // What was typed and not sent stays in this browser only as long as its person does.
      for (const key of memory.keys()) {
        if (/^ollive\.(draft|unsent)\./.test(key)) memory.remove(key);
      }
    }
  });

  // --- Shortcuts ------------------------------------------------------------------------------------------------------
  const singleKey = byId("single-key");
  if (singleKey) {
    singleKey.checked = memory.get("ollive.single-key") !== "off";
    singleKey.addEventListener("change", () => memory.set("ollive.single-key", singleKey.checked ? "on" : "off"));
  }

  const isTyping = (element) => element.isContentEditable || /^(INPUT|TEXTAREA|SELECT)$/.test(element.nodeName);

  document.addEventListener("keydown", (event) => {
    if (event.isComposing || event.defaultPrevented) return;
    const isControl = event.ctrlKey || event.metaKey;
    if (isControl && event.shiftKey && event.code === "KeyO") {
      event.preventDefault();
      window.location.assign("/");
    } else if (isControl && !event.shiftKey && !event.altKey && event.code === "KeyK" && byId("search")) {
      event.preventDefault();
      open(byId("search"));
    } else if (event.key === "?" && !isControl && !event.altKey && singleKey?.checked && !isTyping(event.target)) {
      event.preventDefault();
      open(byId("shortcuts"));
    }
  });

  // --- What people are told: beside the composer, or a screen reader alone ---------------------------------------------
  window.ollive.say = (text) => {
    const line = byId("notice-template").content.cloneNode(true);
    line.querySelector("p").textContent = text;
    byId("composer-notice").replaceChildren(line);
  };

  window.ollive.announce = (text) => {
    const status = byId("status");
    if (status) status.textContent = text;
  };

  window.ollive.tidyList = tidyList;
  window.ollive.openDialog = open;
  tidyList();
})();
