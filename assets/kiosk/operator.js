// For the staff: five touches of the place's name within three seconds lead from the
// screen to the operator's PIN; and there the number pad needs no journey for each digit.
// Without this file the pad works as a form, and the page is at /operator.
'use strict';

(() => {
  const touches = 5, within = 3000;
  const {here, for: stays} = document.body.dataset;
  let at = [];

  document.addEventListener('pointerdown', event => {
    if (!event.target.closest('.place')) {
      at = [];
      return;
    }
    const now = Date.now();
    at = at.filter(t => now - t < within);
    at.push(now);
    if (at.length >= touches) {
      at = [];
      location.replace('/operator' + new URL(here, location).search);
    }
  });

  // The staff's own pages go home when nobody touches them.
  if (stays) {
    const leave = () => location.replace(here);
    let timer = setTimeout(leave, stays * 1000);
    document.addEventListener('pointerdown', () => {
      clearTimeout(timer);
      timer = setTimeout(leave, stays * 1000);
    });
  }

  const pin = document.querySelector('.pad [name=pin]');
  if (!pin) return;
  document.addEventListener('submit', event => {
    const key = event.submitter?.value;
    if (!key || key === 'go') return;
    event.preventDefault();
    pin.value = key === 'back' ? pin.value.slice(0, -1) : (pin.value + key).slice(0, pin.maxLength);
  });
})();
