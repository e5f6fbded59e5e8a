// What has the focus stays where it is on the screen when something above it appears, grows or shrinks.

let focused = document.body;
let top = 0;

/** Note where the element with the focus is now. */
function note() {
  focused = document.activeElement ?? document.body;
  top = focused.getBoundingClientRect().top;
}

function scrollBack() {
  if (focused !== document.body && focused.isConnected)
    scrollBy(0, focused.getBoundingClientRect().top - top);
  note();
}

document.addEventListener("focusin", note);
document.addEventListener("scroll", note, { passive: true });
new ResizeObserver(scrollBack).observe(document.body);
