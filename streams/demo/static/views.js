// The pages besides the window: a product, a category, a search, the cart. Each is a stage with rows below.

import { altOf, capital, icon, ICONS, imageOf, known, linkOf, make, money, priceOf } from "./cards.js";
import * as cart from "./cart.js";
import { visitor } from "./visitor.js";

/**
 * { page, parts, title(), stage(missing), lists } of a route, or null for the window itself. `lists` is the type of the
 * module without which the shop has nothing of what was asked for.
 */
export function viewOf(hash) {
  const [, name = "", ...rest] = hash.replace(/^#/, "").split("/");
  const text = decodePart(rest.join("/"));
  switch (name) {
    case "item": return {
      page: "product", parts: { item: text }, title: () => known.get(text)?.title ?? "No such product", stage: () => product(text),
    };
    case "category": return {
      page: "category", parts: { category: text }, lists: "category_grid", title: () => capital(text),
      stage: (missing) => missing ? nothing("No such category", `Nothing here goes by the name of “${text}”.`) : heading(capital(text)),
    };
    case "search": return {
      page: "search", parts: { q: text }, lists: "search_results", title: () => `“${text}”`,
      stage: (missing) => missing ? nothing(`Nothing found for “${text}”`, "Another word may do better.") : heading(`“${text}”`),
    };
    case "cart": return { page: "cart", parts: {}, title: () => "Your cart", stage: cartStage };
    default: return null;
  }
}

/** The text itself when it is no valid encoding: an address may have been typed by hand. */
function decodePart(text) {
  try { return decodeURIComponent(text); } catch { return text; }
}

/** A product's page while the shop does not answer. */
export const unavailable = { title: () => "One moment", stage: () => heading("This cannot be shown just now") };

const HEALTHY = new Set(["ok", "cold_start", "consent"]);

/** Whether a layout says that the shop has nothing of what the view asks for; a fallback does not know. */
export const isMissing = (view, layout) =>
  Boolean(view.lists) && HEALTHY.has(layout.reason) && !layout.slots.some(({ module }) => module.type === view.lists && module.items.length);

function heading(title) {
  return make("div", { class: "stage bare" }, make("h1", { tabindex: "-1" }, title));
}

function nothing(title, words) {
  return make("div", { class: "stage nothing" }, icon(ICONS.shop),
    make("div", {}, make("h1", { tabindex: "-1" }, title),
      make("p", { class: "sub" }, `${words} Here is what others like, and what you might.`),
      make("p", { class: "crumbs" }, make("a", { href: "#/" }, "Back to the window"))));
}

function product(id) {
  const card = known.get(id);
  if (!card) return nothing("No such product", "It may have left the shop, or there is a slip in its address.");
  const saved = visitor.hearts.includes(id);
  const heart = make("button", {
    class: "button quiet", type: "button", "aria-pressed": String(saved),
    onclick: () => heart.setAttribute("aria-pressed", String(cart.toggleHeart(id))),
  }, icon(ICONS.heart), "Save");
  const buy = make("button", { class: "button", type: "button", onclick: () => cart.add(id) }, "Add to cart");
  const kind = card.categories?.at(-1);
  return make("div", { class: "stage product" },
    make("div", { class: "portrait" }, make("img", { src: imageOf(id, card), alt: altOf(id, card), width: 600, height: 600 })),
    make("div", { class: "facts" },
      make("p", { class: "origin" },
        kind ? make("span", { class: "crumbs" }, make("a", { href: "#/category/" + encodeURIComponent(kind) }, capital(kind))) : null,
        make("span", { class: "brand" }, card.brand ?? "")),
      make("h1", { tabindex: "-1" }, card.title),
      priceOf(card),
      card.colour ? make("p", { class: "sub" }, `In ${card.colour}. Free returns within thirty days.`) : null,
      make("div", { class: "buttons" }, buy, heart)));
}

function cartStage() {
  const lines = visitor.cart.map((line) => make("li", { class: "line" },
    make("a", { href: linkOf(line.id) }, make("img", { src: imageOf(line.id, line.card), alt: altOf(line.id, line.card), width: 88, height: 88 })),
    make("div", {}, make("a", { href: linkOf(line.id), class: "title" }, line.card?.title ?? line.id),
      make("p", { class: "sub" }, `${line.quantity} × ${money(line.card?.price ?? 0)}`)),
    make("button", { class: "button small quiet", type: "button", "aria-label": `Remove ${line.card?.title ?? line.id}`, onclick: () => cart.remove(line.id) }, "Remove")));
  const empty = make("p", { class: "sub" }, "Nothing here yet. The window remembers what you looked at.");
  const checkout = make("div", { class: "checkout" },
    make("p", {}, "Total ", make("b", {}, money(cart.total()))),
    make("button", { class: "button", type: "button", onclick: () => cart.buy() }, "Buy it all"));
  return make("div", { class: "stage" }, make("h1", { tabindex: "-1" }, "Your cart"),
    lines.length ? make("ul", { class: "lines" }, ...lines) : empty, lines.length ? checkout : null);
}
