// The quiet animation: products glide from where they were to where they are (First, Last, Invert, Play).

const GLIDE = { duration: 620, easing: "cubic-bezier(.22,.8,.24,1)" };
const APPEAR = { duration: 380, easing: "ease-out", fill: "backwards" };
const LEAVE = { duration: 280, easing: "ease-in", fill: "forwards" };

/** Whether the visitor asked for little motion. */
export const reducedMotion = matchMedia("(prefers-reduced-motion: reduce)");

const near = (rect) => rect.bottom > -200 && rect.top < innerHeight + 200 && rect.width > 0;

/** Where every product stands: its rectangle, its picture's, and the row it is in. */
function snapshot(root, selector) {
  const places = new Map();
  for (const element of root.querySelectorAll(selector)) {
    const picture = element.querySelector(".pic") ?? element;
    places.set(element.dataset.key, {
      element, picture, row: element.parentElement,
      rect: element.getBoundingClientRect(), pictureRect: picture.getBoundingClientRect(),
    });
  }
  return places;
}

/** Run `change`, then animate what moved, came and left among `selector` (each with a data-key). */
export function flip(root, selector, change) {
  if (reducedMotion.matches || document.hidden || !root.isConnected) return change();
  const before = snapshot(root, selector);
  const result = change();
  const after = snapshot(root, selector);
  let order = 0;
  for (const [key, now] of after) {
    const was = before.get(key);
    if (!near(now.rect) && !(was && near(was.rect))) continue;
    if (!was || !near(was.rect)) appear(now.element, order++);
    else if (was.row === now.row) glide(now.element, was.rect, now.rect);
    else if (inRow(now)) fly(was, now);
    else leave(was);
  }
  for (const [key, was] of before) if (!after.has(key) && near(was.rect)) leave(was);
  return result;
}

/** Whether a product stands where its row shows it, not scrolled away at an end. */
function inRow({ rect, row }) {
  const shown = row.getBoundingClientRect();
  return rect.right <= shown.right + 1 && rect.left >= shown.left - 1;
}

function framesBetween(from, to) {
  const move = `translate(${from.left - to.left}px, ${from.top - to.top}px)`;
  const scale = `scale(${from.width / to.width}, ${from.height / to.height})`;
  return [{ transform: `${move} ${scale}`, transformOrigin: "0 0" }, { transform: "none", transformOrigin: "0 0" }];
}

const still = (from, to) => ["left", "top", "width", "height"].every((side) => Math.abs(from[side] - to[side]) < 1);

function glide(element, from, to) {
  if (!still(from, to)) element.animate(framesBetween(from, to), GLIDE);
}

/** Rows clip what leaves them, so the picture of a product that changes rows flies above the page. */
function fly(was, now) {
  if (still(was.pictureRect, now.pictureRect)) return;
  const copy = ghost(now.picture, now.pictureRect);
  now.element.animate([{ opacity: 0 }, { opacity: 0, offset: 0.7 }, { opacity: 1 }], GLIDE);
  land(copy.animate(framesBetween(was.pictureRect, now.pictureRect), GLIDE), copy);
}

function appear(element, order) {
  element.animate(
    [{ opacity: 0, transform: "translateY(14px) scale(.97)" }, { opacity: 1, transform: "none" }],
    { ...APPEAR, delay: Math.min(order, 8) * 28 + 60 },
  );
}

function leave(was) {
  if (!inRow(was)) return;
  const copy = ghost(was.picture, was.pictureRect);
  land(copy.animate([{ opacity: 0.8 }, { opacity: 0, transform: "scale(.94)" }], LEAVE), copy);
}

const land = (animation, copy) => animation.finished.catch(() => {}).then(() => copy.remove());

/** A copy of a picture, above the page where the picture is, of no meaning to anybody but the eye. */
function ghost(picture, rect) {
  const copy = picture.cloneNode(true);
  copy.removeAttribute("data-key");
  copy.setAttribute("aria-hidden", "true");
  copy.className = "ghost";
  Object.assign(copy.style, {
    left: `${rect.left + scrollX}px`, top: `${rect.top + scrollY}px`, width: `${rect.width}px`, height: `${rect.height}px`,
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
