// What the panel says, in plain words. No element, no state.

import { known } from "./cards.js";

export const NEW_HERE = "You are new here, and nothing is known of you. The window shows what many others like. Look at something, and watch this fill up.";

const nameOf = (event) => {
  const [item] = event.properties?.items ?? [];
  return item ? known.get(item.item_id)?.title ?? item.item_id : "";
};

const EVENT_WORDS = {
  view_item: nameOf,
  select_item: nameOf,
  add_to_cart: (event) => `${nameOf(event)}, into the cart`,
  remove_from_cart: (event) => `${nameOf(event)}, out of the cart`,
  add_to_wishlist: (event) => `${nameOf(event)}, saved`,
  search: (event) => `A search for “${event.properties.search_term}”`,
  purchase: () => "The cart, bought",
};

/** What the visitor did, as they would say it. */
export const eventWords = (event) => EVENT_WORDS[event.event]?.(event) ?? event.event.replaceAll("_", " ");

const countWords = (count, one, more) => `${count} ${count === 1 ? one : more}`;

/** The facts of a state. */
export function profileWords({ events, orders, spent, usual_price: usual }, money) {
  return [
    `From ${countWords(events, "thing", "things")} you did`,
    orders ? `${countWords(orders, "order", "orders")} for ${money(Math.round(spent))}` : null,
    usual ? `you tend to look at about ${money(Math.round(usual))}` : null,
  ].filter(Boolean).join(" · ");
}

const REASON_WORDS = {
  ok: "dressed for you",
  cold_start: "you are new here, so by what others like",
  consent: "by what others like, because you asked not to be followed",
  bot: "by what others like, as for every robot",
  redis_timeout: "by what others like: your memory did not answer in time",
  redis_down: "by what others like: your memory is out of reach",
  model_missing: "by what others like: there is no model",
  model_failed: "by what others like: the model failed",
  budget: "in a hurry, so without the model",
  overload: "by what others like: the shop is crowded",
  stream_stale: "as it stood a while ago: the stream is behind",
  token_unknown: "without the event of your token: its topic was made anew",
};

/** How a page came about. */
export const layoutWords = ({ reason, model }) =>
  `This page: ${REASON_WORDS[reason] ?? reason.replaceAll("_", " ")}. Ranked by ${model.name} ${model.version}.`;
