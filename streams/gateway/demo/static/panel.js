// Behind the window: the journey of the last click, the window at a glance, what is believed, and why.

import { beliefs, layout as getLayout } from "./api.js";
import { capital, imageOf, known, linkOf, make, money } from "./cards.js";
import { flip } from "./flip.js";
import { legsOf, milliseconds } from "./journey.js";
import { onAct } from "./track.js";
import { key, renew, visitor } from "./visitor.js";

const TASTES = [["sneakers", "Sneakers"], ["lamps", "Lamps"], ["tents", "Tents"], ["dresses", "Dresses"]];
const ROW_THUMBS = 9;
const BELIEFS_EVERY_MS = 250;

const parts = {};
const recent = []; // journeys that may belong to an act whose answer is still on its way
let last = null; // { label, sent, answered, token, done }
let label = "";
let live = "waiting";

const box = (id, title, ...children) => make("section", { class: "box", id, "aria-labelledby": id + "-title" },
  make("h2", { id: id + "-title" }, title), ...children);

export function mount(root, { renew: onRenew, pretend }) {
  parts.total = make("p", { class: "total" }, make("b", { class: "idle" }, "–"), make("span", {}, "Click a product and follow it."));
  parts.bar = make("div", { class: "bar", "aria-hidden": "true" });
  parts.legs = make("ol", { class: "legs" });
  parts.map = make("div", { class: "map", role: "img", "aria-label": "Your window at a glance" });
  parts.beliefs = make("div", { class: "beliefs" }, make("p", { class: "quiet" }, "Nothing yet. A new visitor sees what the crowd likes."));
  parts.why = make("div", { class: "whybox" }, make("p", { class: "quiet" }, "Point at a module of the window."));
  parts.foot = make("p", { class: "foot" });
  const chips = TASTES.map(([category, name]) => make("button", { class: "chip", type: "button", onclick: () => pretend(category) }, name));
  const leave = make("button", { class: "button small", type: "button", onclick: () => { renew(); reset(); onRenew(); } }, "New visitor");
  root.append(
    make("div", { class: "panel-head" }, make("p", { class: "panel-title" }, "Behind the window"), parts.live = make("span", { class: "live" })),
    box("journey", "Your last click", parts.total, parts.bar, parts.legs),
    box("glance", "Your window now", parts.map),
    box("why", "Why it is there", parts.why),
    box("belief", "What it believes about you", parts.beliefs),
    box("be", "Be somebody else", make("div", { class: "chips" }, ...chips), make("p", { class: "quiet" }, "Five quick looks as somebody who loves these."), leave),
    parts.foot);
  const handle = document.getElementById("handle");
  handle.addEventListener("click", () => handle.setAttribute("aria-expanded", String(document.getElementById("panel").classList.toggle("open"))));
  state("waiting");
  foot();
}

function reset() {
  [last, label] = [null, ""];
  recent.length = 0;
  parts.total.replaceChildren(make("b", { class: "idle" }, "–"), make("span", {}, "Click a product and follow it."));
  parts.bar.replaceChildren();
  parts.legs.replaceChildren();
  document.getElementById("handle-ms").textContent = "";
  foot();
}

export function state(now) {
  live = now;
  parts.live.textContent = live === "live" ? "live" : "connecting";
  parts.live.dataset.state = live;
}

/** What the next act is about, in the shopper's words. */
export function clicked(what) { label = what; }

onAct(async (posted, events) => {
  if (events.every((event) => event.event === "page_view")) return;
  const mine = { label: label || capital(events.at(-1).event.replaceAll("_", " ")), done: false };
  label = "";
  last = mine;
  parts.total.replaceChildren(make("b", {}, "…"), make("span", {}, mine.label));
  const answer = await posted;
  if (!answer) return void (last === mine && parts.total.replaceChildren(make("b", { class: "idle" }, "–"), make("span", {}, "Not accepted: Kafka does not answer. The window stays.")));
  Object.assign(mine, answer);
  recent.forEach(({ journey, at }) => match(journey, at));
});

/** A notice came: the state of this visitor moved on, and maybe the window. */
export function journey(step, at) {
  recent.push({ journey: step, at });
  recent.splice(0, recent.length - 8);
  match(step, at);
  askBeliefs();
}

function match(step, at) {
  if (!last || last.done || last.token !== step.version) return;
  last.done = true;
  const legs = legsOf(last.sent, last.answered, step, at);
  const total = at - last.sent;
  parts.total.replaceChildren(make("b", {}, milliseconds(total), make("small", {}, " ms")),
    make("span", {}, last.label, make("em", {}, step.layout_changed ? "the window changed" : "remembered; the window stays as it is")));
  parts.bar.replaceChildren(...legs.map((leg, n) => make("i", { class: "leg-" + n, style: `flex-grow:${Math.max(leg.ms, total / 80)}` })));
  parts.legs.replaceChildren(...legs.map((leg, n) => make("li", {},
    make("i", { class: "leg-" + n, "aria-hidden": "true" }), make("span", {}, leg.name), make("b", {}, milliseconds(leg.ms), make("small", {}, " ms")))));
  document.getElementById("handle-ms").textContent = `${milliseconds(total)} ms`;
  const panel = document.getElementById("panel");
  panel.classList.remove("beat");
  void panel.offsetWidth; // restarts the pulse
  panel.classList.add("beat");
}

/** The home page's layout, as last pushed. */
export function showHome(layout) {
  flip(parts.map, "img", () => parts.map.replaceChildren(...layout.slots.map(({ slot, module }) =>
    make("div", { class: "map-row", "data-slot": slot, title: module.title }, ...module.items.slice(0, ROW_THUMBS).map((item) =>
      make("img", { "data-key": item.id, src: imageOf(item.id, item.card ?? known.get(item.id)), alt: "", width: 28, height: 28 }))))));
  foot(layout);
}

/** Another page's layout came. */
export function page(layout) { foot(layout); }

function foot(layout) {
  const model = layout ? `${layout.model.name} ${layout.model.version} · ${layout.mode}, ${layout.reason.replaceAll("_", " ")}` : "";
  parts.foot.replaceChildren(`You are ${visitor.id}`, make("br"), model);
}

let asked = 0;
function askBeliefs() {
  if (asked) return;
  asked = setTimeout(async () => {
    asked = 0;
    const who = key();
    try {
      const found = await beliefs();
      if (who === key()) showBeliefs(found);
    } catch { /* the next notice asks again */ }
  }, BELIEFS_EVERY_MS);
}

const GROUPS = [["Right now", "now_categories"], ["Over time", "categories"], ["Brands", "brands"], ["Colours", "colours"]];

/** Tastes as shares of all tastes of their kind. */
function showBeliefs(found) {
  const groups = GROUPS.filter(([, kind]) => found[kind]?.length).map(([title, kind]) => bars(title, found[kind]));
  const facts = [
    `${found.events} ${found.events === 1 ? "event" : "events"}`,
    found.orders ? `${found.orders} ${found.orders === 1 ? "order" : "orders"} for ${money(Math.round(found.spent))}` : null,
    found.usual_price ? `usually looks at about ${money(Math.round(found.usual_price))}` : null,
  ];
  const recent = (found.recent ?? []).filter((item) => item.id).slice(0, 8).map((item) =>
    make("a", { href: linkOf(item.id) }, make("img", { src: imageOf(item.id, known.get(item.id)), alt: item.title, title: item.title, width: 34, height: 34 })));
  parts.beliefs.replaceChildren(...groups,
    ...(recent.length ? [make("div", {}, make("p", { class: "bars-title" }, "Remembers"), make("div", { class: "recent" }, ...recent))] : []),
    make("p", { class: "quiet" }, capital(facts.filter(Boolean).join(" · "))));
}

function bars(title, likings) {
  return make("dl", { class: "bars" }, make("dt", { class: "bars-title" }, title), ...likings.slice(0, 4).map(({ name, weight }) =>
    make("dd", {}, make("span", {}, capital(name)), make("i", { style: `--share:${weight}` }), make("b", {}, `${Math.round(weight * 100)}%`))));
}

/** Tell why a module is there; with `deep`, also what spoke for its products. */
export async function explain(module, view, deep) {
  if (!module) return;
  if (!deep && parts.why.dataset.module === module.decision_id) return;
  parts.why.dataset.module = module.decision_id;
  parts.why.replaceChildren(make("p", {}, make("b", {}, capital(module.title)), make("span", {}, module.reason)));
  if (!deep) return;
  if (innerWidth < 1080) document.getElementById("handle").getAttribute("aria-expanded") === "false" && document.getElementById("handle").click();
  const layout = view ? await getLayout(view.page, { ...view.parts, explain: 1 }) : await getLayout("home", { explain: 1 });
  const found = layout.slots.map((slot) => slot.module).find((one) => one.id === module.id);
  const reasons = (found?.items ?? []).filter((item) => item.why).slice(0, 3).map(whyItem);
  if (parts.why.dataset.module === module.decision_id) parts.why.append(...reasons);
  parts.why.scrollIntoView({ block: "nearest" });
}

function whyItem(item) {
  const card = item.card ?? known.get(item.id);
  const features = Object.entries(item.why.features).filter(([, value]) => value).sort((one, other) => Math.abs(other[1]) - Math.abs(one[1])).slice(0, 4);
  return make("details", { class: "why-item" },
    make("summary", {}, make("img", { src: imageOf(item.id, card), alt: "", width: 36, height: 36 }),
      make("span", {}, card?.title ?? item.id, make("small", {}, item.why.pinned_by ? `pinned by ${item.why.pinned_by}` : item.why.sources.join(", ").replaceAll("_", " "))),
      make("b", {}, item.why.score.toFixed(2))),
    make("ul", {}, ...features.map(([name, value]) => make("li", {}, make("span", {}, name.replaceAll("_", " ")), make("b", {}, value.toFixed(2))))));
}
