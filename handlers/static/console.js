// Makes the console's pages livelier; every page works without it.
"use strict";

// Whoever sent a form with mistakes lands on what is wrong.
document.querySelector("[data-focus]")?.focus();

// A second click on a button does not send its form again. It comes alive with the page.
document.addEventListener("submit", (event) => {
  const form = event.target;
  if (form.dataset.sent) { event.preventDefault(); return; }
  if (form.querySelector("[data-once]")) { form.dataset.sent = "yes"; }
});
window.addEventListener("pageshow", () => {
  for (const form of document.forms) { delete form.dataset.sent; }
});

// "/" goes to the search of a list, as in many consoles.
document.addEventListener("keydown", (event) => {
  const typing = event.target.closest("input, textarea, select, [contenteditable]");
  if (event.key !== "/" || typing || event.ctrlKey || event.metaKey || event.altKey) { return; }
  const search = document.querySelector("[data-search] input:not([type=hidden])");
  if (search) { event.preventDefault(); search.focus(); search.select(); }
});

// While a file is written, say how far it is: the server counts its rows.
const LOOK_EVERY_MS = 700, GIVE_UP_AFTER = 600;
for (const link of document.querySelectorAll("[data-export]")) {
  link.addEventListener("click", () => {
    const told = document.getElementById("export-progress");
    const ticket = crypto.getRandomValues(new Uint32Array(2)).join("-");
    const address = new URL(link.href);
    address.searchParams.set("ticket", ticket);
    link.href = address;
    told.textContent = told.dataset.begun;
    let looks = 0;
    const look = async () => {
      looks += 1;
      const answer = await fetch(`${link.dataset.export}/${ticket}`, { headers: { "HX-Request": "true" } });
      if (!answer.ok) { told.textContent = ""; return; }
      const seen = await answer.json();
      told.textContent = seen.words;
      if (!seen.done && looks < GIVE_UP_AFTER) { setTimeout(look, LOOK_EVERY_MS); }
    };
    setTimeout(look, LOOK_EVERY_MS);
  });
}
