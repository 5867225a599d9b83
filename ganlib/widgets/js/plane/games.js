/** The games: what each player loses on a pair of logits, and in which direction the loss pushes. */

import { sigmoid, softplus } from "../kit/numbers.js";

/**
 * @typedef {(r: number, f: number) => number[]} Loss A loss of r, the logit of a real, and f, that of a fake; then its slopes.
 *
 * @typedef {object} Game
 * @property {Loss} critic the discriminator's loss with its slopes in r and in f
 * @property {Loss} player the generator's loss with its slope in f
 * @property {number[]} undecided both losses, or the first, where the discriminator cannot tell
 * @property {number} [middle] the logit at which it is undecided, where there is one
 * @property {number} [gain] how fast the colours of the plane change with the logit
 * @property {boolean} [paired] whether the generator's loss looks at the reals
 *
 * @typedef {"non_saturating" | "minimax" | "least_squares" | "hinge" | "wasserstein" | "relativistic"} GameName
 */

/** @type {Loss} */
const entropy = (r, f) => [softplus(-r) + softplus(f), -sigmoid(-r), sigmoid(f)];
/** @type {Loss} */
const score = (_, f) => [-f, -1];

/** @type {Record<GameName, Game>} */
const GAMES = {
  non_saturating: {
    critic: entropy,
    player: (_, f) => [softplus(-f), -sigmoid(-f)],
    undecided: [Math.log(4), Math.log(2)],
    middle: 0,
  },
  minimax: {
    critic: entropy,
    player: (_, f) => [-softplus(f), -sigmoid(f)],
    undecided: [Math.log(4), -Math.log(2)],
    middle: 0,
  },
  least_squares: {
    critic: (r, f) => [((r - 1) ** 2 + f ** 2) / 2, r - 1, f],
    player: (_, f) => [(f - 1) ** 2 / 2, f - 1],
    undecided: [1 / 4, 1 / 8],
    middle: 1 / 2,
    gain: 4,
  },
  hinge: {
    critic: (r, f) => [Math.max(0, 1 - r) + Math.max(0, 1 + f), r < 1 ? -1 : 0, f > -1 ? 1 : 0],
    player: score,
    undecided: [2, 0],
    middle: 0,
  },
  wasserstein: { critic: (r, f) => [f - r, -1, 1], player: score, undecided: [0] },
  relativistic: {
    critic: (r, f) => [softplus(f - r), -sigmoid(f - r), sigmoid(f - r)],
    player: (r, f) => [softplus(r - f), -sigmoid(r - f)],
    undecided: [Math.log(2), Math.log(2)],
    gain: 1,
    paired: true,
  },
};

/**
 * The game of that name.
 * @type {(name: GameName) => Game}
 */
export const gameOf = (name) => GAMES[name];

/**
 * A mean loss over pairs of logits, and its slopes in the arguments for which the loss returns one, each over the count.
 * @type {(loss: Loss, real: Float64Array, fake: Float64Array) => { value: number, slopes: Float64Array[] }}
 */
export const meanLoss = (loss, real, fake) => {
  let value = 0;
  const n = fake.length;
  const slopes = [new Float64Array(n), new Float64Array(n)];
  for (let i = 0; i < n; i++) {
    const [each, ...own] = loss(real[i], fake[i]);
    value += each / n;
    for (let j = 0; j < own.length; j++) slopes[j][i] = own[j] / n;
  }
  return { value, slopes };
};
