// Posts what the visitor does as events: clicks at once, impressions in batches.

import { event, post } from "./api.js";

const SEEN_AFTER_MS = 1000; // half of a module visible for a second is an impression
const GATHER_MS = 1200;
const BATCH_MAX = 12; // of one visitor in a request; the gateway takes 16

let queue = [];
let timer = 0;
const seen = new Set();
const listeners = new Set();

/** Calls listener(promise, events) for each action that was posted at once. */
export const onAct = (listener) => listeners.add(listener);

/** Post an action of the visitor at once, with the impressions before it. */
export function act(...events) {
  const posted = post([...drain(BATCH_MAX - events.length), ...events]);
  listeners.forEach((listen) => listen(posted, events));
  return posted;
}

function drain(most) {
  const first = queue.slice(0, most);
  queue = queue.slice(most);
  return first;
}

function enqueue(one) {
  queue.push(one);
  clearTimeout(timer);
  timer = setTimeout(flush, GATHER_MS);
}

/** Post the impressions gathered so far. */
export function flush() {
  while (queue.length) post(drain(BATCH_MAX));
}

addEventListener("pagehide", flush);

/** The fields by which an event about a product is credited to the decision that showed it. */
export function decisionFields(place) {
  return place && {
    decision_id: place.decisionId, slot_id: place.slot, module_id: place.moduleId, index: place.index,
  };
}

const itemOf = (id, card, more) => ({ item_id: id, ...(card?.price != null && { price: card.price }), ...more });

export const viewItem = (id, card, place) => event("view_item", { properties: { items: [itemOf(id, card)] }, ...decisionFields(place) });
export const selectItem = (id, card, place) => event("select_item", { properties: { items: [itemOf(id, card)] }, ...decisionFields(place) });
export const wish = (id, card, place) => event("add_to_wishlist", { properties: { items: [itemOf(id, card)] }, ...decisionFields(place) });
export const addToCart = (id, card, place) => event("add_to_cart", { properties: { items: [itemOf(id, card, { quantity: 1 })] }, ...decisionFields(place) });
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
  enqueue(event("module_viewed", { decision_id: decisionId, slot_id: slot, module_id: moduleId }));
}

/** Watch a module's section for impressions. Call again when its decision changed. */
export function watch(section) {
  observer.unobserve(section);
  observer.observe(section);
}
