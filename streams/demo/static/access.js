// Says in the page whether the gateway lets everybody do everything.

const TEXTS = {
  true: "Open gateway: no API keys, everybody may do everything.",
  false: "This gateway requires API keys; the demo shop has none.",
};

/** Show what /demo/access.json says; a gateway that does not answer says nothing. */
export async function showAccess() {
  try {
    const { open } = await (await fetch("access.json", { cache: "no-store" })).json();
    document.getElementById("access").textContent = TEXTS[open];
  } catch {}
}
