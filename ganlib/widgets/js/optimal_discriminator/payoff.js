/** What discriminators are worth: the value V(D, q) where the data is N(0, 1) and the generator's q is N(theta, sd²). */

import { range, sigmoid, softplus } from "../kit/numbers.js";

/**
 * @typedef {{ theta: number, sd: number, place: number, steepness: number }} State
 * @typedef {(x: number) => number} Curve
 */

/** The value of a coin, −log 4: the least that the best discriminator can have. */
export const FLOOR = -Math.log(4);

/**
 * The log-density of N(mean, sd²) at x: no digits are lost in the tails.
 * @type {(x: number, mean?: number, sd?: number) => number}
 */
export const logNormal = (x, mean = 0, sd = 1) =>
  -0.5 * ((x - mean) / sd) ** 2 - Math.log(sd) - 0.5 * Math.log(2 * Math.PI);

/**
 * The height of a bell with this standard deviation, and the standard deviation of a bell so high: its own inverse.
 * @type {(sd: number) => number}
 */
export const peak = (sd) => 1 / (sd * Math.sqrt(2 * Math.PI));

/**
 * The logit of the best discriminator.
 * @type {(state: Pick<State, "theta" | "sd">) => Curve}
 */
export const bestLogit =
  ({ theta, sd }) =>
  (x) =>
    logNormal(x) - logNormal(x, theta, sd);

/**
 * The logit of the reader's own discriminator.
 * @type {(state: Pick<State, "place" | "steepness">) => Curve}
 */
export const ownLogit =
  ({ place, steepness }) =>
  (x) =>
    steepness * (place - x);

const LINE = range(-25, 25, 1001);
const SPACING = 0.05;
const P = LINE.map((x) => Math.exp(logNormal(x)));

/**
 * V(D, q) of a discriminator given by its logit: an integral over the line, as a sum over a grid times its spacing.
 * @type {(logit: Curve, state: State, every?: number) => number}
 */
export const payoff = (logit, { theta, sd }, every = 1) => {
  let sum = 0;
  for (let i = 0; i < LINE.length; i += every) {
    const a = logit(LINE[i]);
    sum += P[i] * softplus(-a) + Math.exp(logNormal(LINE[i], theta, sd)) * softplus(a);
  }
  return -sum * SPACING * every;
};

/**
 * The divergence, the value of the best discriminator and of the reader's own, and the best one's answer at 0.
 * @param {State} state
 */
export const numbers = (state) => {
  const value = payoff(bestLogit(state), state);
  return {
    jsd: (value - FLOOR) / 2,
    value,
    own_value: payoff(ownLogit(state), state),
    best_at_0: sigmoid(bestLogit(state)(0)),
  };
};
