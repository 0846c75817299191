// The websocket: frames in, `sync` and `ping` out. Reconnecting is ours, as it must be quick, capped and quiet.
(() => {
  "use strict";

  const { transcript } = window.ollive;
  if (!transcript) return;

  const PING_MS = 25_000;
  const PONG_MS = 8_000;
  const LONGEST_PAUSE_MS = 5_000;
  const QUIET_MS = 3_000;
  const REFUSED = 4400;

  let socket = null;
  let wrapper = null;
  let attempts = 0;
  let isOver = false;
  let retryTimer = 0;
  let pongTimer = 0;
  let troubleTimer = 0;

  const line = document.getElementById("connection");
  const isOpen = () => socket?.readyState === WebSocket.OPEN;

  // The extension would reconnect in its own time, and not after every kind of closing.
  window.htmx.config.wsReconnectDelay = () => 2 ** 31 - 1;
  window.htmx.createWebSocket = (url) => {
    socket = new WebSocket(url);
    socket.addEventListener("message", hear);
    return socket;
  };

  function send(message) {
    if (isOpen()) wrapper.sendImmediately(JSON.stringify(message));
  }

  function sync() {
    const { conversation, isNew } = document.getElementById("chat").dataset;
    // Before its first message a conversation does not exist on the server.
    if (isNew === undefined) send({ type: "sync", conversation, runs: transcript.runs(), last: transcript.last() });
  }

  // Every ping must be answered: a network that went away closes nothing.
  function ping() {
    if (!isOpen()) return;
    send({ type: "ping" });
    clearTimeout(pongTimer);
    pongTimer = setTimeout(() => isOpen() && reconnect(), PONG_MS);
  }

  function reconnect() {
    clearTimeout(retryTimer);
    clearTimeout(pongTimer);
    if (isOver || !wrapper) return;
    noteTrouble();
    const old = socket;
    wrapper.reconnect();
    if (old.readyState !== WebSocket.CLOSED) old.close();
  }

  function reconnectSoon() {
    clearTimeout(retryTimer);
    const pause = Math.min(LONGEST_PAUSE_MS, 250 * 2 ** attempts) * (0.7 + 0.3 * Math.random());
    attempts += 1;
    retryTimer = setTimeout(reconnect, pause);
  }

  // Something says that the network may be back.
  function reviveNow() {
    if (isOver || document.visibilityState === "hidden") return;
    if (isOpen()) ping();
    else if (socket?.readyState !== WebSocket.CONNECTING || attempts > 1) reconnect();
  }

  function noteTrouble() {
    if (troubleTimer || isOver) return;
    troubleTimer = setTimeout(() => say("Connection lost. Trying again…"), QUIET_MS);
  }

  function say(text) {
    line.textContent = text;
    line.hidden = false;
  }

  function noteHealth() {
    clearTimeout(troubleTimer);
    troubleTimer = 0;
    line.hidden = true;
    line.textContent = "";
  }

  // Frames are no markup: they stop here. The extension would tell the whole page of each one, which costs more than drawing it.
  function hear(event) {
    if (event.data.trimStart().startsWith("<")) return;
    event.stopImmediatePropagation();
    const frame = JSON.parse(event.data);
    if (frame.type === "pong") clearTimeout(pongTimer);
    else if (frame.type === "bye") leave(frame.reason);
    else transcript.apply(frame);
    if (frame.type === "turn") sync();
    if (frame.type === "end") document.dispatchEvent(new CustomEvent("ollive:end"));
  }

  function leave(reason) {
    isOver = true;
    socket.close();
    if (reason === "removed") {
      window.location.assign("/");
      return;
    }
    const here = encodeURIComponent(window.location.pathname);
    window.location.assign(`${line.dataset.signIn}?next=${here}`);
  }

  document.addEventListener("htmx:wsOpen", (event) => {
    if (event.detail.event.target !== socket) return;
    wrapper = event.detail.socketWrapper;
    attempts = 0;
    noteHealth();
    sync();
  });

  document.addEventListener("htmx:wsClose", (event) => {
    if (event.detail.event.target !== socket) return;
    wrapper = event.detail.socketWrapper;
    clearTimeout(pongTimer);
    if (event.detail.event.code === REFUSED) {
      // The conversation was deleted elsewhere, or this page is older than the server: trying again would not help.
      isOver = true;
      say("This page is out of date. Reload it to go on.");
    } else if (!isOver) {
      noteTrouble();
      reconnectSoon();
    }
  });

  setInterval(ping, PING_MS);
  window.addEventListener("online", reviveNow);
  window.addEventListener("pageshow", (event) => event.persisted && reviveNow());
  document.addEventListener("visibilitychange", reviveNow);

  window.ollive.sync = sync;
})();
