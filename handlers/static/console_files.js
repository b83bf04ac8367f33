// The editor of files: line numbers, mistakes at their lines, a check while one types.
// Without JavaScript the text area alone does it, and the check answers when one saves.
"use strict";

(() => {
  const LOOK_AFTER_MS = 700;
  const area = document.getElementById("text");
  if (!area || !window.CodeMirror) { return; }
  const form = area.form, state = document.getElementById("state"), found = document.getElementById("found");

  const editor = CodeMirror.fromTextArea(area, {
    mode: "yaml", lineNumbers: true, styleActiveLine: true, indentUnit: 2, tabSize: 2, indentWithTabs: false,
    lineWrapping: true, viewportMargin: Infinity, screenReaderLabel: area.dataset.label,
    gutters: ["CodeMirror-linenumbers", "mistakes"],
    // Tab leaves the editor, so that nobody is caught in it by keyboard.
    extraKeys: { Tab: false, "Shift-Tab": false, "Ctrl-S": save, "Cmd-S": save },
  });
  const scroller = editor.getScrollerElement();  // reached by keyboard, too, to read what is below
  scroller.tabIndex = 0;
  scroller.setAttribute("role", "group");
  scroller.setAttribute("aria-label", area.dataset.label);
  const begun = editor.getValue();
  let sending = false;

  function save() { form.requestSubmit(form.querySelector("[name=do][value=save]")); }

  function go(line, column) {
    editor.setCursor({ line: line - 1, ch: Math.max(0, column - 1) });
    editor.focus();
    editor.scrollIntoView(null, 120);
  }

  function mark() {
    editor.clearGutter("mistakes");
    editor.getAllMarks().forEach((each) => each.clear());
    editor.eachLine((line) => editor.removeLineClass(line, "background", "wrong-line"));
    for (const link of found.querySelectorAll("ol.told > li > [data-here]")) {
      if (link.closest("details")) { continue; }
      const line = Number(link.dataset.line) - 1, column = Number(link.dataset.column) - 1;
      if (line >= editor.lineCount()) { continue; }
      const sign = document.createElement("span");
      sign.className = "wrong-sign";
      sign.textContent = "!";
      sign.title = link.parentElement.querySelector(".told__words").textContent;
      editor.setGutterMarker(line, "mistakes", sign);
      editor.addLineClass(line, "background", "wrong-line");
      const end = editor.getLine(line).length;
      if (column < end) { editor.markText({ line, ch: column }, { line, ch: end }, { className: "wrong-text" }); }
    }
  }

  function tell() {
    const changed = editor.getValue() !== begun;
    state.textContent = changed ? form.dataset.unsaved : "";
    return changed;
  }

  let waiting = 0;
  editor.on("change", () => {
    tell();
    clearTimeout(waiting);
    waiting = setTimeout(() => { editor.save(); window.htmx?.trigger("#check", "look"); }, LOOK_AFTER_MS);
  });
  document.body.addEventListener("htmx:afterSwap", (event) => { if (event.target === found) { mark(); } });
  document.addEventListener("click", (event) => {
    const link = event.target.closest("[data-here]");
    if (link) { event.preventDefault(); go(Number(link.dataset.line), Number(link.dataset.column)); }
  });
  document.querySelector(".govuk-error-summary a[href='#text']")?.addEventListener("click", (event) => {
    event.preventDefault();
    editor.focus();
  });
  document.querySelector("label[for=text]").addEventListener("click", () => editor.focus());
  document.addEventListener("submit", () => { sending = true; });
  window.addEventListener("beforeunload", (event) => { if (!sending && tell()) { event.preventDefault(); } });
  window.addEventListener("pageshow", () => { sending = false; });

  mark();
  const asked = new URLSearchParams(location.search), first = found.querySelector("[data-here]");
  if (asked.has("line")) { go(Number(asked.get("line")), Number(asked.get("column") || 1)); }
  else if (first && !first.closest("details")) { go(Number(first.dataset.line), Number(first.dataset.column)); }
})();
