/** What a run and its eigenvalues say, in words. */

/** @import { State } from "./dynamics.js" */

import { shown } from "../kit/numbers.js";
import { FAR, numbers, walk } from "./dynamics.js";

/** @typedef {ReturnType<typeof numbers>} Found */

/**
 * What the eigenvalues foretell: in a sign, in a word and in a sentence.
 * @type {(state: State, found: Found) => { sign: string, word: string, sentence: string }}
 */
export const verdict = ({ game, rule, gamma }, { radius, first_imag }) => {
  const linear = game === "wasserstein";
  if (radius < 1 - 1e-7) {
    const whence = linear ? "" : " close enough";
    return { sign: "<", word: "converges", sentence: `below 1: they converge from every start${whence}.` };
  }
  if (radius > 1 + 1e-7) {
    const word = linear ? "diverges" : "leaves";
    const fate = linear ? "move away without bound" : "are driven from the equilibrium";
    return { sign: ">", word, sentence: `above 1: they ${fate}.` };
  }
  if (linear && first_imag) {
    return { sign: "=", word: "circles", sentence: "exactly 1 in a linear game: they circle for ever." };
  }
  if (game === "minimax" && !gamma && rule !== "extragradient" && first_imag) {
    const sentence = "exactly 1, where eigenvalues are silent: the linear part circles, the next terms push outwards.";
    return { sign: "=", word: "drifts outwards", sentence };
  }
  const sentence = "exactly 1, where eigenvalues are silent: the next terms decide.";
  return { sign: "=", word: "silent", sentence };
};

/**
 * Both eigenvalues, as one pair or with `joint` between them.
 * @type {(found: Found, joint: string) => string}
 */
export const inWords = ({ first_real, first_imag, second_real }, joint) =>
  first_imag
    ? `${shown(first_real, 3)} ± ${shown(first_imag, 3)} i`
    : `${shown(first_real, 3)}${joint}${shown(second_real, 3)}`;

/**
 * The picture in a few sentences.
 * @type {(state: State) => string}
 */
export const tell = (state) => {
  const found = numbers(state);
  const steps = walk(state, Math.floor(state.steps)).length - 1;
  const start = Math.hypot(state.theta, state.phi);
  const over = found.distance > FAR ? ", where this run ends" : "";
  return (
    `After ${steps} ${steps === 1 ? "step" : "steps"} the players are at θ = ${shown(found.theta, 3)}, φ = ${shown(found.phi, 3)}, ` +
    `at distance ${shown(found.distance, 3)} from the equilibrium (${shown(start, 3)} at the start)${over}. ` +
    `A step has the eigenvalues ${inWords(found, " and ")}, the larger |λ| is ${shown(found.radius, 4)}, ${verdict(state, found).sentence}`
  );
};
