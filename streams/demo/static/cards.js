// Renders layouts: modules in their slots, products as cards. Elements are reused by slot and by product, so
// that a changed layout moves them.

import { cards as fetchCards } from "./api.js";
import { reducedMotion } from "./flip.js";
import { visitor } from "./visitor.js";

const STORE = "etalage.cards";
const STORED_MAX = 300;

/** Every card seen so far, by product id: a product page can then be drawn at once. */
export const known = new Map(restore());

/** Fetch the card of a product unless it is known; returns whether the shop has it. */
export async function fetchCard(id) {
  if (!known.has(id)) for (const [found, card] of Object.entries(await fetchCards(id))) known.set(found, card);
  return known.has(id);
}

function restore() {
  try { return JSON.parse(sessionStorage.getItem(STORE)) ?? []; } catch { return []; }
}

addEventListener("pagehide", () => {
  try { sessionStorage.setItem(STORE, JSON.stringify([...known].slice(-STORED_MAX))); } catch { /* no storage */ }
});

export function make(tag, props = {}, ...children) {
  const element = document.createElement(tag);
  for (const [name, value] of Object.entries(props)) {
    if (name === "class") element.className = value;
    else if (name.startsWith("on")) element.addEventListener(name.slice(2), value);
    else if (value === true) element.setAttribute(name, "");
    else if (value !== false && value != null) element.setAttribute(name, value);
  }
  element.append(...children.filter((child) => child != null));
  return element;
}

/** Our own fixed markup only: never text that came from outside. */
export function icon(path, label) {
  const span = make("span", { class: "icon", ...(label ? { role: "img", "aria-label": label } : { "aria-hidden": "true" }) });
  span.innerHTML = `<svg viewBox="0 0 24 24">${path}</svg>`;
  return span;
}

export const ICONS = {
  heart: '<path d="M12 20S4 14.5 4 9a4.2 4.2 0 0 1 8-2 4.2 4.2 0 0 1 8 2c0 5.5-8 11-8 11Z"/>',
  plus: '<path d="M12 6v12M6 12h12"/>',
  left: '<path d="m14 6-6 6 6 6"/>',
  right: '<path d="m10 6 6 6-6 6"/>',
  shop: '<path d="M5 10.5V20h14v-9.5M3 9l2-5h14l2 5"/><path d="M3 9a2.25 2.25 0 0 0 4.5 0 2.25 2.25 0 0 0 4.5 0 2.25 2.25 0 0 0 4.5 0 2.25 2.25 0 0 0 4.5 0Z"/>',
  info: '<circle cx="12" cy="12" r="8"/><path d="M12 11v5M12 8v.01"/>',
};

export const capital = (text) => text.charAt(0).toUpperCase() + text.slice(1);

export function money(value, currency = "EUR") {
  return new Intl.NumberFormat("en-IE", { style: "currency", currency, minimumFractionDigits: value % 1 ? 2 : 0 }).format(value);
}

export function imageOf(id, card) {
  if (card?.image) return card.image;
  const traits = { kind: card?.categories?.at(-1), colour: card?.colour, brand: card?.brand };
  const given = Object.entries(traits).filter(([, value]) => value);
  return `/demo/items/${encodeURIComponent(id)}.svg?` + new URLSearchParams(given);
}

export const altOf = (id, card) =>
  card ? `${card.title}${card.colour ? " in " + card.colour : ""}${card.brand ? " by " + card.brand : ""}` : id;

export const linkOf = (id) => "#/item/" + encodeURIComponent(id);

export function priceOf(card) {
  if (!card) return make("span", { class: "price" });
  const price = make("span", { class: "price" }, money(card.price, card.currency));
  if (!card.list_price) return price;
  price.classList.add("reduced");
  price.append(" ", make("s", { "aria-label": "was" }, money(card.list_price, card.currency)));
  return price;
}

/** Price and colour, which alone tell apart a product in several colours. */
function terms(card) {
  const price = priceOf(card);
  return card?.colour ? make("span", { class: "terms" }, price, " ", make("span", { class: "colour" }, card.colour)) : price;
}

/** A title whose hyphenated words are not broken over lines. */
const withoutBreaks = (text) => text.split(/(\S+-\S+)/).map((part, n) => (n % 2 ? make("span", { class: "nb" }, part) : part));

/** One product as a list entry. `actions`: { heart(id), cart(id) }. */
function cardElement(id, card, actions) {
  const name = card?.title ?? id;
  const heart = make("button", {
    class: "heart", type: "button", "aria-label": `Save ${name}`, "aria-pressed": String(visitor.hearts.includes(id)),
    onclick: () => actions.heart(element),
  }, icon(ICONS.heart));
  const quick = make("button", {
    class: "quick", type: "button", "aria-label": `Add ${name} to the cart`, onclick: () => actions.cart(element),
  }, icon(ICONS.plus));
  const link = make("a", { class: "card-link", href: linkOf(id), onclick: () => actions.select(element), draggable: "false" },
    make("span", { class: "pic" }, make("img", { src: imageOf(id, card), alt: altOf(id, card), width: 400, height: 400, decoding: "async", draggable: "false" })),
    make("span", { class: "words" },
      make("span", { class: "brand" }, card?.brand ?? ""),
      make("span", { class: "title" }, ...withoutBreaks(name)),
      terms(card)));
  const element = make("li", { class: "card", "data-key": id, "data-item": id }, link, heart, quick);
  element.card = card;
  return element;
}

const SHAPES = { hero: "hero", category_grid: "grid", search_results: "grid" };
const FEW = 2; // so few products of a row stand side by side with their words

const shapeOf = (module) => SHAPES[module.type] ?? (module.items.length <= FEW ? "few" : "row");

/** Two buttons that scroll a list sideways; each is disabled at its end of the list. */
export function scrollButtons(list) {
  const button = (way, label, path) => make("button", {
    type: "button", "aria-label": label,
    onclick: () => list.scrollBy({ left: way * list.clientWidth * 0.8, behavior: reducedMotion.matches ? "auto" : "smooth" }),
  }, icon(path));
  const [back, on] = [button(-1, "Scroll back", ICONS.left), button(1, "Scroll on", ICONS.right)];
  const update = () => {
    back.disabled = list.scrollLeft <= 1;
    on.disabled = list.scrollLeft + list.clientWidth >= list.scrollWidth - 1;
  };
  list.addEventListener("scroll", update, { passive: true });
  new ResizeObserver(update).observe(list);
  new MutationObserver(update).observe(list, { childList: true });
  return make("div", { class: "nudges" }, back, on);
}

function sectionElement(slot, actions) {
  const list = make("ol", { class: "row" });
  const why = make("button", { class: "why", type: "button", onclick: () => actions.why(section) }, make("span"), icon(ICONS.info));
  const section = make("section", { class: "module", "data-slot": slot, "aria-labelledby": "h-" + slot },
    make("header", {}, make("div", {}, make("h2", { id: "h-" + slot }), why),
      scrollButtons(list)),
    list);
  section.addEventListener("pointerenter", () => actions.look(section));
  section.addEventListener("focusin", () => actions.look(section));
  return section;
}

/** Make `root` show `layout`, moving the sections and cards that are there already. */
export function render(root, layout, actions) {
  const sections = new Map([...root.querySelectorAll(":scope > .module")].map((section) => [section.dataset.slot, section]));
  const cards = new Map([...root.querySelectorAll(".card")].map((card) => [card.dataset.item, card]));
  const wanted = layout.slots.filter(({ module }) => module.items.length > 0).map(({ slot, module }) => {
    const section = sections.get(slot) ?? sectionElement(slot, actions);
    fill(section, slot, module, cards, actions);
    return section;
  });
  root.replaceChildren(...wanted);
  return wanted;
}

function fill(section, slot, module, cards, actions) {
  section.dataset.decisionId = module.decision_id;
  section.dataset.moduleId = module.id;
  section.dataset.type = module.type;
  section.module = module;
  const [title, why, list] = [section.querySelector("h2"), section.querySelector(".why"), section.querySelector("ol")];
  const text = capital(module.title);
  if (title.textContent !== text) title.textContent = text;
  why.firstChild.textContent = module.reason;
  why.setAttribute("aria-label", `Why: ${module.reason}`);
  why.hidden = !module.reason;
  list.className = shapeOf(module);
  section.classList.toggle("wide", list.className !== "row");
  list.replaceChildren(...module.items.map((item) => {
    if (item.card) known.set(item.id, item.card);
    const element = cards.get(item.id) ?? cardElement(item.id, item.card ?? known.get(item.id), actions);
    element.place = { slot, moduleId: module.id, decisionId: module.decision_id, index: item.index };
    return element;
  }));
}

/** Ids shown by a layout, in order. */
export const idsOf = (layout) => layout.slots.flatMap(({ module }) => module.items.map((item) => item.id));
