// The quiet animation: products glide from where they were to where they are (First, Last, Invert, Play).

const GLIDE = { duration: 620, easing: "cubic-bezier(.22,.8,.24,1)" };
const APPEAR = { duration: 420, easing: "ease-out", fill: "backwards" };
const LEAVE = { duration: 260, easing: "ease-in", fill: "forwards" };

const calm = matchMedia("(prefers-reduced-motion: reduce)");

const near = (rect) => rect.bottom > -200 && rect.top < innerHeight + 200 && rect.width > 0;

function snapshot(root, selector) {
  const places = new Map();
  for (const element of root.querySelectorAll(selector)) {
    places.set(element.dataset.key, { element, rect: element.getBoundingClientRect(), row: element.parentElement });
  }
  return places;
}

/** Run `change`, then animate what moved, came and left among `selector` (each with a data-key). */
export function flip(root, selector, change) {
  if (calm.matches || document.hidden || !root.isConnected) return change();
  const before = snapshot(root, selector);
  const result = change();
  const after = snapshot(root, selector);
  let order = 0;
  for (const [key, now] of after) {
    const was = before.get(key);
    if (!near(now.rect) && !(was && near(was.rect))) continue;
    if (was && near(was.rect)) glide(was, now);
    else appear(now.element, order++);
  }
  for (const [key, was] of before) if (!after.has(key) && near(was.rect)) leave(was);
  return result;
}

function glide(was, now) {
  const dx = was.rect.left - now.rect.left;
  const dy = was.rect.top - now.rect.top;
  if (Math.abs(dx) < 1 && Math.abs(dy) < 1 && Math.abs(was.rect.width - now.rect.width) < 1) return;
  const scale = was.rect.width / now.rect.width;
  const frames = [
    { transform: `translate(${dx}px, ${dy}px) scale(${scale})`, transformOrigin: "0 0" },
    { transform: "none", transformOrigin: "0 0" },
  ];
  if (was.row === now.element.parentElement) now.element.animate(frames, GLIDE);
  else fly(now, frames);
}

/** Rows clip what leaves them, so a product that changes rows flies as a copy above the page. */
function fly(now, frames) {
  const copy = ghost(now.element, now.rect);
  now.element.style.visibility = "hidden";
  copy.animate(frames, GLIDE).finished.catch(() => {}).then(() => {
    copy.remove();
    now.element.style.visibility = "";
  });
}

function appear(element, order) {
  element.animate(
    [{ opacity: 0, transform: "translateY(14px) scale(.97)" }, { opacity: 1, transform: "none" }],
    { ...APPEAR, delay: Math.min(order, 8) * 35 + 120 },
  );
}

function leave(was) {
  const row = was.row.getBoundingClientRect();
  if (was.rect.right < row.left || was.rect.left > row.right) return;
  const copy = ghost(was.element, was.rect);
  copy.animate([{ opacity: 1 }, { opacity: 0, transform: "scale(.94)" }], LEAVE).finished
    .catch(() => {}).then(() => copy.remove());
}

function ghost(element, rect) {
  const copy = element.cloneNode(true);
  copy.removeAttribute("data-key");
  copy.setAttribute("aria-hidden", "true");
  copy.inert = true;
  Object.assign(copy.style, {
    position: "absolute", left: `${rect.left + scrollX}px`, top: `${rect.top + scrollY}px`,
    width: `${rect.width}px`, height: `${rect.height}px`, margin: 0, zIndex: 30, pointerEvents: "none", visibility: "visible",
  });
  layer().append(copy);
  return copy;
}

function layer() {
  let found = document.getElementById("flights");
  if (!found) {
    found = document.createElement("div");
    found.id = "flights";
    document.body.append(found);
  }
  return found;
}
