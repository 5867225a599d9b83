/** The explorers' one generator of random numbers; `normals` in packing.py draws the same ones. */

/**
 * @typedef {object} Chance A stream of random numbers.
 * @property {() => number} uniform the next number from [0, 1)
 * @property {(count: number) => Float64Array} normals the next so many draws from N(0, 1)
 */

/**
 * The stream that belongs to a seed, a whole number: Mulberry32 for uniform numbers, Box and Muller's transform of them.
 * @type {(seed: number) => Chance}
 */
export const chance = (seed) => {
  let state = seed;
  const uniform = () => {
    state = (state + 0x6d2b79f5) | 0;
    let mixed = Math.imul(state ^ (state >>> 15), state | 1);
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61);
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32;
  };
  const normal = () => Math.sqrt(-2 * Math.log(1 - uniform())) * Math.cos(2 * Math.PI * uniform());
  return { uniform, normals: (count) => Float64Array.from({ length: count }, normal) };
};

/**
 * A seed for `chance` that is far from those which the neighbours of a small whole number get.
 * @type {(number: number) => number}
 */
export const scattered = (number) => (number * 0x9e3779b9 + 1) | 0;
