// Says when the phone is offline, keeps a typed code until it is looked at, and sends a form once.
// All works without it.
(function () {
  "use strict";
  const KEPT = "till-code";
  const offline = document.querySelector("[data-offline]");
  const till = document.querySelector("form[data-till]");
  const store = (function () { try { return window.sessionStorage; } catch (refused) { return null; } }());

  function look() { if (offline) offline.hidden = navigator.onLine; }
  window.addEventListener("online", look);
  window.addEventListener("offline", look);
  look();

  if (till && store) {
    const code = till.elements.namedItem("code");
    if (code && !code.value) code.value = store.getItem(KEPT) || "";
    if (code) code.addEventListener("input", function () { store.setItem(KEPT, code.value); });
  }
  if (store && document.querySelector("[data-done]")) store.removeItem(KEPT);

  document.addEventListener("submit", function (event) {
    const form = event.target;
    if (!navigator.onLine) {  // nothing would come of it but the browser's own error page
      event.preventDefault();
      look();
      window.scrollTo(0, 0);
    } else if (form.matches("[data-once]")) {
      if (form.dataset.sent) event.preventDefault();
      form.dataset.sent = "yes";
    }
  });
  // A page that comes out of the browser's memory may be sent again; the server knows the form.
  window.addEventListener("pageshow", function () {
    document.querySelectorAll("form[data-sent]").forEach(function (form) { delete form.dataset.sent; });
  });

  const wrong = document.querySelector("[data-focus]");
  if (wrong) wrong.focus();
}());
