// The shop: the window follows the stream; other pages are asked for with the token of the act that led there.

import { follow, layout as getLayout } from "./api.js";
import { capital, dress, idsOf, imageOf, known, make } from "./cards.js";
import * as cart from "./cart.js";
import { flip } from "./flip.js";
import * as panel from "./panel.js";
import { act, onAct, pageView, search, selectItem, viewItem, watch } from "./track.js";
import { viewOf } from "./views.js";

const SETTLE_MS = 350; // a returning visitor sees the old window first, then how it changes
const PICTURES_MS = 160; // how long a change waits for its pictures
const CARDS = ".card";

const main = document.getElementById("main");
const windowRoot = make("div", { class: "window", "data-page": "home" });
const viewRoot = make("div", { class: "view", hidden: true });
const windowTitle = make("h1", { class: "sr", tabindex: "-1" }, "Your window");
main.append(windowTitle, windowRoot, viewRoot);

let shown = null; // the layout the window shows
let pending = null; // a newer one that came while another page was open
let view = null;
let token; // of the last act: a page asked for with it reflects that act
let viewed; // the place a product was chosen from
let stop = () => {};
let linked = false;

const actions = {
  select(element) {
    viewed = { id: element.dataset.item, place: element.place };
    panel.clicked(element.card?.title ?? element.dataset.item);
  },
  heart(element) {
    const id = element.dataset.item;
    panel.clicked(element.card?.title ?? id);
    element.querySelector(".heart").setAttribute("aria-pressed", String(cart.toggleHeart(id, element.place)));
  },
  cart(element) {
    panel.clicked(element.card?.title ?? element.dataset.item);
    cart.add(element.dataset.item, element.place);
    toast(`${element.card?.title ?? "It"} is in your cart`);
  },
  why(section) { panel.explain(section.module, view, true); },
  look(section) { panel.explain(section.module, view, false); },
};

function showWindow(layout) {
  const before = new Set(shown ? idsOf(shown) : []);
  const first = shown === null;
  shown = layout;
  pending = null;
  flip(windowRoot, CARDS, () => dress(windowRoot, layout, actions)).forEach(watch);
  windowRoot.dataset.layoutId = layout.layout_id;
  windowRoot.setAttribute("aria-busy", "false");
  const fresh = idsOf(layout).filter((id) => !before.has(id)).length;
  if (!first && fresh) announce(`The window changed: ${fresh} other ${fresh === 1 ? "product" : "products"}.`);
}

function onLayout(layout) {
  panel.showHome(layout);
  if (layout.layout_id === (pending ?? shown)?.layout_id) return;
  pending = layout;
  if (view === null) dressSoon(layout);
}

/** Show a layout once its first pictures are there, so that nothing arrives empty; the newest one wins. */
async function dressSoon(layout) {
  await Promise.race([pictures(layout), new Promise((done) => setTimeout(done, PICTURES_MS))]);
  if (view === null && pending === layout) showWindow(layout);
}

const pictures = (layout) => Promise.allSettled(layout.slots.slice(0, 3).flatMap(({ module }) => module.items.slice(0, 7)).map((item) => {
  const image = new Image();
  image.src = imageOf(item.id, item.card);
  return image.decode();
}));

async function openView(next, focus) {
  view = next;
  windowRoot.hidden = windowTitle.hidden = next !== null;
  viewRoot.hidden = next === null;
  document.body.dataset.view = next?.page ?? "home";
  document.title = next ? `${next.title} · Étalage` : "Étalage";
  markRibbon(next?.parts.category);
  if (next === null) return returnToWindow(focus);
  viewRoot.replaceChildren(next.stage(), make("div", { class: "rows" }));
  if (focus) viewRoot.querySelector("h1")?.focus({ preventScroll: true });
  await arrive(next);
  await refresh(next);
}

function returnToWindow(focus) {
  if (focus) windowTitle.focus({ preventScroll: true });
  if (pending) setTimeout(() => { if (view === null && pending) dressSoon(pending); }, SETTLE_MS);
}

/** Tell the shop what the visitor has come to see. */
async function arrive(next) {
  if (next.page === "product") {
    const id = next.parts.item;
    const from = viewed?.id === id ? viewed.place : undefined;
    viewed = undefined;
    const events = [viewItem(id, known.get(id), from)];
    if (from) events.unshift(selectItem(id, known.get(id), from));
    await act(...events);
  } else if (next.page === "search") {
    await act(search(next.parts.q));
  }
}

async function refresh(next) {
  try {
    const layout = await getLayout(next.page, { ...next.parts, after: token });
    if (view !== next) return;
    const rows = viewRoot.querySelector(".rows");
    flip(rows, CARDS, () => dress(rows, layout, actions)).forEach(watch);
    rows.dataset.layoutId = layout.layout_id;
    panel.page(layout);
  } catch {
    if (view === next) toast("The shop does not answer just now; it will be back.");
  }
}

onAct(async (posted) => {
  const answer = await posted;
  if (answer?.token) token = answer.token;
  if (view && view.page !== "product" && view.page !== "search" && answer) refresh(view);
});

cart.onCart(() => {
  document.getElementById("cart-count").textContent = cart.count();
  if (view?.page === "cart") viewRoot.querySelector(".stage").replaceWith(view.stage());
});

function enter() {
  stop();
  [shown, pending, token] = [null, null, undefined];
  windowRoot.setAttribute("aria-busy", "true");
  document.getElementById("cart-count").textContent = cart.count();
  stop = follow({ onLayout, onJourney: panel.journey, onState: panel.state });
  act(pageView());
}

panel.mount(document.getElementById("panel-body"), {
  renew() {
    enter();
    location.hash = "#/";
    toast("A new visitor walks past. The window knows nothing yet.");
  },
  pretend,
});

/** A few clicks in one category, as somebody with that taste would make them. */
async function pretend(category) {
  const { slots } = await getLayout("category", { category });
  const items = slots[0]?.module.items.slice(0, 5) ?? [];
  for (const item of items) {
    known.set(item.id, item.card);
    panel.clicked(item.card.title);
    await act(viewItem(item.id, item.card));
    await new Promise((done) => setTimeout(done, 700));
  }
}

// Ribbon, search, navigation.

async function fillRibbon() {
  const { categories } = await (await fetch("assortment.json")).json();
  document.getElementById("ribbon").replaceChildren(...categories.map(({ category, picture }) =>
    make("li", {}, make("a", { href: "#/category/" + category, "data-category": category },
      make("img", { src: picture, alt: "", width: 56, height: 56 }), make("span", {}, capital(category))))));
  markRibbon(view?.parts.category);
}

function markRibbon(category) {
  for (const link of document.querySelectorAll("[data-category]")) {
    if (link.dataset.category === category) link.setAttribute("aria-current", "page");
    else link.removeAttribute("aria-current");
  }
}

document.getElementById("search").addEventListener("submit", (submit) => {
  submit.preventDefault();
  const term = submit.target.q.value.trim();
  if (!term) return;
  panel.clicked(`Search for “${term}”`);
  linked = true;
  location.hash = "#/search/" + encodeURIComponent(term);
});

document.addEventListener("click", (click) => { if (click.target.closest('a[href^="#/"]')) linked = true; });

const scrolls = new Map();
let here = location.hash;
addEventListener("hashchange", () => {
  scrolls.set(here, scrollY);
  here = location.hash;
  openView(viewOf(here), true);
  scrollTo({ top: linked ? 0 : scrolls.get(here) ?? 0, behavior: "instant" });
  linked = false;
});

let toastTimer = 0;
function toast(text) {
  const box = document.getElementById("toast");
  box.textContent = text;
  box.hidden = false;
  clearTimeout(toastTimer);
  toastTimer = setTimeout(() => { box.hidden = true; }, 3200);
  announce(text);
}

function announce(text) { document.getElementById("announce").textContent = text; }

function skeleton() {
  const bone = () => make("li", { class: "card bone" }, make("span", { class: "pic" }));
  windowRoot.append(make("section", { class: "module" }, make("ol", { class: "row" }, ...Array.from({ length: 6 }, bone))));
}

history.scrollRestoration = "manual";
skeleton();
fillRibbon();
enter();
openView(viewOf(location.hash), false);
