// The pages besides the window: a product, a category, a search, the cart. Each is a stage with rows below.

import { altOf, capital, icon, ICONS, imageOf, known, linkOf, make, money, priceOf } from "./cards.js";
import * as cart from "./cart.js";
import { visitor } from "./visitor.js";

/** { page, parts, title, stage } of a route, or null for the window itself. */
export function viewOf(hash) {
  const [, name = "", ...rest] = hash.replace(/^#/, "").split("/");
  const text = decodeURIComponent(rest.join("/"));
  switch (name) {
    case "item": return { page: "product", parts: { item: text }, title: known.get(text)?.title ?? text, stage: () => product(text) };
    case "category": return { page: "category", parts: { category: text }, title: capital(text), stage: () => heading(capital(text)) };
    case "search": return { page: "search", parts: { q: text }, title: `“${text}”`, stage: () => heading(`“${text}”`) };
    case "cart": return { page: "cart", parts: {}, title: "Your cart", stage: cartStage };
    default: return null;
  }
}

function heading(title) {
  return make("div", { class: "stage bare" }, make("h1", { tabindex: "-1" }, title));
}

function product(id) {
  const card = known.get(id);
  const saved = visitor.hearts.includes(id);
  const heart = make("button", {
    class: "button quiet", type: "button", "aria-pressed": String(saved),
    onclick: () => heart.setAttribute("aria-pressed", String(cart.toggleHeart(id))),
  }, icon(ICONS.heart), "Save");
  const buy = make("button", { class: "button", type: "button", onclick: () => cart.add(id) }, "Add to cart");
  const kind = card?.categories?.at(-1);
  return make("div", { class: "stage product" },
    make("div", { class: "portrait" }, make("img", { src: imageOf(id, card), alt: altOf(id, card), width: 600, height: 600 })),
    make("div", { class: "facts" },
      kind ? make("p", { class: "crumbs" }, make("a", { href: "#/category/" + encodeURIComponent(kind) }, capital(kind))) : null,
      make("p", { class: "brand" }, card?.brand ?? ""),
      make("h1", { tabindex: "-1" }, card?.title ?? id),
      priceOf(card),
      card?.colour ? make("p", { class: "sub" }, `In ${card.colour}. Free returns within thirty days.`) : null,
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
