// Says when the phone is offline, and brings what is wrong into view. Without it all works as well.
(function () {
  "use strict";
  const offline = document.querySelector("[data-offline]");
  function look() { if (offline) offline.hidden = navigator.onLine; }
  window.addEventListener("online", look);
  window.addEventListener("offline", look);
  look();
  const wrong = document.querySelector("[data-focus]");
  if (wrong) wrong.focus();
}());
