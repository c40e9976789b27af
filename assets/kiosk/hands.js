// What a finger means. A press counts where the finger leaves the button on which it came
// down. No press are: fingers on two buttons at once, a contact as large as a palm, one
// that rests, and one that slides away or scrolls. Keyboards and assistive technology
// click without a finger; screen.js takes their clicks.

const palm = 120;      // CSS pixels: 20 to 30 mm on the screens that are used; a fingertip has 8 to 15 mm
const resting = 3000;  // ms after which a finger is taken for something that lies there

const button = '.face, .reason';

// Hands watches all fingers and pointers on the page. It calls
//   touched()       for every contact, as soon as it begins
//   felt(is)        when contacts with buttons begin, and when the last one ends
//   pressed(button) for a press
//   unclear()       where it cannot be told which button was meant
export class Hands {
  began = 0;           // when the last contact began, and ended: time stamps of their events
  ended = -Infinity;
  #down = new Map();   // contacts by pointer

  constructor(calls) {
    this.calls = calls;
    document.addEventListener('pointerdown', event => this.#begin(event));
    document.addEventListener('pointermove', event => this.#grow(event));
    document.addEventListener('pointerup', event => this.#end(event, true));
    document.addEventListener('pointercancel', event => this.#end(event, false));
  }

  // made tells whether a click comes from a contact that was judged here.
  made(click) {
    return click.detail > 0 && click.timeStamp - this.ended < 1000;
  }

  // forget ends what goes on: its buttons are no longer there.
  forget() {
    for (const contact of this.#down.values()) clearTimeout(contact.timer);
    this.#down.clear();
  }

  #begin(event) {
    if (event.button > 0) return;
    this.began = event.timeStamp;
    this.calls.touched();
    const on = event.target.closest?.(button);
    if (!on) return;
    const contact = {on, unclear: false, rests: false};
    contact.timer = setTimeout(() => {
      contact.rests = true;
      this.#spoil(contact);
    }, resting);
    this.#down.set(event.pointerId, contact);
    this.calls.felt(true);
    this.#grow(event);
    for (const other of this.#down.values()) {
      // What has lain there for long keeps nobody from pressing elsewhere.
      if (other.on !== on && !other.rests) {
        this.#spoil(other);
        this.#spoil(contact);
      }
    }
  }

  #grow(event) {
    const contact = this.#down.get(event.pointerId);
    if (contact && Math.max(event.width, event.height) > palm) this.#spoil(contact);
  }

  #spoil(contact) {
    if (contact.unclear) return;
    contact.unclear = true;
    this.calls.unclear();
  }

  #end(event, lifted) {
    this.ended = event.timeStamp;
    const contact = this.#down.get(event.pointerId);
    if (!contact) return;
    clearTimeout(contact.timer);
    this.#grow(event);
    this.#down.delete(event.pointerId);
    if (this.#down.size === 0) this.calls.felt(false);
    const under = document.elementFromPoint(event.clientX, event.clientY);
    if (lifted && !contact.unclear && under?.closest(button) === contact.on) this.calls.pressed(contact.on);
  }
}
