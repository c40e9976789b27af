// Brings published figures onto the page as they come. The server renders them: on
// each event the page is fetched once more, and the parts that differ are put in place
// of the old ones. Without this script the page loads itself anew every 30 seconds, as
// the page of kiosks does in any case.
"use strict";
(function () {
  const state = document.getElementById("state");
  const board = document.getElementById("board");
  if (document.getElementById("kiosks")) setTimeout(function () { location.reload(); }, 30000);
  if (!state || !board || !window.EventSource) return;

  const pause = 400; // ms at least between two fetches
  let fetching = false, again = false, lostTimer = 0;

  function show(live) {
    clearTimeout(lostTimer);
    lostTimer = 0;
    state.classList.toggle("live", live);
    state.classList.toggle("lost", !live);
    const word = state.querySelector(".word");
    const text = live ? state.dataset.live : state.dataset.lost;
    if (word.textContent !== text) word.textContent = text;
  }

  // Streams end by themselves about once a minute and begin anew a second later; only
  // a longer silence is worth saying.
  function doubt() {
    if (!lostTimer) lostTimer = setTimeout(show, 4000, false);
  }

  function parts(root) {
    const map = new Map();
    for (const el of root.querySelectorAll("[data-part]")) map.set(el.id, el);
    return map;
  }

  function sameKeys(a, b) {
    if (a.size !== b.size) return false;
    const kb = b.keys();
    for (const k of a.keys()) if (k !== kb.next().value) return false;
    return true;
  }

  function patch(fresh) {
    const focused = document.activeElement && document.activeElement.id;
    const now = parts(board), next = parts(fresh);
    if (board.dataset.date !== fresh.dataset.date) {
      location.reload();
      return;
    }
    if (!sameKeys(now, next)) {
      board.replaceChildren(...fresh.childNodes);
    } else {
      for (const [id, el] of next) {
        const old = now.get(id);
        old.classList.remove("fresh");
        if (old.outerHTML === el.outerHTML) continue;
        const moved = old.dataset.n !== el.dataset.n;
        old.replaceWith(el);
        if (moved) el.classList.add("fresh");
      }
    }
    if (focused && (!document.activeElement || document.activeElement.id !== focused)) {
      const el = document.getElementById(focused);
      if (el) el.focus({ preventScroll: true });
    }
  }

  async function update() {
    if (fetching) {
      again = true;
      return;
    }
    fetching = true;
    try {
      const answer = await fetch("/", { headers: { Accept: "text/html" }, cache: "no-store" });
      if (new URL(answer.url).pathname !== "/") {
        location.assign("/signin");
        return;
      }
      if (answer.ok) {
        const page = new DOMParser().parseFromString(await answer.text(), "text/html");
        const fresh = page.getElementById("board");
        if (fresh) patch(fresh);
      }
    } catch {
      doubt();
    }
    setTimeout(function () {
      fetching = false;
      if (again) {
        again = false;
        update();
      }
    }, pause);
  }

  function listen() {
    const events = new EventSource("/api/v1/live");
    events.addEventListener("open", function () { show(true); });
    events.addEventListener("scores", function () {
      show(true);
      update();
    });
    events.addEventListener("error", function () {
      doubt();
      if (events.readyState === EventSource.CLOSED) {
        // Refused: signed out, or too many watch. The page itself says which.
        setTimeout(listen, 10000);
        update();
      }
    });
  }

  listen();
})();
