/** The data, equally likely Gaussians brought to unit scale, and how well samples cover them. */

/** @import { Chance } from "../kit/random.js" */

import { range } from "../kit/numbers.js";

/**
 * @typedef {object} Mixture
 * @property {number[][]} means
 * @property {number} sd
 * @property {number} scale what means and sd were divided by
 *
 * @typedef {keyof typeof KINDS} DataName
 * @typedef {{ modes: number, of: number, share: number }} Coverage Modes covered, of how many, by what share of the samples.
 */

/** @type {(n: number, turns: number, radius: (part: number) => number) => number[][]} */
const circle = (n, turns, radius) =>
  Array.from({ length: n }, (_, i) => {
    const angle = (2 * Math.PI * turns * i) / n;
    return [radius(i / n) * Math.cos(angle), radius(i / n) * Math.sin(angle)];
  });

const square = (/** @type {number} */ side) => {
  const line = range(1 - side, side - 1, side);
  return line.flatMap((x) => line.map((y) => [x, y]));
};

const KINDS = {
  ring: { modes: circle(8, 1, () => 1), sd: 0.05 },
  two: { modes: [-1, 1].map((x) => [x, 0]), sd: 0.1 },
  spiral: { modes: circle(24, 1.5, (t) => 0.2 + t), sd: 0.05 },
  grid9: { modes: square(3), sd: 0.1 },
  grid: { modes: square(5), sd: 0.1 },
};

/**
 * The mixture of that name.
 * @type {(name: DataName) => Mixture}
 */
export const mixture = (name) => {
  const { modes, sd } = KINDS[name];
  const middle = [0, 1].map((j) => modes.reduce((sum, mode) => sum + mode[j], 0) / modes.length);
  const squares = modes.reduce((sum, [x, y]) => sum + (x - middle[0]) ** 2 + (y - middle[1]) ** 2, 0);
  const scale = Math.sqrt(squares / modes.length / 2 + sd * sd);
  return { means: modes.map((mode) => mode.map((at) => at / scale)), sd: sd / scale, scale };
};

/**
 * So many points of the mixture, x and y in turn.
 * @type {(mixture: Mixture, n: number, chance: Chance) => Float64Array}
 */
export const sample = ({ means, sd }, n, { uniform, normals }) => {
  const points = normals(2 * n);
  for (let i = 0; i < n; i++) {
    const mode = means[Math.floor(uniform() * means.length)];
    for (const j of [0, 1]) points[2 * i + j] = mode[j] + sd * points[2 * i + j];
  }
  return points;
};

/**
 * The measures of coverage: samples within three standard deviations of a mode, and modes with at least 20 in 2,500 of them.
 * @type {(points: Float64Array, mixture: Mixture) => Coverage}
 */
export const coverage = (points, { means, sd }) => {
  const counts = means.map(() => 0);
  const n = points.length / 2;
  for (let i = 0; i < n; i++) {
    const near = means.findIndex(([a, b]) => (points[2 * i] - a) ** 2 + (points[2 * i + 1] - b) ** 2 <= 9 * sd * sd);
    if (near >= 0) counts[near] += 1;
  }
  const modes = counts.filter((found) => found >= (20 / 2500) * n).length;
  return { modes, of: means.length, share: counts.reduce((a, b) => a + b) / n };
};
