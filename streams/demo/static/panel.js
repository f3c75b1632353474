// The panel beside the shop: the trace of the last click, the visitor's profile, why each module is there.

import { fetchProfile, layout as getLayout } from "./api.js";
import { capital, imageOf, known, linkOf, make, money } from "./cards.js";
import { flip } from "./flip.js";
import { legsOf, milliseconds } from "./journey.js";
import { onAct } from "./track.js";
import { key, visitor } from "./visitor.js";
import { profileWords, eventWords, layoutWords, NEW_HERE } from "./words.js";

const EXAMPLES = [["sneakers", "Sneakers"], ["lamps", "Lamps"], ["tents", "Tents"], ["dresses", "Dresses"]];
const ROW_THUMBS = 9;
const PROFILE_EVERY_MS = 250;
const EDGE_PX = 14;

const parts = {};
const recent = []; // journeys that may belong to an act whose answer is still on its way
let last = null; // { label, sent, answered, token, done }
let open = () => {}; // asks why a module of the list is there

const box = (id, title, ...children) => make("section", { class: "box", id, "aria-labelledby": id + "-title" },
  make("h2", { id: id + "-title" }, title), ...children);

/** `stranger`, `pretend(category)` and `explain(module)` are what the panel's buttons ask for. */
export function mount(root, { stranger, pretend, explain: onExplain }) {
  open = onExplain;
  parts.total = make("p", { class: "total" });
  parts.bar = make("div", { class: "bar", "aria-hidden": "true" });
  parts.legs = make("ol", { class: "legs" });
  parts.map = make("div", { class: "map", role: "img", "aria-label": "Your window at a glance" });
  parts.beliefs = make("div", { class: "beliefs" });
  parts.why = make("ol", { class: "whys" });
  parts.foot = make("p", { class: "foot" });
  const chips = EXAMPLES.map(([category, name]) => make("button", { class: "chip", type: "button", onclick: () => pretend(category) }, name));
  root.append(
    make("div", { class: "panel-head" }, make("p", { class: "panel-title" }, "Behind the window"), parts.live = make("span", { class: "live" })),
    box("journey", "Your last click", parts.total, parts.bar, parts.legs),
    box("belief", "What the shop believes about you", parts.beliefs),
    box("glance", "Your window now", parts.map),
    box("why", "Why each row is there", parts.why),
    box("be", "Be somebody else",
      make("p", { class: "quiet" }, "A new visitor who looks at five of these:"), make("div", { class: "chips" }, ...chips),
      make("p", { class: "quiet" }, "Or one of whom nothing is known:"), make("button", { class: "button small", type: "button", onclick: stranger }, "New visitor")),
    parts.foot);
  const handle = document.getElementById("handle");
  handle.addEventListener("click", () => unfold(handle.getAttribute("aria-expanded") === "false"));
  document.addEventListener("keydown", ({ key }) => { if (key === "Escape") unfold(false); });
  state("waiting");
  reset();
}

/** The sheet of small screens, up or down. */
function unfold(up) {
  document.getElementById("panel").classList.toggle("open", up);
  document.getElementById("handle").setAttribute("aria-expanded", String(up));
}

/** Show nothing of the visitor before. */
export function reset() {
  last = null;
  recent.length = 0;
  idle("Click a product and follow it.");
  parts.bar.replaceChildren();
  parts.legs.replaceChildren();
  parts.beliefs.replaceChildren(make("p", { class: "quiet" }, NEW_HERE));
  document.getElementById("handle-ms").textContent = "";
  foot();
}

function idle(words) { parts.total.replaceChildren(make("span", { class: "idle" }, words)); }

export function state(now) {
  parts.live.textContent = now === "live" ? "live" : "connecting";
  parts.live.dataset.state = now;
}

onAct(async (posted, events) => {
  if (events.every((event) => event.event === "page_view")) return;
  const mine = { label: eventWords(events.at(-1)), done: false };
  last = mine;
  parts.total.replaceChildren(make("b", {}, "…"), make("span", {}, mine.label));
  const answer = await posted;
  if (!answer) return void (last === mine && idle("Not accepted: Kafka does not answer. The window stays."));
  Object.assign(mine, answer);
  recent.forEach(({ journey, at }) => match(journey, at));
});

/** A notice came: the state of this visitor moved on, and maybe the window. */
export function journey(step, at) {
  recent.push({ journey: step, at });
  recent.splice(0, recent.length - 8);
  match(step, at);
  refreshProfile();
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
}

/** The layout of the page that is open: why each of its modules is there. */
export function page(layout) {
  parts.why.replaceChildren(...layout.slots.filter(({ module }) => module.items.length).map(({ module }) =>
    make("li", { "data-module": module.id },
      make("button", { class: "why-line", type: "button", onclick: () => open(module) }, make("b", {}, capital(module.title)), make("span", {}, module.reason)))));
  foot(layout);
  if (layout.mode === "full") refreshProfile(); // a page opened anew: no notice comes before the next click
}

function foot(layout) {
  parts.foot.replaceChildren(`You are ${visitor.id}, a name made up in this browser.`, make("br"), layout ? layoutWords(layout) : "");
}

let profileTimer = 0;
function refreshProfile() {
  if (profileTimer) return;
  profileTimer = setTimeout(async () => {
    profileTimer = 0;
    const who = key();
    try {
      const found = await fetchProfile();
      if (who === key()) showProfile(found);
    } catch { /* the next notice asks again */ }
  }, PROFILE_EVERY_MS);
}

/** Affinities as shares of their kind; the long-term ones only where they differ from this visit's. */
function showProfile(found) {
  const now = found.now_categories ?? [];
  const ever = found.categories ?? [];
  const alike = now.map(({ name }) => name).join() === ever.map(({ name }) => name).join();
  const groups = [["Right now", now], ["Over time", alike ? [] : ever]].filter(([, affinities]) => affinities.length);
  const tags = [["Brands", found.brands], ["Colours", found.colours]].filter(([, affinities]) => affinities?.length);
  const seen = (found.recent ?? []).filter((item) => item.id).slice(0, 8).map((item) =>
    make("a", { href: linkOf(item.id) }, make("img", { src: imageOf(item.id, known.get(item.id)), alt: item.title, title: item.title, width: 34, height: 34 })));
  parts.beliefs.replaceChildren(
    ...groups.map(([title, affinities]) => bars(title, affinities)),
    ...tags.map(([title, affinities]) => make("p", {}, make("b", {}, title + " "), affinities.slice(0, 3).map(({ name }) => name).join(", "))),
    ...(seen.length ? [make("div", {}, make("p", { class: "bars-title" }, "Remembers"), make("div", { class: "recent" }, ...seen))] : []),
    make("p", { class: "quiet" }, groups.length || seen.length ? profileWords(found, money) : NEW_HERE));
}

function bars(title, affinities) {
  return make("dl", { class: "bars" }, make("dt", { class: "bars-title" }, title), ...affinities.slice(0, 4).map(({ name, weight }) =>
    make("dd", {}, make("span", {}, capital(name)), make("i", { style: `--share:${weight}` }), make("b", {}, `${Math.round(weight * 100)}%`))));
}

/** Point out why a module is there; with `deep`, also what spoke for its products. */
export async function explain(module, view, deep) {
  if (!module) return;
  for (const one of parts.why.children) one.classList.toggle("on", one.dataset.module === module.id);
  if (!deep) return;
  if (innerWidth < 1080) unfold(true);
  const layout = view ? await getLayout(view.page, { ...view.parts, explain: 1 }) : await getLayout("home", { explain: 1 });
  const found = layout.slots.map((slot) => slot.module).find((one) => one.id === module.id);
  const line = [...parts.why.children].find((one) => one.dataset.module === module.id);
  parts.why.querySelectorAll(".why-item").forEach((item) => item.remove());
  line?.append(...(found?.items ?? []).filter((item) => item.why).slice(0, 3).map(whyItem));
  if (line) bringUp(line);
}

/** Scroll the panel, and not the page, until a line is seen whole. */
function bringUp(line) {
  const body = document.getElementById("panel-body");
  const { top, bottom } = line.getBoundingClientRect();
  const below = bottom + EDGE_PX - innerHeight;
  const above = top - EDGE_PX - Math.max(0, body.getBoundingClientRect().top);
  body.scrollBy({ top: above < 0 ? above : Math.max(0, Math.min(below, above)) });
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
