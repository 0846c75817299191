// The box: writing, its keys, and the button that sends or stops.
(() => {
  "use strict";

  const form = document.getElementById("composer");
  if (!form) return;

  const { transcript, drafts, sending } = window.ollive;
  const chat = document.getElementById("chat");
  const box = document.getElementById("prompt");
  const hint = document.getElementById("composer-hint");
  const sendButton = document.getElementById("send");
  const stopButton = document.getElementById("stop");
  const stopForm = document.getElementById("stop-form");
  const longest = Number(box.dataset.longest);
  const isTouch = () => window.matchMedia("(pointer: coarse)").matches;

  let isStopping = false;
  let sentAt = -Infinity;

  const runs = () => transcript.runs();
  const isBlank = () => box.value.trim() === "";
  const isEmpty = () => isBlank() && !sending.hasContent();

  // --- The box --------------------------------------------------------------------------------------------------------
  function fit() {
    if (CSS.supports("field-sizing", "content")) return;
    box.style.height = "auto";
    box.style.height = `${box.scrollHeight}px`;
  }

  function put(text) {
    box.value = text;
    changed();
  }

  function changed() {
    drafts.write(box.value);
    fit();
    refresh();
  }

  function add(text) {
    put([text, box.value].filter((one) => one.trim()).join("\n\n"));
    focusBox();
  }

  // As if it was typed: it can be undone, and the caret stays where one expects it.
  function insert(text) {
    box.focus();
    if (document.execCommand("insertText", false, text)) return;
    box.setRangeText(text, box.selectionStart, box.selectionEnd, "end");
    changed();
  }

  function focusBox() {
    box.focus();
    box.setSelectionRange(box.value.length, box.value.length);
  }

  function tellLength() {
    const left = longest - box.value.length;
    if (left > longest / 10) {
      if (hint.dataset.about === "length") say("");
      return;
    }
    const words = left < 0 ? `${(-left).toLocaleString("en")} characters too many` : `${left.toLocaleString("en")} characters left`;
    say(left < 0 ? `${words}. Attach the text as a file, or shorten it.` : `${words}.`, "length");
  }

  function say(text, about = "") {
    hint.textContent = text;
    hint.dataset.about = about;
    hint.hidden = !text;
  }

  // Stop stands in the place of Send; whichever goes hands its focus to the other.
  function refresh() {
    const isRunning = runs().length > 0 || sending.isPending();
    const [shown, gone] = isRunning ? [stopButton, sendButton] : [sendButton, stopButton];
    const hadFocus = document.activeElement === gone;
    shown.hidden = false;
    gone.hidden = true;
    if (hadFocus) (isTouch() ? shown : box).focus();
    if (!isRunning) {
      isStopping = false;
      if (hint.dataset.about === "run") say("");
    }
    stopButton.setAttribute("aria-disabled", String(isStopping));
    const isWaiting = isEmpty() || sending.isPending() || box.value.length > longest || sending.blocker() !== "";
    sendButton.setAttribute("aria-disabled", String(isWaiting));
    chat.classList.toggle("is-empty", !document.querySelector("#transcript article"));
    tellLength();
  }

  function sendPrompt() {
    if (isEmpty() || sending.isPending() || box.value.length > longest) return;
    if (runs().length > 0) {
      say("Stop the reply (Esc) or wait for its end; what you wrote is kept.", "run");
      return;
    }
    const blocker = sending.blocker();
    if (blocker) {
      window.ollive.say(blocker);
      return;
    }
    sentAt = performance.now();
    sending.start();
    put("");
  }

  // --- Stopping -------------------------------------------------------------------------------------------------------
  // Before the server has answered there is no run to name: the wish waits for it.
  let wantsStop = false;
  document.addEventListener("ollive:answered", () => {
    if (wantsStop) stop();
    wantsStop = false;
  });

  function stop() {
    const running = runs();
    wantsStop = sending.isPending();
    if (wantsStop) say("Stopping…", "run");
    if (!running.length || isStopping) return;
    isStopping = true;
    refresh();
    for (const { run } of running) {
      const url = stopForm.dataset.url.replace("00000000-0000-0000-0000-000000000000", run);
      fetch(url, { method: "POST", body: new FormData(stopForm), headers: { "HX-Request": "true" } }).catch(() => {});
    }
    // Should no end come, the button may be tried again.
    setTimeout(() => {
      isStopping = false;
      refresh();
    }, 5000);
  }

  stopForm.addEventListener("submit", (event) => {
    event.preventDefault();
    // The second click of a double click on Send is not meant for Stop.
    if (performance.now() - sentAt > 400) stop();
  });

  // --- Keys and clicks ------------------------------------------------------------------------------------------------
  form.addEventListener("submit", (event) => {
    event.preventDefault();
    sendPrompt();
  });

  box.addEventListener("keydown", (event) => {
    if (event.key !== "Enter" || event.defaultPrevented || event.isComposing || event.keyCode === 229) return;
    const isForced = event.ctrlKey || event.metaKey;
    const breaksLine = document.documentElement.dataset.enter === "break" || isTouch();
    if (!isForced && (event.shiftKey || event.altKey || breaksLine)) return;
    event.preventDefault();
    sendPrompt();
  });

  box.addEventListener("input", changed);

  document.addEventListener("keydown", (event) => {
    if (event.key !== "Escape" || event.isComposing || event.defaultPrevented) return;
    if (document.querySelector("dialog[open], :popover-open")) return;
    stop();
  });

  chat.addEventListener("click", (event) => {
    const target = event.target.closest("[data-fill]");
    if (!target) return;
    put(target.dataset.fill.replaceAll("\\n", "\n"));
    focusBox();
  });

  // The menu of what can be added stands above its button.
  const menu = document.getElementById("add-menu");
  menu.addEventListener("beforetoggle", (event) => {
    if (event.newState !== "open") return;
    const { left, top } = document.getElementById("add").getBoundingClientRect();
    menu.style.left = `${left}px`;
    menu.style.bottom = `${window.innerHeight - top + 8}px`;
  });
  menu.addEventListener("click", (event) => {
    if (event.target.closest("[data-leave]")) menu.hidePopover();
  });

  // --- As it was left -------------------------------------------------------------------------------------------------
  document.addEventListener("ollive:transcript", refresh);
  // Another tab of this chat has sent what stands here, or gone on writing it.
  window.addEventListener("storage", () => {
    if (!document.hasFocus() && box.value !== drafts.read()) put(drafts.read());
  });

  window.ollive.composer = { add, changed, insert, isFree: isEmpty, put, refresh, say, focus: focusBox };

  // Without scripts the files go with the form; here they are sent before it.
  form.removeAttribute("enctype");
  // A draft of the server's (a form posted without a script and refused) comes first.
  put(box.value || drafts.read());
  if (!isTouch()) focusBox();
})();
