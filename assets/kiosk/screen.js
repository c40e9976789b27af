// The touch screen's manners. Without this file the page still works as a form; with
// it a visit stays on the page. Nothing is kept in the browser: no storage, no cookie,
// and no answer once it has been sent.
//
// The body's data-view says what is shown:
//   ask → wait → thanks → ask                                 without further questions
//   ask → wait → more → wait → more → … → wait → done → ask   with them
//   … → wait → failed → …                                     where a record was not kept
// and out while the program cannot be reached or cannot record, starting until it can.
// Thanks and the next question are shown for status 201 only, and look the same and last
// the same for every answer.
//
// A visit has one key, whatever is pressed in it: where it is not known whether the
// first press was kept, another face must not make a second citizen of the same one.
// Every further record has a key of its own made from it, and names the visit's first
// record: continues for a further question, replaces for a change of mind.

import {Hands} from './hands.js';
import {follow} from './panel.js';

const pauses = [0, 300, 900, 1800];  // before each try to send an answer, in ms
const patience = 4000;               // for one try
const settling = 500;                // a new screen takes nothing from a hand that trembles
const keptFor = 5000;                // how long it says that an earlier press counts
const hinted = 4000;                 // how long it says how to press
const lonely = 60000;                // until a screen that nobody uses invites
const renewed = 20000;               // between two pictures of the code for phones
const panelFor = 12000;              // how long a press on the button panel may take

const root = document.documentElement;
const body = () => document.body;
const pick = selector => body().querySelector(selector);
const view = () => body().dataset.view;

const first = body().cloneNode(true);
const {home, here, after: afterwards} = first.dataset;
const asks = first.dataset.view === 'ask';
const thanksFor = Number(first.dataset.thanks);
const quiet = Number(first.dataset.quiet);
const countdown = Number(first.dataset.countdown);
const steps = first.querySelectorAll('template[data-view^="more-"]').length;

// How the visitor wants the page.
const wishes = {lang: root.lang, contrast: root.dataset.contrast, text: root.dataset.text};
const plain = () => wishes.lang === home && !wishes.contrast && !wishes.text;

let visit;           // see begin
let busy = '';       // touch or panel, while a press from there is being kept
let settled = true;  // the screen takes presses
let shown = 0;       // when it last changed, by the clock of events
let used = false;    // somebody did something a moment ago
let missed = 0;      // questions to the program without an answer
let pictures = 0;    // of the code for phones
let sound = null;    // what is being read out

const timers = {};
function after(ms, name, what) {
  clearTimeout(timers[name]);
  timers[name] = setTimeout(what, ms);
}
function stop(...names) {
  for (const name of names) clearTimeout(timers[name]);
}
const sleep = ms => new Promise(done => setTimeout(done, ms));

function begin() {
  const bytes = crypto.getRandomValues(new Uint8Array(16));
  visit = {
    key: Array.from(bytes, b => b.toString(16).padStart(2, '0')).join(''),
    first: null,    // the id of its first record
    level: null,    // the first answer, for as long as it may be changed
    changes: 0,     // how often it was
    step: 0,        // the number of the question shown; 0 = the overall one
    pending: null,  // the answer whose outcome is open
    heard: false,   // the visitor listens
  };
}

/* what is shown */

// copy is what waits in a template, in the visitor's language.
function copy(name) {
  const node = pick(`template[data-view="${name}"]`).content.cloneNode(true);
  speak(node);
  return node;
}

function speak(node) {
  for (const t of node.querySelectorAll('.t')) t.hidden = t.dataset.for !== wishes.lang;
  for (const b of node.querySelectorAll('[data-hear]')) b.hidden = !b.dataset.langs.split(' ').includes(wishes.lang);
}

// dress shows the first screen as the visitor wants it.
function dress() {
  root.lang = wishes.lang;
  for (const name of ['contrast', 'text']) {
    if (wishes[name]) root.dataset[name] = wishes[name];
    else delete root.dataset[name];
    pick(`[data-switch="${name}"]`).setAttribute('aria-pressed', String(Boolean(wishes[name])));
  }
  speak(body());
  for (const a of body().querySelectorAll('.langs a')) {
    if (a.dataset.lang === wishes.lang) a.setAttribute('aria-current', 'true');
    else a.removeAttribute('aria-current');
  }
}

// show changes the screen. What a hand began before does not count on the new one, nor
// what a trembling hand does at once.
function show(name, message) {
  body().dataset.view = name;
  pick('.status').replaceChildren(...(message ? [copy(message)] : []));
  say();
  settle();
}

function settle() {
  hands.forget();
  body().removeAttribute('data-felt');
  shown = performance.now();
  settled = false;
  after(settling, 'settle', () => { settled = true; });
}

// say fills the line below the buttons.
function say(name) {
  stop('hint');
  for (const line of body().querySelectorAll('.say')) line.replaceChildren(...(name ? [copy(name)] : []));
}

// reset ends a visit: the first screen, for somebody else. It takes presses at once.
function reset() {
  Object.assign(wishes, {lang: home, contrast: undefined, text: undefined});
  restart();
}

// restart is the first screen again, as the visitor wants it. Outside opening hours that
// is another page.
function restart() {
  if (afterwards) return location.replace(afterwards);
  stop('view', 'settle', 'hint', 'idle', 'lone');
  hands.forget();
  hush();
  body().replaceWith(first.cloneNode(true));
  begin();
  busy = '';
  settled = true;
  shown = performance.now();
  if (!asks) return;
  pick('.ask [name=key]').value = visit.key;
  dress();
  renew();
  wait();
}

// wait is for whoever does not go on: on the first screen, as it is for everybody, the
// screen invites after a while, in the same way with every face; elsewhere the visit ends
// after a countdown, unless somebody asks for more time.
function wait() {
  pick('.idle')?.remove();
  for (const part of body().children) part.inert = false;
  delete body().dataset.invite;
  stop('idle', 'lone');
  if (['more', 'failed'].includes(view()) || view() === 'ask' && (visit.first || afterwards || !plain())) {
    after(quiet, 'idle', warn);
  } else if (view() === 'ask') {
    after(lonely, 'lone', () => {
      body().dataset.invite = '';
      say('invite');
    });
  }
}

function warn() {
  for (const part of body().children) part.inert = true;
  body().append(copy('idle'));
  let left = Math.round(countdown / 1000);
  const tick = () => {
    if (left === 0) return reset();
    pick('.idle .left').textContent = left--;
    after(1000, 'idle', tick);
  };
  tick();
  pick('[data-time]').focus();
}

// touched notes that somebody is there. It reports whether that was all that was meant:
// more time.
function touched() {
  used = true;
  after(3000, 'used', () => { used = false; });
  const more = pick('.idle') !== null;
  if ('invite' in body().dataset) say();
  if (!busy) wait();
  if (more) {
    shown = performance.now();
    pick('.more h1, .ask h1')?.focus();
  }
  return more;
}

/* the visit */

// send gives the id of an answer that is known to be kept, or says that an earlier one of
// this visit was. Every try carries the same key, so that an answer whose receipt was
// lost is not counted twice.
async function send(record) {
  for (const pause of pauses) {
    if (pause) await sleep(pause);
    try {
      const answer = await fetch('/api/v1/responses', {
        method: 'POST',
        headers: {'Content-Type': 'application/json'},
        body: JSON.stringify(record),
        cache: 'no-store',
        credentials: 'same-origin',
        signal: AbortSignal.timeout?.(patience),
      });
      if (answer.status === 201) return {id: (await answer.json()).id};
      if (answer.status === 409) return {kept: true};
      if (answer.status < 500 && answer.status !== 408) return {};
    } catch {
      // no answer: the outcome is open, ask again
    }
  }
  return {};
}

// record is the answer to the question shown, as the program takes it: a level, null for
// one that is left out, or na.
function record(value, channel) {
  const form = visit.step ? pick('.more') : pick('.ask');
  const field = name => form.querySelector(`[name="${name}"]`).value;
  const r = {
    counter: first.dataset.counter || undefined,
    questionnaire: field('questionnaire'),
    answers: {[field('question')]: value},
    channel,
    idempotency_key: visit.key,
  };
  if (visit.step) {
    r.idempotency_key += '.' + visit.step;
    r.continues = visit.first;
  } else if (visit.first) {
    r.idempotency_key += '.c' + (visit.changes + 1);
    r.replaces = visit.first;
  }
  return r;
}

async function answer(value, channel) {
  busy = 'touch';
  stop('view', 'idle', 'lone');
  if (visit.pending?.value !== value) visit.pending = {value, channel, record: record(value, channel)};
  if (view() !== 'more') pick('.status').replaceChildren(...(visit.step ? [copy('noted-' + visit.step)] : []));
  body().dataset.view = 'wait';
  say('wait');
  settle();
  const {id, kept} = await send(visit.pending.record);
  busy = '';
  if (id) {
    visit.pending = null;
    if (visit.step) return visit.step < steps ? next() : finish('done');
    if (visit.first) visit.changes++;
    visit.first ??= id;
    visit.level = value;
    return thank();
  }
  if (kept) {
    show('kept', 'kept');
    after(keptFor, 'view', reset);
  } else {
    fail();
  }
}

function fail() {
  show('failed', 'failed');
  settled = true; // pressing again at once is the same press
  if (!visit.pending) pick('[data-again]').remove();
  wait();
}

// thank follows the first answer, in the same way whatever it was.
function thank() {
  if (visit.heard) hear('thanks');
  if (!visit.first) finish('done'); // nothing to go on with
  else if (steps) next();
  else finish('thanks');
}

// next shows the next question, with the thanks for the answer before it.
function next() {
  visit.step++;
  pick('.more')?.remove();
  pick('main').append(copy('more-' + visit.step));
  body().dataset.step = visit.step;
  show('more', 'noted-' + visit.step);
  pick('.more h1').focus();
  wait();
}

function finish(name) {
  leave();
  show(name, name);
  wait();
  after(thanksFor, 'view', reset);
}

// change goes back to the faces.
function change() {
  stop('view');
  leave();
  show('ask');
  pick('.ask h1').focus();
  wait();
}

// leave ends the further questions.
function leave() {
  visit.step = 0;
  pick('.more')?.remove();
  delete body().dataset.step;
}

/* sound, and the code for phones */

function hear(name) {
  hush();
  const langs = pick(`[data-hear="${name}"]`)?.dataset.langs ?? first.dataset.thanksLangs ?? '';
  if (!langs.split(' ').includes(wishes.lang)) return;
  sound = new Audio(`/audio/${wishes.lang}/${name}.mp3`);
  sound.play().catch(() => {}); // no loudspeaker: the words are on the screen
}

function hush() {
  sound?.pause();
  sound = null;
}

function renew() {
  const picture = pick('.code img');
  if (!picture) return;
  const address = first.querySelector('.code img').getAttribute('src');
  picture.src = `${address}${address.includes('?') ? '&' : '?'}n=${++pictures}`;
}

/* hands and keys */

const hands = new Hands({
  touched,
  felt: is => body().toggleAttribute('data-felt', is && !busy),
  pressed: button => choose(button, 'touch'),
  unclear: () => {
    if (busy || !['ask', 'more'].includes(view())) return;
    say('one');
    after(hinted, 'hint', () => say());
  },
});

function choose(button, channel) {
  if (!busy && settled) answer(Number(button.value), channel);
}

const ways = {skip: () => answer(null, 'touch'), na: () => answer('na', 'touch'), end: () => finish('done'), again: change};

document.addEventListener('submit', event => {
  if (asks) event.preventDefault();
});

document.addEventListener('click', event => {
  if (!asks) return;
  const on = selector => event.target.closest(selector);
  const control = on('a, button');
  if (control) event.preventDefault();
  const byHand = hands.made(event);
  if (busy || byHand && hands.began < shown) return;
  if (control?.matches('.face, .reason')) {
    if (!byHand) choose(control, 'touch');
  } else if (control?.dataset.time !== undefined) {
    touched();
  } else if (control?.dataset.hear) {
    visit.heard = true;
    hear(control.dataset.hear);
  } else if (control?.dataset.lang) {
    wish('lang', control.dataset.lang);
  } else if (control?.dataset.switch) {
    const name = control.dataset.switch;
    wish(name, wishes[name] ? undefined : {contrast: 'high', text: 'large'}[name]);
  } else if (!settled) {
    return;
  } else if (control?.dataset.again !== undefined) {
    answer(visit.pending.value, visit.pending.channel);
  } else if (control?.matches('.way')) {
    ways[control.value]();
  } else if (['thanks', 'done', 'kept'].includes(view())) {
    reset();
    settle();
  }
});

function wish(name, value) {
  hush();
  wishes[name] = value;
  dress();
  wait();
}

// A USB keypad: the n-th key is the n-th button, of faces from the worst to the best.
document.addEventListener('keydown', event => {
  if (touched()) return event.preventDefault();
  if (event.ctrlKey || event.altKey || event.metaKey) return;
  if (event.key === ' ' && event.target.dataset?.switch) {
    event.preventDefault();
    event.target.click();
  }
  const digit = /^(?:Digit|Numpad)([1-9])$/.exec(event.code) || /^([1-9])$/.exec(event.key);
  if (!digit || event.repeat || !asks) return;
  const form = visit.step ? '.more' : '.ask';
  const button = body().querySelectorAll(`${form} :is(.face, .reason)`)[digit[1] - 1];
  if (!button) return;
  event.preventDefault();
  if (busy || !settled) return;
  if (['ask', 'more', 'failed'].includes(view()) || view() === 'thanks' && Number(button.value) !== visit.level) {
    choose(button, 'button');
  } else if (view() === 'done') {
    reset();
    settle();
  }
});

// A long touch is a touch, not a wish for a menu or for carrying things about.
for (const kind of ['contextmenu', 'dragstart', 'selectstart']) {
  document.addEventListener(kind, event => event.preventDefault());
}

/* the program */

// panel shows what becomes of a press on the button panel, as of a touch.
function panel(told) {
  if (busy === 'touch') return;
  if (told.view === 'wait' || busy !== 'panel') (visit.first ? reset : restart)();
  busy = '';
  stop('view');
  if (told.view === 'thanks') {
    visit.first = told.first ?? null;
    thank();
  } else if (told.view === 'failed') {
    fail();
  } else {
    busy = 'panel';
    stop('lone', 'idle');
    body().dataset.view = 'wait';
    say('wait');
    after(panelFor, 'view', reset);
  }
}

// look asks the program whether another page is due: another question, test mode, out
// of service. The page changes only while nobody is using it.
async function look() {
  let revision = null;
  try {
    const answer = await fetch(first.dataset.look, {cache: 'no-store', credentials: 'same-origin', signal: AbortSignal.timeout?.(patience)});
    if (answer.ok) revision = await answer.text();
    if (answer.status === 403) return location.replace(here); // this tablet is paired no more
  } catch {
    // no answer: the program is away
  }
  missed = revision === null ? missed + 1 : 0;
  if (busy || visit.first || visit.pending || !plain() || used) return;
  if (revision === null) {
    if (missed >= 2 && view() === 'ask') show('out', 'out');
  } else if (revision !== first.dataset.revision) {
    location.replace(afterwards || here);
  } else if (asks && view() === 'out') {
    reset();
  }
}

begin();
if (asks) {
  pick('.ask [name=key]').value = visit.key;
  dress();
  wait();
  setInterval(renew, renewed);
  follow(first.dataset.events, panel);
}
setInterval(look, {ask: 10000, starting: 1000}[first.dataset.view] || 3000);
