// Following the stream: only near the bottom, and never against the reader.
(() => {
  "use strict";

  const scroller = document.getElementById("scroller");
  if (!scroller) return;

  const NEAR = 100;
  const transcript = document.getElementById("transcript");
  const jump = document.getElementById("jump");
  const upward = new Set(["ArrowUp", "PageUp", "Home"]);

  let isFollowing = true;
  let lastTop = 0;
  let lastHeight = 0;
  let touchY = 0;

  const below = () => scroller.scrollHeight - scroller.clientHeight - scroller.scrollTop;

  function showJump() {
    const isFar = !isFollowing && below() > NEAR;
    // A button that goes away while it has the focus hands it on.
    if (!isFar && document.activeElement === jump) scroller.focus({ preventScroll: true });
    jump.hidden = !isFar;
  }

  function toEnd() {
    scroller.scrollTop = scroller.scrollHeight;
    lastTop = scroller.scrollTop;
    lastHeight = scroller.scrollHeight;
  }

  function follow() {
    isFollowing = true;
    toEnd();
    showJump();
  }

  function stopFollowing() {
    isFollowing = false;
    showJump();
  }

  scroller.addEventListener(
    "wheel",
    (event) => {
      if (event.deltaY < 0 && !event.ctrlKey) stopFollowing();
    },
    { passive: true },
  );
  scroller.addEventListener("touchstart", (event) => (touchY = event.touches[0].clientY), { passive: true });
  scroller.addEventListener(
    "touchmove",
    (event) => {
      const y = event.touches[0].clientY;
      if (y > touchY) stopFollowing();
      touchY = y;
    },
    { passive: true },
  );
  scroller.addEventListener("keydown", (event) => {
    if (upward.has(event.key) || (event.key === " " && event.shiftKey)) stopFollowing();
  });

  scroller.addEventListener(
    "scroll",
    () => {
      const top = scroller.scrollTop;
      // Content that shrank moves the view up by itself; a dragged scroll bar does it while the height stays.
      if (top < lastTop - 1 && scroller.scrollHeight >= lastHeight) isFollowing = false;
      else if (top > lastTop && below() < NEAR) isFollowing = true;
      lastTop = top;
      lastHeight = scroller.scrollHeight;
      showJump();
    },
    { passive: true },
  );

  // Told first when the page is laid out anyway: a look at its height before that would lay it out once more.
  const observer = new ResizeObserver(() => {
    if (isFollowing) toEnd();
    showJump();
  });
  observer.observe(transcript);
  observer.observe(scroller);

  jump.addEventListener("click", () => {
    follow();
    const box = document.getElementById("prompt");
    if (box && !window.matchMedia("(pointer: coarse)").matches) box.focus();
  });

  window.ollive.follow = follow;
  window.ollive.stay = stopFollowing;
})();
