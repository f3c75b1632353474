// From the click to the window: which part of the way took how long.

const LEGS = [
  ["received", "Posted to the gateway"],
  ["accepted", "Written to Kafka"],
  ["applied", "Read by a worker"],
  ["folded", "Folded into your state"],
  ["ranked", "Ranked and laid out"],
  ["noticed", "Stored in Redis"],
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

/**
 * Legs { step, name, ms } from the click (sent) to the push (arrived); a step without a time joins the next.
 * A step ends no later than those after it: a worker may well be done before the acknowledgement is back.
 */
export function legsOf(sent, answered, journey, arrived) {
  const offset = clockOffset(sent, answered, journey);
  const steps = LEGS.map(([step, name]) => ({ step, name, at: step === "arrived" ? arrived : journey[step] - offset }))
    .filter(({ at }) => Number.isFinite(at));
  let soonest = arrived;
  for (const step of steps.toReversed()) step.at = soonest = Math.min(soonest, step.at);
  return steps.map(({ step, name, at }, n) => ({ step, name, ms: Math.max(0, at - (n ? Math.max(sent, steps[n - 1].at) : sent)) }));
}

export const milliseconds = (ms) => (ms < 9.95 ? ms.toFixed(1) : Math.round(ms).toString());
