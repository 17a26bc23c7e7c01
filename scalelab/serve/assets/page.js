// Keys go to the app as soon as it can be told of them, and again when the window is come back to.
function focusTerminal() {
  if (document.body.classList.contains("-loaded")) {
    document.querySelector(".xterm-helper-textarea")?.focus();
  }
}

window.addEventListener("focus", focusTerminal);
window.addEventListener("load", () => {
  new MutationObserver(focusTerminal).observe(document.body, { attributeFilter: ["class"] });
});
