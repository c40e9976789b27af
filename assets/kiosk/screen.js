// The touch screen's manners. Without this file the page still works as a form; with
// it a press stays on the page. Nothing is kept in the browser: no storage, no cookie.
//
// The body's data-view says what is shown: ask → wait → thanks → ask, or
// ask → wait → failed → …; out while the program cannot be reached or cannot record,
// starting until it can. Thanks are shown for status 201 only, and look the same and last
// the same for every answer.
//
// A visit has one key, whatever is pressed in it: where it is not known whether the
// first press was kept, another face must not make a second citizen of the same one.
'use strict';

(() => {
  const pauses = [0, 300, 900, 1800];  // before each try to send a press, in ms
  const patience = 4000;               // for one try
  const idle = 30000;                  // until an unfinished visit is over
  const failedFor = 15000;             // how long "press again" waits for a finger
  const keptFor = 5000;                // how long it says that an earlier press counts

  const root = document.documentElement;
  const first = document.body.cloneNode(true);
  const home = first.dataset.home;
  const here = first.dataset.here;
  const asks = first.dataset.view === 'ask';
  const thanksFor = Number(first.dataset.thanks);

  let lang = root.lang;
  let busy = false;      // a press is on its way or is being answered
  let pending = null;    // the press whose outcome is open
  let touched = 0;       // when somebody last did something
  let missed = 0;        // questions to the program without an answer
  let timer = 0;

  const body = () => document.body;
  const field = name => body().querySelector(`.ask [name="${name}"]`);
  const sleep = ms => new Promise(done => setTimeout(done, ms));

  function newKey() {
    const bytes = crypto.getRandomValues(new Uint8Array(16));
    return Array.from(bytes, b => b.toString(16).padStart(2, '0')).join('');
  }

  function speak(to) {
    lang = to;
    root.lang = to;
    for (const t of body().querySelectorAll('.t')) t.hidden = t.dataset.for !== to;
    for (const a of body().querySelectorAll('.langs a')) {
      if (a.dataset.lang === to) a.setAttribute('aria-current', 'true');
      else a.removeAttribute('aria-current');
    }
    if (asks) field('lang').value = to;
  }

  // reset ends a visit: the first page again, with a key of its own.
  function reset() {
    clearTimeout(timer);
    if (first.dataset.after) { // outside opening hours the first screen is another page
      location.replace(first.dataset.after);
      return;
    }
    body().replaceWith(first.cloneNode(true));
    speak(home);
    if (asks) field('key').value = newKey();
    pending = null;
    busy = false;
  }

  function show(view) {
    const status = body().querySelector('.status');
    const text = body().querySelector(`template[data-view="${view}"]`).content.cloneNode(true);
    for (const t of text.querySelectorAll('.t')) t.hidden = t.dataset.for !== lang;
    body().dataset.view = view;
    status.replaceChildren(text);
  }

  function later(what, ms) {
    clearTimeout(timer);
    timer = setTimeout(what, ms);
  }

  // send gives the view that follows: thanks only when the press is known to be kept;
  // kept when an earlier one of this visit was. Every try carries the same key, so that
  // a press whose answer was lost is not counted twice.
  async function send(press) {
    for (const pause of pauses) {
      if (pause) await sleep(pause);
      try {
        const answer = await fetch('/api/v1/responses', {
          method: 'POST',
          headers: {'Content-Type': 'application/json'},
          body: JSON.stringify({
            counter: first.dataset.counter || undefined,
            questionnaire: press.questionnaire,
            answers: {[press.question]: press.level},
            channel: press.channel,
            idempotency_key: press.key,
          }),
          cache: 'no-store',
          credentials: 'same-origin',
          signal: AbortSignal.timeout?.(patience),
        });
        if (answer.status === 201) return 'thanks';
        if (answer.status === 409) return 'kept';
        if (answer.status < 500 && answer.status !== 408) return 'failed';
      } catch {
        // no answer: the outcome is open, ask again
      }
    }
    return 'failed';
  }

  async function press(level, channel) {
    if (busy) return;
    busy = true;
    clearTimeout(timer);
    if (!pending || pending.level !== level) {
      pending = {
        level, channel,
        key: field('key').value,
        questionnaire: field('questionnaire').value,
        question: field('question').value,
      };
    }
    body().querySelector('.status').replaceChildren();
    body().dataset.view = 'wait';
    const view = await send(pending);
    show(view);
    busy = view !== 'failed';
    later(reset, {thanks: thanksFor, kept: keptFor, failed: failedFor}[view]);
  }

  document.addEventListener('submit', event => {
    if (!asks) return;
    event.preventDefault();
    const button = event.submitter;
    if (button && button.name === 'level') press(Number(button.value), 'touch');
  });

  document.addEventListener('click', event => {
    const link = event.target.closest('.langs a');
    if (link && asks) {
      event.preventDefault();
      if (!busy) {
        speak(link.dataset.lang);
        later(reset, idle);
      }
    } else if (event.target.closest('[data-again]') && pending) {
      press(pending.level, pending.channel);
    }
  });

  // A USB keypad: the n-th key is the n-th face, from the worst to the best.
  document.addEventListener('keydown', event => {
    touched = Date.now();
    const digit = /^(?:Digit|Numpad)([1-9])$/.exec(event.code) || /^([1-9])$/.exec(event.key);
    if (!digit || event.repeat || event.ctrlKey || event.altKey || event.metaKey) return;
    if (!['ask', 'failed'].includes(body().dataset.view)) return;
    const button = body().querySelectorAll('.faces button')[digit[1] - 1];
    if (!button) return;
    event.preventDefault();
    press(Number(button.value), 'button');
  });

  document.addEventListener('pointerdown', () => {
    touched = Date.now();
    if (!busy && lang !== home && body().dataset.view === 'ask') later(reset, idle);
  });

  // A long touch is a touch, not a wish for a menu or for carrying things about.
  for (const kind of ['contextmenu', 'dragstart', 'selectstart']) {
    document.addEventListener(kind, event => event.preventDefault());
  }

  // look asks the program whether another page is due: another question, test mode, out
  // of service. The page changes only while nobody is using it.
  async function look() {
    let revision = null;
    try {
      const answer = await fetch(first.dataset.look, {cache: 'no-store', credentials: 'same-origin', signal: AbortSignal.timeout?.(patience)});
      if (answer.ok) revision = await answer.text();
      if (answer.status === 403) location.replace(here); // this tablet is paired no more
    } catch {
      // no answer: the program is away
    }
    missed = revision === null ? missed + 1 : 0;
    const view = body().dataset.view;
    if (busy || pending || lang !== home || Date.now() - touched < 3000) return;
    if (revision === null) {
      if (missed >= 2 && view === 'ask') show('out');
    } else if (revision !== first.dataset.revision) {
      location.replace(first.dataset.after || here);
    } else if (asks && view === 'out') {
      reset();
    }
  }

  if (asks) field('key').value = newKey();
  if (asks && (lang !== home || first.dataset.after)) later(reset, idle);
  setInterval(look, {ask: 10000, starting: 1000}[first.dataset.view] || 3000);
})();
