/** Two histograms, the cheapest plan that moves one onto the other, and three distances between them. */

/**
 * @typedef {object} State
 * @property {number[]} p heights of the data's bars
 * @property {number[]} q heights of the generator's bars
 * @property {number} shift of q, in bins
 * @property {string} bar the chosen bar, as in "p3"
 *
 * @typedef {"p" | "q"} Name Which of the two histograms.
 * @typedef {[from: number, to: number, mass: number]} Move
 */

/** Bins of a histogram. */
export const BINS = 8;
/** Bins of the line on which both stand, q at any shift. */
export const PLACES = 2 * BINS;

/**
 * The sum of some numbers.
 * @type {(values: number[]) => number}
 */
export const total = (values) => values.reduce((sum, value) => sum + value, 0);

/**
 * The masses that bars of these heights stand for: they sum to 1.
 * @type {(heights: number[]) => number[]}
 */
export const masses = (heights) => heights.map((height) => height / total(heights));

/**
 * A histogram's masses on the whole line.
 * @type {(heights: number[], shift: number) => number[]}
 */
const placed = (heights, shift) => {
  const mass = masses(heights);
  return Array.from({ length: PLACES }, (_, i) => mass[i - shift] ?? 0);
};

/**
 * The plan that keeps the order, from left to right: on a line no plan is cheaper.
 * @type {(state: Pick<State, "p" | "q" | "shift">) => Move[]}
 */
export const plan = ({ p, q, shift }) => {
  const here = placed(p, 0);
  const there = placed(q, shift);
  /** @type {Move[]} */
  const moves = [];
  let i = 0;
  let j = 0;
  let left = here[0];
  let room = there[0];
  while (i < PLACES && j < PLACES) {
    const mass = Math.min(left, room);
    if (mass > 1e-12) moves.push([i, j, mass]);
    if (left < room) {
      room -= left;
      i += 1;
      left = here[i];
    } else {
      left -= room;
      j += 1;
      room = there[j];
    }
  }
  return moves;
};

const xlogx = (/** @type {number} */ mass) => (mass > 0 ? mass * Math.log(mass) : 0);

/**
 * The distances: W₁ is the bill of the plan; ganlib computes it from the distribution functions.
 * @param {Pick<State, "p" | "q" | "shift">} state
 */
export const numbers = ({ p, q, shift }) => {
  const here = placed(p, 0);
  const there = placed(q, shift);
  const mixed = here.map((mass, i) => (mass + there[i]) / 2);
  return {
    w1: total(plan({ p, q, shift }).map(([i, j, mass]) => mass * Math.abs(i - j))),
    jsd: total(mixed.map((mass, i) => (xlogx(here[i]) + xlogx(there[i])) / 2 - xlogx(mass))),
    tv: total(here.map((mass, i) => Math.abs(mass - there[i]))) / 2,
  };
};

/**
 * One bar set to a mass: the others share the rest as before, or evenly where they had nothing.
 * @type {(heights: number[], bin: number, mass: number) => number[]}
 */
export const withBar = (heights, bin, mass) => {
  const before = masses(heights);
  const others = total(before.filter((_, i) => i !== bin));
  return before.map((each, i) => (i === bin ? mass : (1 - mass) * (others > 0 ? each / others : 1 / (BINS - 1))));
};

/**
 * Whether two histograms have the same masses.
 * @type {(a: number[], b: number[]) => boolean}
 */
export const same = (a, b) => masses(a).every((mass, i) => Math.abs(mass - masses(b)[i]) < 1e-9);
