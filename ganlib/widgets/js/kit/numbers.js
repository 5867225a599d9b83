/** Small functions of numbers that all explorers share. */

/**
 * The value, or the end of the interval that it lies beyond.
 * @type {(value: number, low: number, high: number) => number}
 */
export const clamp = (value, low, high) => Math.min(high, Math.max(low, value));

/**
 * `count` numbers from `low` to `high`, evenly spaced, both ends included.
 * @type {(low: number, high: number, count: number) => number[]}
 */
export const range = (low, high, count) =>
  Array.from({ length: count }, (_, i) => low + ((high - low) * i) / (count - 1));

/**
 * The probability that belongs to a logit, without overflow.
 * @type {(a: number) => number}
 */
export const sigmoid = (a) => (a >= 0 ? 1 / (1 + Math.exp(-a)) : Math.exp(a) / (1 + Math.exp(a)));

/**
 * log(1 + exp(a)), without overflow.
 * @type {(a: number) => number}
 */
export const softplus = (a) => Math.max(a, 0) + Math.log1p(Math.exp(-Math.abs(a)));

/**
 * A number as a reader sees it: so many decimals, a true minus sign, never "-0.00".
 * @type {(value: number, digits?: number) => string}
 */
export const shown = (value, digits = 2) => {
  if (!Number.isFinite(value)) return value > 0 ? "∞" : value < 0 ? "−∞" : "undefined";
  const text = value.toFixed(digits);
  return (Number(text) === 0 ? text.replace("-", "") : text).replace("-", "−");
};

/**
 * The smallest of 1, 2, 5 and 10 times a power of ten that is not below the value.
 * @type {(value: number) => number}
 */
export const roundedUp = (value) => {
  const power = 10 ** Math.floor(Math.log10(value));
  return power * ([1, 2, 5].find((factor) => factor * power >= value) ?? 10);
};
