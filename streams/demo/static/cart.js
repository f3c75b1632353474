// The cart and the saved products of this visitor: kept in the browser, told to the shop as events.

import { known } from "./cards.js";
import { toast } from "./toast.js";
import { act, addToCart, purchase, removeFromCart, wish } from "./track.js";
import { save, visitor } from "./visitor.js";

const listeners = new Set();
export const onCart = (listener) => listeners.add(listener);

function notify() {
  save();
  listeners.forEach((listen) => listen());
}

export const count = () => visitor.cart.reduce((sum, line) => sum + line.quantity, 0);
export const total = () => visitor.cart.reduce((sum, line) => sum + line.quantity * (line.card?.price ?? 0), 0);

export function add(id, place) {
  const card = known.get(id);
  const line = visitor.cart.find((one) => one.id === id);
  if (line) line.quantity += 1;
  else visitor.cart.push({ id, card, quantity: 1 });
  notify();
  toast(`${card?.title ?? "It"} is in your cart`);
  return act(addToCart(id, card, place));
}

export function remove(id) {
  visitor.cart = visitor.cart.filter((line) => line.id !== id);
  notify();
  return act(removeFromCart(id, known.get(id)));
}

export function buy() {
  const bought = visitor.cart.filter((line) => line.card);
  visitor.cart = [];
  notify();
  toast("Thank you! Nothing is really on its way; the window has learned, though.");
  return bought.length ? act(purchase(bought)) : Promise.resolve(null);
}

/** Save or forget a product; whether it is saved now. Only saving is an event. */
export function toggleHeart(id, place) {
  const saved = !visitor.hearts.includes(id);
  visitor.hearts = saved ? [...visitor.hearts, id] : visitor.hearts.filter((one) => one !== id);
  notify();
  if (saved) act(wish(id, known.get(id), place));
  return saved;
}
