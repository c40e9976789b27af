(function () {
  // The form works without this. With it, a form that could not be sent is kept in the
  // page and sent again until it is saved. Nothing newer than 2015 is used.
  'use strict';
  var d = document, w = window, send = null;
  if (!w.XMLHttpRequest || !d.addEventListener) { return; }

  function body(elements) {
    var all = [], i, e;
    for (i = 0; i < elements.length; i++) {
      e = elements[i];
      if (e.name && (e.type !== 'radio' || e.checked)) {
        all.push(encodeURIComponent(e.name) + '=' + encodeURIComponent(e.value));
      }
    }
    return all.join('&');
  }

  d.addEventListener('submit', function (event) {
    var form = event.target, tries = 0, timer = 0, button, status, data, style, i;
    if (form.method !== 'post') { return; }
    event.preventDefault();
    if (send) { send(); return; }
    button = form.querySelector('button');
    status = form.querySelector('.s');
    data = body(form.elements);
    for (i = 0; i < form.elements.length; i++) {
      // What may have arrived already must not be changed.
      form.elements[i].disabled = form.elements[i] !== button;
    }

    function later(seconds) {
      tries++;
      button.disabled = false;
      button.textContent = form.getAttribute('data-again');
      status.className = 's bad';
      status.textContent = form.getAttribute('data-unsaved');
      timer = setTimeout(send, Math.max(1000 * seconds, Math.min(60000, 1000 * Math.pow(2, tries)) * (0.5 + Math.random() / 2)));
    }

    send = function () {
      var x = new XMLHttpRequest();
      if (button.disabled && tries) { return; }
      clearTimeout(timer);
      button.disabled = true;
      button.textContent = form.getAttribute('data-sending');
      x.open('POST', form.getAttribute('action'));
      x.setRequestHeader('Content-Type', 'application/x-www-form-urlencoded');
      x.timeout = 30000;
      x.onerror = x.ontimeout = x.onabort = function () { later(0); };
      x.onload = function () {
        // Another page than ours comes from a network that wants its users to sign in.
        if (x.status >= 500 || x.status === 429 || x.status === 408 || x.responseText.indexOf('data-webform') < 0) {
          later(+x.getResponseHeader('Retry-After') || 0);
          return;
        }
        send = w.onbeforeunload = null;
        // The policy of this page allows its own style, and not that of a newer program.
        style = d.querySelector('style');
        d.documentElement.innerHTML = x.responseText;
        d.head.replaceChild(style, d.querySelector('style'));
        w.scrollTo(0, 0);
        d.querySelector('h1').focus();
      };
      x.send(data);
    };
    w.onbeforeunload = function () { return form.getAttribute('data-unsaved'); };
    send();
  });
  w.addEventListener('online', function () { if (send) { send(); } });
})();
