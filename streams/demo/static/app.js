// The shop: the home page follows the push stream; other pages are requested with the token of the last event.

import { showAccess } from "./access.js";
import { follow, layout as getLayout } from "./api.js";
import { capital, render, idsOf, imageOf, known, fetchCard, make, scrollButtons } from "./cards.js";
import * as cart from "./cart.js";
import { reducedMotion, flip } from "./flip.js";
import * as panel from "./panel.js";
import { announce, toast } from "./toast.js";
import { act, flush, onAct, pageView, search, selectItem, viewItem, watch } from "./track.js";
import { unavailable, isMissing, viewOf } from "./views.js";
import { key, reset } from "./visitor.js";

const SETTLE_MS = 350; // a returning visitor sees the old window first, then how it changes
const PICTURES_MS = 160; // how long a change waits for its pictures
const CARDS = ".card";
const LOOKS = 5; // products that a pretended visitor looks at
const LOOK_MS = 700;

const main = document.getElementById("main");
const windowRoot = make("div", { class: "window", "data-page": "home" });
const viewRoot = make("div", { class: "view", hidden: true });
const windowTitle = make("h1", { class: "sr", tabindex: "-1" }, "Your window");
main.append(windowTitle, windowRoot, viewRoot);

let shown = null; // the layout the window shows
let pending = null; // a newer one that came while another page was open
let view = null;
let token; // of the last event: a page requested with it reflects that event
let viewed; // the place a product was chosen from
let stop = () => {};
let linked = false;

const actions = {
  select(element) {
    viewed = { id: element.dataset.item, place: element.place };
  },
  heart(element) {
    element.querySelector(".heart").setAttribute("aria-pressed", String(cart.toggleHeart(element.dataset.item, element.place)));
  },
  cart(element) { cart.add(element.dataset.item, element.place); },
  why(section) { panel.explain(section.module, view, true); },
  look(section) { panel.explain(section.module, view, false); },
};

function showWindow(layout) {
  const before = new Set(shown ? idsOf(shown) : []);
  const first = shown === null;
  shown = layout;
  pending = null;
  flip(windowRoot, CARDS, () => render(windowRoot, layout, actions)).forEach(watch);
  windowRoot.dataset.layoutId = layout.layout_id;
  windowRoot.setAttribute("aria-busy", "false");
  panel.page(layout);
  const fresh = idsOf(layout).filter((id) => !before.has(id)).length;
  if (!first && fresh) announce(`The window changed: ${fresh} other ${fresh === 1 ? "product" : "products"}.`);
}

function onLayout(layout) {
  panel.showHome(layout);
  if (layout.layout_id === (pending ?? shown)?.layout_id) return;
  pending = layout;
  if (view === null) showSoon(layout);
}

/** Show a layout once its first pictures are there, so that nothing arrives empty; the newest one wins. */
async function showSoon(layout) {
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
  document.getElementById("q").value = next?.parts.q ?? "";
  markRibbon(next?.parts.category);
  if (next === null) return returnToWindow(focus);
  viewRoot.replaceChildren(make("div", { class: "stage" }), make("div", { class: "rows" }));
  if (next.page === "product" && !(await loadCard(next.parts.item))) Object.assign(next, unavailable);
  if (view !== next) return;
  restage(focus);
  await reportView(next);
  await refresh(next);
}

/** Draw the stage of the view anew; focus stays in it. */
function restage(focus = viewRoot.contains(document.activeElement)) {
  viewRoot.querySelector(".stage").replaceWith(view.stage(view.missing));
  document.title = `${view.title()} · Étalage`;
  if (focus) viewRoot.querySelector("h1")?.focus({ preventScroll: true });
}

const AWAY = "The shop does not answer just now; it will be back.";

/** Fetch a product's card; resolves to false when the shop does not answer. */
const loadCard = (id) => known.has(id) || fetchCard(id).then(() => true, () => toast(AWAY));

function returnToWindow(focus) {
  document.title = "Étalage";
  main.style.minHeight = "";
  if (focus) windowTitle.focus({ preventScroll: true });
  if (shown) panel.page(shown);
  if (pending) setTimeout(() => { if (view === null && pending) showSoon(pending); }, SETTLE_MS);
}

/** Post the events of opening a page. */
async function reportView(next) {
  if (next.page === "product") {
    const id = next.parts.item;
    if (!known.has(id)) return;
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
    if (isMissing(next, layout) !== Boolean(next.missing)) {
      next.missing = !next.missing;
      restage();
    }
    const rows = viewRoot.querySelector(".rows");
    const below = belowStage(next, layout);
    flip(rows, CARDS, () => render(rows, below, actions)).forEach(watch);
    rows.dataset.layoutId = layout.layout_id;
    main.style.minHeight = "";
    panel.page(below);
  } catch {
    if (view === next) toast(AWAY);
  }
}

/** The cart's stage lists its lines itself. */
const belowStage = (next, layout) => next.page !== "cart" ? layout
  : { ...layout, slots: layout.slots.filter(({ module }) => module.type !== "from_cart") };

onAct(async (posted) => {
  const answer = await posted;
  if (answer?.token) token = answer.token;
  if (view && view.page !== "product" && view.page !== "search" && answer) refresh(view);
});

cart.onCart(() => {
  document.getElementById("cart-count").textContent = cart.count();
  if (view?.page === "cart") restage();
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
  stranger() { startVisitor("A new visitor walks past. The window knows nothing yet."); },
  pretend,
  explain(module) {
    const section = document.querySelector(`[data-decision-id="${CSS.escape(module.decision_id)}"]`);
    section?.scrollIntoView({ block: "center", behavior: reducedMotion.matches ? "auto" : "smooth" });
    panel.explain(module, view, true);
  },
});

/** Start again as a new visitor, on the home page. */
function startVisitor(words) {
  flush();
  reset();
  panel.reset();
  enter();
  location.hash = "#/";
  scrollTo({ top: 0, behavior: "instant" });
  toast(words);
}

/** A new visitor who looks at a few products of one category. */
async function pretend(category) {
  startVisitor(`A new visitor walks past, looking for ${category}.`);
  const who = key();
  try {
    const { slots } = await getLayout("category", { category });
    for (const { id, card } of slots[0]?.module.items.slice(0, LOOKS) ?? []) {
      if (key() !== who) return;
      known.set(id, card);
      await act(viewItem(id, card));
      await new Promise((done) => setTimeout(done, LOOK_MS));
    }
  } catch {
    toast(AWAY);
  }
}

// Ribbon, search, navigation.

async function fillRibbon() {
  const { categories } = await (await fetch("assortment.json")).json();
  const ribbon = document.getElementById("ribbon");
  ribbon.after(scrollButtons(ribbon));
  ribbon.replaceChildren(...categories.map(({ category, picture }) =>
    make("li", {}, make("a", { href: "#/category/" + category, "data-category": category },
      make("img", { src: picture, alt: "", width: 56, height: 56 }), make("span", {}, capital(category))))));
  markRibbon(view?.parts.category);
}

function markRibbon(category) {
  for (const link of document.querySelectorAll("[data-category]")) {
    if (link.dataset.category === category) {
      link.setAttribute("aria-current", "page");
      link.scrollIntoView({ block: "nearest", inline: "nearest" });
    } else link.removeAttribute("aria-current");
  }
}

document.getElementById("search").addEventListener("submit", (submit) => {
  submit.preventDefault();
  const term = submit.target.q.value.trim();
  if (!term) return;
  linked = true;
  location.hash = "#/search/" + encodeURIComponent(term);
});

document.addEventListener("click", (click) => { if (click.target.closest('a[href^="#/"]')) linked = true; });

const scrolls = new Map();
let here = location.hash;
addEventListener("hashchange", () => {
  scrolls.set(here, scrollY);
  here = location.hash;
  const top = linked ? 0 : scrolls.get(here) ?? 0;
  main.style.minHeight = top ? `${top + innerHeight}px` : ""; // room to scroll back to, until the rows are there
  openView(viewOf(here), true);
  scrollTo({ top, behavior: "instant" });
  linked = false;
});

function skeleton() {
  const bones = (list, count) => make("section", { class: "module" },
    make("ol", { class: list }, ...Array.from({ length: count }, () => make("li", { class: "card bone" }, make("span", { class: "pic" })))));
  windowRoot.append(bones("hero", 3), bones("row", 6));
}

history.scrollRestoration = "manual";
showAccess();
skeleton();
fillRibbon();
enter();
openView(viewOf(location.hash), false);
