// The gateway's public HTTP API, and nothing else: events in, layouts out, one stream of pushes.

import { key, visitor } from "./visitor.js";

/** Epoch milliseconds with fractions. */
export const now = () => performance.timeOrigin + performance.now();

const RETRIES = 11, WAIT_MS = 300, LONGEST_WAIT_MS = 5000; // in all 39 s, longer than a gateway needs to restart

function messageId() {
  const bytes = crypto.getRandomValues(new Uint8Array(8));
  return "m-" + Array.from(bytes, (b) => b.toString(16).padStart(2, "0")).join("");
}

const device = () => (innerWidth < 720 ? "mobile" : "desktop");

/** An event in the envelope; `more` may hold properties, decision_id, slot_id, module_id and index. */
export function event(name, more = {}) {
  return {
    message_id: messageId(), event: name, anonymous_id: visitor.id, timestamp: new Date().toISOString(),
    channel: "web", context: { device: device(), page: { path: location.hash || "#/" } }, ...more,
  };
}

/** Post events; resolves to { token, sent, answered } or null when the gateway could not take them. */
export async function post(events, attempt = 0) {
  const sent = now();
  const sentAt = new Date().toISOString();
  try {
    const answer = await fetch("/v1/events", {
      method: "POST", keepalive: true, headers: { "content-type": "application/json" },
      body: JSON.stringify({ events: events.map((e) => ({ ...e, sent_at: sentAt })) }),
    });
    if (answer.status >= 400 && answer.status < 500 && ![408, 429].includes(answer.status)) return null; // never taken
    if (!answer.ok) throw new Error(String(answer.status));
    const { results, token } = await answer.json();
    const again = events.filter((_, n) => results[n]?.status === "retry");
    if (again.length) return retry(again, attempt);
    return { token, sent, answered: now() };
  } catch {
    return retry(events, attempt);
  }
}

/** The same message ids again: the visitor's state knows them and counts each once. */
async function retry(events, attempt) {
  if (attempt >= RETRIES) return null;
  await new Promise((done) => setTimeout(done, Math.min(WAIT_MS * 2 ** attempt, LONGEST_WAIT_MS)));
  return post(events, attempt + 1);
}

function query(parts) {
  const given = Object.entries({ visitor: key(), ...parts }).filter(([, value]) => value != null && value !== "");
  return new URLSearchParams(given).toString();
}

async function getJson(path) {
  const answer = await fetch(path, { headers: { accept: "application/json" } });
  if (!answer.ok) throw new Error(`${path}: ${answer.status}`);
  return answer.json();
}

/** deadline_ms of a page request: longer than the gateway's default, since a late page is better than a popular one. */
const DEADLINE_MS = 1000;

/** A layout with its cards. `parts`: item, category, q, after, deadline_ms, explain. */
export const layout = (page, parts = {}) =>
  getJson(`/v1/layouts/${page}?` + query({ deadline_ms: DEADLINE_MS, ...parts, hydrate: 1 }));

/** Cards of products by id; one that the shop does not have is missing. */
export const cards = async (...ids) =>
  (await getJson("/demo/cards.json?" + new URLSearchParams(ids.map((id) => ["item", id])))).cards;

/** The gateway's profile of this visitor. */
export const fetchProfile = () => getJson("/v1/visitors/" + encodeURIComponent(key()));

/** How long to wait after the gateway refused a stream, as it does when it has too many. */
const REOPEN_MS = 5000;

/**
 * Follow the home page. Calls onLayout(layout), onJourney(journey, at) and onState("live" | "waiting").
 * A journey ends when its layout has arrived: it is drawn in a later turn, so that drawing is not measured.
 */
export function follow({ onLayout, onJourney, onState }) {
  let layoutAt = null;
  let source = null;
  let again = null;
  const open = () => {
    const here = (source = new EventSource("/v1/layouts/home/stream?" + query({ hydrate: 1, journey: 1 })));
    here.addEventListener("open", () => onState("live"));
    here.addEventListener("error", () => {
      onState("waiting");
      // A browser comes back to a broken stream by itself, but not to a refused one.
      if (here.readyState === EventSource.CLOSED) again = setTimeout(open, REOPEN_MS);
    });
    here.addEventListener("layout", (push) => {
      layoutAt = now();
      setTimeout(() => here.readyState !== EventSource.CLOSED && onLayout(JSON.parse(push.data)));
    });
    here.addEventListener("journey", (push) => {
      const journey = JSON.parse(push.data);
      onJourney(journey, journey.layout_changed && layoutAt ? layoutAt : now());
      layoutAt = null;
    });
  };
  open();
  return () => {
    clearTimeout(again);
    source.close();
  };
}
