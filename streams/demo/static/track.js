// What the visitor does, as events: clicks at once, impressions gathered for a moment.

import { event, post } from "./api.js";

const SEEN_AFTER_MS = 1000; // half of a module visible for a second is an impression
const GATHER_MS = 1200;
const AT_ONCE = 12; // of one visitor in a request; the gateway takes 16

let waiting = [];
let timer = 0;
const seen = new Set();
const listeners = new Set();

/** Is told (promise, events) of each act of the visitor that was posted at once. */
export const onAct = (listener) => listeners.add(listener);

/** Post an act of the visitor at once, with the impressions that went before it. */
export function act(...events) {
  const posted = post([...drain(AT_ONCE - events.length), ...events]);
  listeners.forEach((listen) => listen(posted, events));
  return posted;
}

function drain(most) {
  const first = waiting.slice(0, most);
  waiting = waiting.slice(most);
  return first;
}

function later(one) {
  waiting.push(one);
  clearTimeout(timer);
  timer = setTimeout(flush, GATHER_MS);
}

/** Post the impressions gathered so far. */
export function flush() {
  while (waiting.length) post(drain(AT_ONCE));
}

addEventListener("pagehide", flush);

/** The echo of where a product stood, for events about it. */
export function echo(place) {
  return place && {
    decision_id: place.decisionId, slot_id: place.slot, module_id: place.moduleId, index: place.index,
  };
}

const itemOf = (id, card, more) => ({ item_id: id, ...(card?.price != null && { price: card.price }), ...more });

export const viewItem = (id, card, place) => event("view_item", { properties: { items: [itemOf(id, card)] }, ...echo(place) });
export const selectItem = (id, card, place) => event("select_item", { properties: { items: [itemOf(id, card)] }, ...echo(place) });
export const wish = (id, card, place) => event("add_to_wishlist", { properties: { items: [itemOf(id, card)] }, ...echo(place) });
export const addToCart = (id, card, place) => event("add_to_cart", { properties: { items: [itemOf(id, card, { quantity: 1 })] }, ...echo(place) });
export const removeFromCart = (id, card) => event("remove_from_cart", { properties: { items: [itemOf(id, card)] } });
export const search = (term) => event("search", { properties: { search_term: term } });
export const pageView = () => event("page_view");

export const purchase = (lines) => event("purchase", {
  properties: {
    transaction_id: "t-" + Date.now().toString(36), currency: "EUR",
    value: lines.reduce((sum, line) => sum + line.card.price * line.quantity, 0),
    items: lines.map((line) => itemOf(line.id, line.card, { quantity: line.quantity })),
  },
});

const timers = new WeakMap();
const observer = new IntersectionObserver((entries) => {
  for (const { target, isIntersecting } of entries) {
    clearTimeout(timers.get(target));
    if (isIntersecting) timers.set(target, setTimeout(() => impression(target), SEEN_AFTER_MS));
  }
}, { threshold: 0.5 });

function impression(section) {
  const { decisionId, slot, moduleId } = section.dataset;
  if (!decisionId || seen.has(decisionId) || !section.isConnected) return;
  seen.add(decisionId);
  later(event("module_viewed", { decision_id: decisionId, slot_id: slot, module_id: moduleId }));
}

/** Watch a module's section for impressions. Call again when its decision changed. */
export function watch(section) {
  observer.unobserve(section);
  observer.observe(section);
}
