// From the click to the window: which part of the way took how long.

const LEGS = [
  ["received", "Posted to the gateway"],
  ["accepted", "Written to Kafka"],
  ["applied", "Read by a worker"],
  ["folded", "Folded into your state"],
  ["ranked", "Ranked and laid out"],
  ["written", "Stored in Redis"],
  ["arrived", "Pushed to this page"],
];

/**
 * Server clock minus client clock, as little as the order of things allows: a request is received after it
 * was sent and its answer arrives after it was given. Zero when both clocks tell one time.
 */
export function clockOffset(sent, answered, { received, accepted }) {
  if (received == null || accepted == null || answered == null) return 0;
  return Math.min(Math.max(0, accepted - answered), received - sent);
}

/** Legs { step, name, ms } from the click (sent) to the push (arrived); a step without a time joins the next. */
export function legsOf(sent, answered, journey, arrived) {
  const offset = clockOffset(sent, answered, journey);
  let last = sent;
  const legs = [];
  for (const [step, name] of LEGS) {
    const at = step === "arrived" ? arrived : journey[step] == null ? null : journey[step] - offset;
    if (at == null) continue;
    const until = Math.min(Math.max(at, last), arrived); // a worker may be faster than the acknowledgement
    legs.push({ step, name, ms: until - last });
    last = until;
  }
  return legs;
}

export const milliseconds = (ms) => (ms < 9.95 ? ms.toFixed(1) : Math.round(ms).toString());
