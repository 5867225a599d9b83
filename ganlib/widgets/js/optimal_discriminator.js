/** The best discriminator of a generator that the reader moves onto the data, and what it is worth. */

/** @import { Place } from "./kit/dragging.js" */
/** @import { Parts } from "./kit/explorer.js" */
/** @import { State } from "./optimal_discriminator/payoff.js" */

import { scales } from "./kit/chart.js";
import { slider } from "./kit/controls.js";
import { dragging } from "./kit/dragging.js";
import { explorer } from "./kit/explorer.js";
import { entries, put } from "./kit/model.js";
import { clamp, shown } from "./kit/numbers.js";
import { height, paint, places } from "./optimal_discriminator/drawing.js";
import { numbers, peak } from "./optimal_discriminator/payoff.js";

export { numbers };

/**
 * @typedef {object} Handle What can be seized.
 * @property {Place} at where it is drawn
 * @property {(x: number, y: number) => Partial<State>} drag what the state becomes when it is dragged to a place
 */

const REACH = 26; // pixels within which a handle can be seized
const LIMITS = {
  theta: { min: -5, max: 5, step: 0.1, digits: 1 },
  sd: { min: 0.4, max: 2.5, step: 0.05 },
  place: { min: -5, max: 5, step: 0.1, digits: 1 },
  steepness: { min: -4, max: 4, step: 0.1, digits: 1 },
};
const NAMES = /** @type {(keyof State)[]} */ (Object.keys(LIMITS));

/** @type {(state: State) => string} */
const tell = (state) => {
  const { jsd, value, own_value } = numbers(state);
  const same = state.theta === 0 && state.sd === 1;
  const lost = value - own_value;
  const best = same
    ? `q = p: the best discriminator is a coin, D* = ½ everywhere, with V(D*) = −log 4 = ${shown(value, 4)}, the least of all.`
    : `JSD(p, q) = ${shown(jsd, 4)} nats, so the best discriminator has V(D*) = 2 JSD − log 4 = ${shown(value, 4)}.`;
  return `${best} Yours has V(D) = ${shown(own_value, 4)}, ${lost < 5e-5 ? "as much as the best" : `which is ${shown(lost, 4)} less`}.`;
};

/** @type {(width: number, state: State) => Handle[]} */
const handles = (width, state) => {
  const { line, values } = places(width);
  const upper = scales(line);
  const lower = scales(values);
  return [
    {
      at: [upper.X(state.theta), upper.Y(peak(state.sd))],
      drag: (x, y) => ({ theta: upper.x(x), sd: peak(Math.max(upper.y(y), 0.01)) }),
    },
    { at: [upper.X(state.place), upper.Y(0.5)], drag: (x) => ({ place: upper.x(x) }) },
    { at: [lower.X(state.theta), lower.Y(numbers(state).value)], drag: (x) => ({ theta: lower.x(x) }) },
  ];
};

/** @type {(moved: Partial<State>) => Partial<State>} */
const onGrid = (moved) => {
  /** @type {Partial<State>} */
  const found = {};
  for (const name of NAMES) {
    const value = moved[name];
    const { min, max, step } = LIMITS[name];
    if (value !== undefined) found[name] = Number(clamp(Math.round(value / step) * step, min, max).toFixed(2));
  }
  return found;
};

/** @type {(parts: Parts) => () => void} */
const attach = ({ canvas, model }) => {
  /** @type {(place: Place) => Handle & { off: Place } | null} */
  const under = ([x, y]) => {
    const near = handles(canvas.clientWidth, entries(model, NAMES)).map(({ at, drag }) => {
      /** @type {Place} */
      const off = [at[0] - x, at[1] - y];
      return { at, drag, off };
    });
    const [nearest] = near.sort((a, b) => Math.hypot(...a.off) - Math.hypot(...b.off));
    return Math.hypot(...nearest.off) < REACH ? nearest : null;
  };
  return dragging(canvas, {
    take: under,
    move({ drag, off }, [x, y]) {
      put(model, onGrid(drag(x + off[0], y + off[1])));
    },
    cursor: (place, held) => (held ? "grabbing" : under(place) ? "grab" : "default"),
    hold: under,
  });
};

export default explorer({
  title: "Move the generator onto the data: what is the best discriminator worth?",
  names: NAMES,
  controls: [
    slider("theta", { label: "q: mean θ", ...LIMITS.theta }),
    slider("sd", { label: "q: standard deviation", ...LIMITS.sd }),
    slider("place", { label: "your D: place of its ½", ...LIMITS.place }),
    slider("steepness", { label: "your D: steepness", ...LIMITS.steepness }),
  ],
  height,
  paint,
  tell,
  attach,
});
