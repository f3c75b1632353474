// Splits the time from a click to the pushed layout into its steps.

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
 * Server clock minus client clock: the smallest offset for which a request is received after it was sent and
 * answered before the answer arrives. Zero when both clocks agree.
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
