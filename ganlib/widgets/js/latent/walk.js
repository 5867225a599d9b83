/** A walk from one latent to another, and the pictures along it. */

/** @import { Net } from "./network.js" */

import { range } from "../kit/numbers.js";
import { chance } from "../kit/random.js";
import { open, run } from "./network.js";

/**
 * @typedef {object} State
 * @property {Net} net
 * @property {number} alpha the part of the way
 * @property {"arc" | "line" | "stay"} way
 * @property {number} first number of the latent at its beginning
 * @property {number} second number of the latent at its end
 * @property {string} start class at its beginning
 * @property {string} end class at its end
 * @property {number} move1 by how much z is moved along the first direction
 * @property {number} move2 and along the second
 */

/** A walk is cut into so many pieces, with a picture at each end. */
export const STEPS = 12;

/** @type {(a: Float64Array, b: Float64Array) => number} */
const inner = (a, b) => a.reduce((sum, value, i) => sum + value * b[i], 0);

/**
 * The latent at a part of the way.
 * @type {(state: State, alpha: number) => Float64Array}
 */
const latent = ({ net, way, first, second, move1, move2 }, alpha) => {
  const z0 = chance(first).normals(net.latent);
  const z1 = chance(second).normals(net.latent);
  const { directions } = open(net);
  let [one, two] = way === "stay" ? [1, 0] : [1 - alpha, alpha];
  if (way === "arc" && first !== second) {
    const omega = Math.acos(inner(z0, z1) / Math.sqrt(inner(z0, z0) * inner(z1, z1)));
    [one, two] = [one, two].map((share) => Math.sin(share * omega) / Math.sin(omega));
  }
  return z0.map((value, i) => one * value + two * z1[i] + move1 * directions[0][i] + move2 * directions[1][i]);
};

/**
 * The length of the latent at a part of the way.
 * @type {(state: State, alpha: number) => number}
 */
export const size = (state, alpha) => Math.hypot(...latent(state, alpha));

/** @type {(state: State, alpha: number) => Float64Array} */
const pictured = (state, alpha) => {
  const { net, start, end } = state;
  const generator = open(net);
  const code = (/** @type {string} */ name) => generator.codes[Math.max(0, net.classes.indexOf(name))];
  const between = net.classes.length ? code(start).map((value, i) => value + alpha * (code(end)[i] - value)) : [];
  return run(generator, Float64Array.from([...latent(state, alpha), ...between]));
};

/**
 * `make`, which keeps its last answer for each net until the state has changed.
 * @template {{ net: Net }} Asked
 * @template Answer
 * @param {(state: Asked) => Answer} make
 * @returns {(state: Asked) => Answer}
 */
const kept = (make) => {
  /** @type {WeakMap<Net, { key: string, answer: Answer }>} */
  const last = new WeakMap();
  return (state) => {
    const key = JSON.stringify({ ...state, net: null });
    const known = last.get(state.net);
    if (known?.key === key) return known.answer;
    const answer = make(state);
    last.set(state.net, { key, answer });
    return answer;
  };
};

/** The picture at the state's part of the way. */
export const present = kept((/** @type {State} */ state) => pictured(state, state.alpha));

const walked = kept((/** @type {State} */ state) => {
  const pictures = range(0, 1, STEPS + 1).map((alpha) => pictured(state, alpha));
  const change = pictures.slice(1).map((picture, i) => {
    const before = pictures[i];
    const squares = picture.reduce((sum, value, j) => sum + (value - before[j]) ** 2, 0);
    return STEPS * Math.sqrt(squares / picture.length);
  });
  return { pictures, change };
});

/**
 * The pictures along the walk, and how fast each piece of it changes them; the same wherever on it the state is.
 * @type {(state: State) => { pictures: Float64Array[], change: number[] }}
 */
export const walk = (state) => walked({ ...state, alpha: 0 });

/**
 * The piece of the walk that holds this part of the way.
 * @type {(alpha: number) => number}
 */
export const piece = (alpha) => Math.min(Math.floor(alpha * STEPS), STEPS - 1);

/**
 * The length of z, the picture's mean and three of its pixels, and how fast it changes.
 * @param {State} state
 */
export const numbers = (state) => {
  const picture = present(state);
  const [, height, width] = state.net.shape;
  const pixel = (/** @type {number} */ row) => picture[Math.floor((height * row) / 4) * width + Math.floor(width / 2)];
  return {
    length: size(state, state.alpha),
    mean: picture.reduce((sum, value) => sum + value) / picture.length,
    pixel_1: pixel(1),
    pixel_2: pixel(2),
    pixel_3: pixel(3),
    change: walk(state).change[piece(state.alpha)],
  };
};
