/** The Dirac-GAN: its vector field, the rules by which the players step, and the eigenvalues that decide where they go. */

import { sigmoid } from "../kit/numbers.js";

/**
 * @typedef {object} State
 * @property {keyof typeof GAMES} game
 * @property {keyof typeof RULES} rule
 * @property {number} theta the generator at the start
 * @property {number} phi the discriminator at the start
 * @property {number} eta the step size
 * @property {number} gamma the weight of R1
 * @property {number} steps with a fraction while the run is played
 *
 * @typedef {[number, number]} Pair Two numbers: theta and phi, or the real and the imaginary part.
 * @typedef {(players: Pair) => Pair} Field In which direction each player moves.
 * @typedef {(v: Field, w: Pair, eta: number) => Pair} Rule The players after a step.
 */

/** Steps that a run may have. */
export const LAST = 300;
/** A run that comes this far from the equilibrium is over. */
export const FAR = 1000;

/** By how much the generator follows phi, and the discriminator flees theta, as functions of the fake's logit. */
const GAMES = {
  minimax: (/** @type {number} */ logit) => [sigmoid(logit), sigmoid(logit)],
  non_saturating: (/** @type {number} */ logit) => [sigmoid(-logit), sigmoid(logit)],
  wasserstein: () => [1, 1],
};

/**
 * The vector field of a game.
 * @type {(state: Pick<State, "game" | "gamma">) => Field}
 */
export const fieldOf =
  ({ game, gamma }) =>
  ([theta, phi]) => {
    const [generator, discriminator] = GAMES[game](phi * theta);
    return [generator * phi, -discriminator * theta - gamma * phi];
  };

/**
 * The same near the equilibrium, where the logit is 0.
 * @type {(state: Pick<State, "game" | "gamma">) => Field}
 */
const linearOf =
  ({ game, gamma }) =>
  ([theta, phi]) => {
    const [kappa] = GAMES[game](0);
    return [kappa * phi, -kappa * theta - gamma * phi];
  };

/** @type {(w: Pair, direction: Pair, eta: number) => Pair} */
const ahead = ([theta, phi], [a, b], eta) => [theta + eta * a, phi + eta * b];

const RULES = {
  simultaneous: /** @type {Rule} */ ((v, w, eta) => ahead(w, v(w), eta)),
  alternating: /** @type {Rule} */ (
    (v, [theta, phi], eta) => {
      const answer = phi + eta * v([theta, phi])[1];
      return [theta + eta * v([theta, answer])[0], answer];
    }
  ),
  generator_first: /** @type {Rule} */ (
    (v, [theta, phi], eta) => {
      const answer = theta + eta * v([theta, phi])[0];
      return [answer, phi + eta * v([answer, phi])[1]];
    }
  ),
  extragradient: /** @type {Rule} */ ((v, w, eta) => ahead(w, v(ahead(w, v(w), eta)), eta)),
};

/**
 * The players at each of so many steps, or until they are far away.
 * @type {(state: State, steps: number) => Pair[]}
 */
export const walk = (state, steps) => {
  const v = fieldOf(state);
  /** @type {Pair} */
  let w = [state.theta, state.phi];
  const path = [w];
  while (path.length <= steps && Math.hypot(...w) <= FAR) {
    w = RULES[state.rule](v, w, state.eta);
    path.push(w);
  }
  return path;
};

/**
 * The eigenvalues of a step near the equilibrium. The rules are linear in the field, so that they turn its linear part
 * into their own, column by column.
 * @type {(state: State) => [Pair, Pair]}
 */
export const eigenvalues = (state) => {
  const column = (/** @type {Pair} */ w) => RULES[state.rule](linearOf(state), w, state.eta);
  const [a, c] = column([1, 0]);
  const [b, d] = column([0, 1]);
  const half = (a + d) / 2;
  const inner = half * half - (a * d - b * c);
  const root = Math.sqrt(Math.abs(inner));
  if (inner < 0) {
    return [
      [half, root],
      [half, -root],
    ];
  }
  return [
    [half + root, 0],
    [half - root, 0],
  ];
};

/**
 * Where a run has come to, and the eigenvalues of its step.
 * @param {State} state
 */
export const numbers = (state) => {
  const path = walk(state, Math.floor(state.steps));
  const [theta, phi] = path[path.length - 1];
  const [first, second] = eigenvalues(state);
  return {
    theta,
    phi,
    distance: Math.hypot(theta, phi),
    first_real: first[0],
    first_imag: first[1],
    second_real: second[0],
    second_imag: second[1],
    radius: Math.max(Math.hypot(...first), Math.hypot(...second)),
  };
};
