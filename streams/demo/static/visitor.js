// Who is in the shop: one browser, one anonymous visitor, with a cart of its own.

const KEY = "etalage.visitor";

function newId() {
  const bytes = crypto.getRandomValues(new Uint8Array(9));
  return "demo-" + Array.from(bytes, (b) => b.toString(36).padStart(2, "0")).join("").slice(0, 14);
}

function load() {
  try {
    const kept = JSON.parse(localStorage.getItem(KEY));
    if (kept?.id) return kept;
  } catch { /* storage may be off or hold something old */ }
  return { id: newId(), cart: [], hearts: [] };
}

export const visitor = load();
save();

export function save() {
  try { localStorage.setItem(KEY, JSON.stringify(visitor)); } catch { /* then it lasts as long as the page */ }
}

/** Become a new visitor. */
export function reset() {
  Object.assign(visitor, { id: newId(), cart: [], hearts: [] });
  save();
}

export const key = () => "a:" + visitor.id;
