/** What the picture shows of the players, always from the same latents and the same real samples. */

/** @import { Coverage, DataName } from "./data.js" */
/** @import { Game, GameName } from "./games.js" */
/** @import { Network } from "./network.js" */

import { clamp } from "../kit/numbers.js";
import { chance, scattered } from "../kit/random.js";
import { coverage, mixture, sample } from "./data.js";
import { gameOf, meanLoss } from "./games.js";
import { backward, forward, outputs } from "./network.js";

/**
 * @typedef {object} Seen Points are x and y in turn.
 * @property {Float64Array} fakes
 * @property {Float64Array} real
 * @property {Float64Array} pushes in which direction each fake's own loss falls
 * @property {Float64Array} field the discriminator's opinion on a grid of the plane: 0 where it is undecided
 * @property {number} side of that grid
 * @property {number[]} losses of the discriminator and of the generator
 * @property {number[]} undecided what they are where nothing is decided
 *
 * @typedef {Seen & Coverage} Look
 */

/** The picture shows the plane from -2.5 to 2.5, in units in which the data have unit scale. */
export const EXTENT = 2.5;
const SEEN = 1000; // points that are measured
const DRAWN = 300; // points that are drawn
const LATENTS = scattered(7);
const REALS = scattered(8);

/** @type {(values: Float64Array) => number} */
const average = (values) => values.reduce((a, b) => a + b) / values.length;

/**
 * The discriminator's opinion on a grid of the plane, row by row from the top.
 * @type {(discriminator: Network, game: Game, real: number, fake: number) => Pick<Seen, "field" | "side">}
 */
const fieldOf = (discriminator, game, real, fake) => {
  const side = Math.round(clamp(Math.sqrt(4e6 / discriminator.params.length), 25, 37));
  const plane = Float64Array.from({ length: 2 * side * side }, (_, j) => {
    const at = j % 2 ? side - 1 - Math.floor(j / 2 / side) : (j >> 1) % side;
    return EXTENT * ((2 * at) / (side - 1) - 1);
  });
  const middle = game.middle ?? (real + fake) / 2;
  const gain = game.gain ?? (game.middle === 0 ? 1 : 4 / Math.max(1e-6, Math.abs(real - fake)));
  return { field: outputs(discriminator, plane).map((a) => gain * (a - middle)), side };
};

/**
 * A look at the players.
 * @type {(players: { generator: Network, discriminator: Network }, settings: { data: DataName, loss: GameName }) => Look}
 */
export const look = ({ generator, discriminator }, { data, loss }) => {
  const target = mixture(data);
  const game = gameOf(loss);
  const all = outputs(generator, chance(LATENTS).normals(SEEN * generator.layers[0].from));
  const fakes = all.slice(0, 2 * DRAWN);
  const real = sample(target, SEEN, chance(REALS)).slice(0, 2 * DRAWN);
  const tape = forward(discriminator, fakes);
  const logits = tape[tape.length - 1];
  const compared = outputs(discriminator, real);
  const critic = meanLoss(game.critic, compared, logits);
  const player = meanLoss(game.player, compared, logits);
  const gradient = backward(discriminator, tape, player.slopes[0])[0];
  return {
    fakes,
    real,
    pushes: gradient.map((each) => -each * DRAWN),
    ...fieldOf(discriminator, game, average(compared), average(logits)),
    losses: [critic.value, player.value],
    undecided: game.undecided,
    ...coverage(all, target),
  };
};
