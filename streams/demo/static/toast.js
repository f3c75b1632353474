// Short words to the shopper: seen for a moment, and read out.

const SHOWN_MS = 3200;
let timer = 0;

export function toast(text) {
  const box = document.getElementById("toast");
  box.textContent = text;
  box.hidden = false;
  clearTimeout(timer);
  timer = setTimeout(() => { box.hidden = true; }, SHOWN_MS);
  announce(text);
}

export function announce(text) { document.getElementById("announce").textContent = text; }
