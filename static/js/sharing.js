// The dialog of a chat's link: read when it opens, posted without leaving the page.
(() => {
  "use strict";

  const dialog = document.getElementById("share");
  if (!dialog) return;
  const { announce, frames } = window.ollive;

  const content = () => dialog.querySelector("#share-content");
  const waiting = content().cloneNode(true);

  function show(html) {
    content().replaceWith(frames.parse(html).querySelector("#share-content"));
    const address = dialog.querySelector("#share-address");
    if (address) address.select();
    else dialog.querySelector("#share-title").focus();
    announce(dialog.querySelector(".notice")?.textContent.trim() || "");
  }

  function trouble(text) {
    const line = document.createElement("p");
    line.className = "notice error";
    line.role = "alert";
    line.textContent = text;
    content().append(line);
  }

  async function ask(url, fields) {
    const headers = { "HX-Request": "true" };
    const answer = await fetch(url, fields ? { method: "POST", headers, body: fields } : { headers }).catch(() => null);
    if (answer?.redirected) trouble("You are signed out. Sign in again in another tab, then retry.");
    else if (answer?.status === 403) trouble("Your role in this workspace does not let you share chats.");
    else if (answer?.status === 404) trouble("This chat has no messages yet. Send one first.");
    else if (answer?.ok || answer?.status === 422) show(await answer.text());
    else trouble("The server cannot be reached. Try again.");
  }

  document.addEventListener("click", (event) => {
    if (!event.target.closest('[data-dialog="share"]')) return;
    content().replaceWith(waiting.cloneNode(true));
    const { conversation } = document.getElementById("chat").dataset;
    ask(dialog.dataset.url.replace("00000000-0000-0000-0000-000000000000", conversation));
  });

  dialog.addEventListener("submit", (event) => {
    if (!event.target.matches("[data-share-form]")) return;
    event.preventDefault();
    ask(event.target.action, new URLSearchParams(new FormData(event.target)));
  });
})();
