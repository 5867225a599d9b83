/** Where things stand: p grows up, q hangs down, the plan runs between them; the curves are beside, or below on a phone. */

/** @import { Box } from "../kit/chart.js" */
/** @import { State } from "./plan.js" */

import { masses, PLACES } from "./plan.js";

/**
 * @typedef {object} Layout
 * @property {Box} p
 * @property {Box} q
 * @property {Box} w1 the curve of W₁
 * @property {Box} rest the curves of the other distances
 * @property {number} height of the whole
 */

const WIDE = 600;

/** Height of a histogram. */
export const TALL = 88;
/** Height of the row of numbers beside a histogram. */
export const STRIP = 22;
/** Height of the room in which the plan is drawn. */
export const BETWEEN = 96;

/**
 * Whether the curves stand beside the histograms.
 * @type {(width: number) => boolean}
 */
export const isWide = (width) => width > WIDE;

/**
 * The places of all parts in a canvas of this width.
 * @type {(width: number) => Layout}
 */
export const layout = (width) => {
  const beside = isWide(width);
  const left = 44;
  const p = { left, top: beside ? 54 : 74, width: (beside ? width - 262 : width - 4) - left, height: TALL };
  const q = { ...p, top: p.top + TALL + 2 * STRIP + BETWEEN };
  const end = q.top + TALL + 22;
  const curve = beside ? { left: width - 188, width: 184, height: 92 } : { left, width: p.width, height: 84 };
  const w1 = { ...curve, top: beside ? 64 : end + 38 };
  const rest = { ...curve, top: w1.top + curve.height + (beside ? 90 : 66) };
  return { p, q, w1, rest, height: Math.max(end, rest.top + curve.height + 44) };
};

/**
 * The largest mass of a bar.
 * @type {(state: Pick<State, "p" | "q">) => number}
 */
export const peak = (state) => Math.max(...masses(state.p), ...masses(state.q));

/**
 * The mass that a histogram's full height stands for.
 * @type {(state: Pick<State, "p" | "q">) => number}
 */
export const scale = (state) => (peak(state) > 0.5 ? 1 : 0.5);

/**
 * A bar's left edge and width.
 * @type {(where: Box, at: number) => { x: number, wide: number }}
 */
export const column = ({ left, width }, at) => ({
  x: left + ((at + 0.14) * width) / PLACES,
  wide: (0.72 * width) / PLACES,
});
