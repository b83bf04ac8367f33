// The little that htmx does not do: chats stay at their end, a sent text leaves its box, and on a
// small screen an opened link brings the browser's tab forward, and tabs count what is unread.
"use strict";

for (const chat of document.querySelectorAll(".chat")) {
  const toEnd = () => { chat.scrollTop = chat.scrollHeight; };
  toEnd();
  new MutationObserver(toEnd).observe(chat, { childList: true, subtree: true });
}

for (const name of ["wechat", "sms"]) {
  const chat = document.getElementById(`chat-${name}`);
  const tab = document.getElementById(`tab-${name}`);
  const badge = document.querySelector(`label[for=tab-${name}] .badge`);
  const received = () => chat.querySelectorAll(".row:not(.row_me)").length;
  let seen = received();
  const count = () => {
    const all = received();
    seen = tab.checked ? all : Math.min(seen, all);
    badge.hidden = all === seen;
    badge.firstElementChild.textContent = all - seen;
  };
  new MutationObserver(count).observe(chat, { childList: true, subtree: true });
  document.querySelector(".tabs").addEventListener("change", count);
}

document.addEventListener("htmx:afterRequest", (event) => {
  const form = event.target;
  if (event.detail.successful && form.matches("form.compose")) {
    // The text alone: the gateway that was chosen stays.
    const box = form.querySelector("input:not([type=hidden])");
    box.value = "";
    box.focus();
  }
});

// A menu closes when an entry was chosen, or something else was clicked.
document.addEventListener("click", (event) => {
  const inside = event.target.closest("details[name=menu]");
  for (const open of document.querySelectorAll("details[name=menu][open]")) {
    if (open !== inside || event.target.closest(".entry")) {
      setTimeout(() => { open.open = false; });
    }
  }
});
document.addEventListener("keydown", (event) => {
  const open = event.key === "Escape" && document.querySelector("details[name=menu][open]");
  if (open) {
    open.open = false;
    open.querySelector("summary").focus();
  }
});

const showBrowser = () => {
  const tab = document.getElementById("tab-browser");
  tab.checked = true;
  tab.dispatchEvent(new Event("change", { bubbles: true }));
};
document.addEventListener("click", (event) => {
  if (event.target.closest(".chat a[target=browser]")) showBrowser();
});
document.addEventListener("submit", (event) => {
  if (event.target.closest(".menubar") && event.target.target === "browser") showBrowser();
});
