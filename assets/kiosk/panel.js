// What happens on the counter's button panel, as the program tells it. Nothing on the page
// waits for it: where the stream breaks the page goes on without, and comes back.

const first = 1000;     // ms until the first try to come back
const longest = 30000;  // and at most, twice as long each time

// follow calls told with every event, for as long as the page lives.
export function follow(address, told) {
  let pause = first;
  const open = () => {
    const stream = new EventSource(address);
    stream.onopen = () => { pause = first; };
    stream.onmessage = event => told(JSON.parse(event.data));
    stream.onerror = () => {
      stream.close();
      setTimeout(open, pause);
      pause = Math.min(2 * pause, longest);
    };
  };
  open();
}
