/** The names of what can be chosen, and the picture in words. */

/** @import { DataName } from "./data.js" */
/** @import { Settings } from "./engine.js" */
/** @import { GameName } from "./games.js" */
/** @import { Session } from "./session.js" */

import { shown } from "../kit/numbers.js";

/**
 * What the reader calls each loss.
 * @type {Record<GameName, string>}
 */
export const LOSSES = {
  non_saturating: "non-saturating",
  minimax: "minimax",
  least_squares: "least squares",
  hinge: "hinge",
  wasserstein: "Wasserstein",
  relativistic: "relativistic (pairs)",
};
/**
 * What the reader calls each distribution of the data.
 * @type {Record<DataName, string>}
 */
export const DATA = {
  ring: "ring of 8",
  grid9: "grid of 9",
  grid: "grid of 25",
  two: "two Gaussians",
  spiral: "spiral of 24 pieces",
};
/**
 * What steers the training, and how the curves call it.
 * @type {{ name: keyof Settings, symbol: string }[]}
 */
export const SETTINGS = [
  { name: "data", symbol: "data" },
  { name: "loss", symbol: "loss" },
  { name: "gamma", symbol: "γ" },
  { name: "d_rate", symbol: "η_D" },
  { name: "g_rate", symbol: "η_G" },
  { name: "momentum", symbol: "β₁" },
];

const brief = (/** @type {number} */ value) =>
  Math.abs(value) < 1000 ? shown(value, 2) : value.toExponential(1).replace("-", "−");

/**
 * A whole number with its thousands set apart.
 * @type {(n: number) => string}
 */
export const grouped = (n) => n.toLocaleString("en");

/**
 * A number as a setting is shown: two digits that count.
 * @type {(value: number) => string}
 */
export const twoDigits = (value) => String(Number(value.toPrecision(2)));

/**
 * A setting's value: a number, or the name of a loss or of data.
 * @type {(value: Settings[keyof Settings]) => string}
 */
export const settingInWords = (value) => {
  if (typeof value === "number") return twoDigits(value);
  return { ...LOSSES, ...DATA }[value];
};

/**
 * The picture in words.
 * @type {(session: Pick<Session, "seen" | "from">, settings: Settings) => string}
 */
export const tell = ({ seen, from }, { data, loss, gamma, d_rate, g_rate, momentum }) => {
  const at = grouped(seen.step);
  if (!seen.finite) {
    return `At step ${at} a loss ran away, beyond 10¹²: training has stopped. Press Reset, then lower a rate or turn up γ.`;
  }
  const [d, g] = seen.losses.map(brief);
  const penalty = gamma > 0 ? `R1 with γ = ${twoDigits(gamma)}` : "no penalty";
  return (
    `${at} ${seen.step === 1 ? "step" : "steps"} from ${from}: ${seen.modes} of ${seen.of} modes covered, ` +
    `${shown(100 * seen.share, 0)} % of the fakes of high quality; the discriminator's loss is ${d}, the generator's ${g}. ` +
    `Data: ${DATA[data]}; loss: ${LOSSES[loss]}; ${penalty}; ` +
    `η = ${twoDigits(d_rate)} (D) and ${twoDigits(g_rate)} (G); β₁ = ${twoDigits(momentum)}.`
  );
};
