/** All that trains: both players, a step, and a run of steps. The page and its worker use it alike. */

/** @import { Chance } from "../kit/random.js" */
/** @import { DataName } from "./data.js" */
/** @import { GameName } from "./games.js" */
/** @import { Look } from "./look.js" */
/** @import { Network, Shape } from "./network.js" */

import { chance, scattered } from "../kit/random.js";
import { mixture, sample } from "./data.js";
import { gameOf, meanLoss } from "./games.js";
import { look } from "./look.js";
import { adam, backward, collect, countOf, forward, network, outputs, r1 } from "./network.js";

/**
 * @typedef {{ generator: Shape, discriminator: Shape }} Shapes
 * @typedef {{ generator: Network, discriminator: Network }} Players
 *
 * @typedef {object} Settings
 * @property {DataName} data
 * @property {GameName} loss
 * @property {number} gamma weight of R1
 * @property {number} d_rate learning rate of the discriminator
 * @property {number} g_rate learning rate of the generator
 * @property {number} momentum Adam's beta1
 *
 * @typedef {object} Load Where a run begins.
 * @property {Shapes} layers
 * @property {ArrayLike<number> | null} weights of both players, the generator's first; null for random ones
 * @property {number} seed
 *
 * @typedef {object} Question What a run is asked.
 * @property {number} epoch comes back with the answer
 * @property {Load | null} load begin anew from there
 * @property {Settings} settings
 * @property {number} steps to take at least
 * @property {number} budget milliseconds for which to go on
 *
 * @typedef {Look & { epoch: number, step: number, finite: boolean, losses: number[] }} Answer
 */

const BATCH = 128;
const RUNAWAY = 1e12; // a loss so large is as good as infinite

/**
 * Both players from the weights of both in one row.
 * @type {(shapes: Shapes, weights: ArrayLike<number>) => Players}
 */
export const players = ({ generator, discriminator }, weights) => {
  const all = Float64Array.from(weights);
  const count = countOf(generator);
  return {
    generator: network(generator, all.slice(0, count)),
    discriminator: network(discriminator, all.slice(count)),
  };
};

/**
 * Random weights of both players, as nn.Linear begins.
 * @type {(shapes: Shapes, chance: Chance) => number[]}
 */
const untrained = ({ generator, discriminator }, { uniform }) =>
  [generator, discriminator].flatMap(({ sizes }) =>
    sizes.slice(1).flatMap((to, l) => {
      const from = sizes[l];
      return Array.from({ length: (from + 1) * to }, () => (2 * uniform() - 1) / Math.sqrt(from));
    }),
  );

/**
 * ganlib.training.step: the discriminator's update, then the generator's. Returns both losses and the penalty's price.
 * @type {(players: Players, settings: Omit<Settings, "data">, real: Float64Array, z: Float64Array) => [number, number, number]}
 */
export const step = ({ generator, discriminator }, { loss, gamma, d_rate, g_rate, momentum }, real, z) => {
  const game = gameOf(loss);
  const made = forward(generator, z);
  const fake = made[made.length - 1];
  const logits = discriminator.layers.length; // where a tape of the discriminator holds them

  const tapes = [real, fake].map((points) => forward(discriminator, points));
  const critic = meanLoss(game.critic, tapes[0][logits], tapes[1][logits]);
  const dSum = new Float64Array(discriminator.params.length);
  for (const [j, tape] of tapes.entries()) {
    collect(discriminator, tape, backward(discriminator, tape, critic.slopes[j]), dSum);
  }
  const price = gamma > 0 ? r1(discriminator, tapes[0], gamma, dSum) : 0;
  adam(discriminator, dSum, d_rate, momentum);

  const tape = forward(discriminator, fake);
  const compared = game.paired ? outputs(discriminator, real) : tape[logits];
  const player = meanLoss(game.player, compared, tape[logits]);
  const gSum = new Float64Array(generator.params.length);
  collect(generator, made, backward(generator, made, backward(discriminator, tape, player.slopes[0])[0]), gSum);
  adam(generator, gSum, g_rate, momentum);
  return [critic.value, player.value, price];
};

/**
 * A run: what it is asked is where to begin, with which settings, and how long to train; it answers with a look.
 * @returns {(question: Question) => Answer}
 */
export const runner = () => {
  /** @type {{ pair: Players, luck: Chance, done: number, finite: boolean } | null} */
  let run = null;
  return ({ epoch, load, settings, steps, budget }) => {
    if (load) {
      const luck = chance(scattered(load.seed));
      const pair = players(load.layers, load.weights ?? untrained(load.layers, luck));
      run = { pair, luck, done: 0, finite: true };
    }
    if (!run) throw new Error("A run has to be loaded before it can train.");
    const data = mixture(settings.data);
    const from = performance.now();
    const sums = [0, 0];
    let taken = 0;
    while (run.finite && (taken < steps || performance.now() - from < budget)) {
      const real = sample(data, BATCH, run.luck);
      const z = run.luck.normals(BATCH * run.pair.generator.layers[0].from);
      const found = step(run.pair, settings, real, z);
      for (const j of [0, 1]) sums[j] += found[j];
      run.finite = found.every(Number.isFinite) && Math.abs(found[0]) < RUNAWAY;
      taken += 1;
    }
    run.done += taken;
    const seen = look(run.pair, settings);
    const losses = taken ? sums.map((sum) => sum / taken) : seen.losses;
    return { ...seen, epoch, step: run.done, finite: run.finite, losses };
  };
};
