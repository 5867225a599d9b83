/** The cheapest way to move one histogram onto another, with bars to drag. */

/** @import { Maker } from "./kit/controls.js" */
/** @import { Place } from "./kit/dragging.js" */
/** @import { Parts } from "./kit/explorer.js" */
/** @import { Model } from "./kit/model.js" */
/** @import { Name, State } from "./transport/plan.js" */

import { choice, control, gauge, slider } from "./kit/controls.js";
import { element } from "./kit/dom.js";
import { dragging } from "./kit/dragging.js";
import { explorer } from "./kit/explorer.js";
import { entries, follow, put } from "./kit/model.js";
import { clamp, shown } from "./kit/numbers.js";
import { paint } from "./transport/drawing.js";
import { layout, STRIP, scale, TALL } from "./transport/layout.js";
import { BINS, masses, numbers, PLACES, same, withBar } from "./transport/plan.js";

export { numbers };

const REACH = 24; // how near to its bar's top a drag may start
const MOST = 0.99; // of a bar: the others keep their proportions in what is left

const DATA = [4, 5, 2, 0, 1, 2, 4, 2];
const MODEL = [0, 1, 3, 5, 6, 4, 1, 0];
const HUMP = [0, 1, 3, 2, 1, 0, 0, 0];
const POINT = [1, 0, 0, 0, 0, 0, 0, 0];
const PRESETS = [
  { value: "overlapping", words: "overlapping", p: DATA, q: MODEL, shift: 0 },
  { value: "equal", words: "equal", p: DATA, q: DATA, shift: 0 },
  { value: "moved", words: "moved by one bin", p: DATA, q: DATA, shift: 1 },
  { value: "far", words: "far apart", p: HUMP, q: HUMP, shift: 8 },
  { value: "points", words: "two points", p: POINT, q: POINT, shift: 3 },
];
/** @type {Name[]} */
const HISTOGRAMS = ["p", "q"];

/** @type {(state: State) => string} */
const tell = (state) => {
  const { w1, jsd, tv } = numbers(state);
  const common = 1 - tv;
  const touch =
    common > 1e-9
      ? `: ${shown(common, 3)} of the mass is common to both, bin by bin`
      : ", the most there is: no bin holds mass of both";
  return (
    `By the cheapest plan a unit of mass travels ${shown(w1, 3)} bins on average: that is W₁. ` +
    `JSD\u00a0=\u00a0${shown(jsd, 3)} nats and TV\u00a0=\u00a0${shown(tv, 3)}${touch}.`
  );
};

/**
 * The presets, one of which may be what is shown.
 * @type {Maker}
 */
const preset = (model) => {
  const options = PRESETS.map(({ value, words }) => element("option", { value }, words));
  const own = element("option", { value: "", disabled: true }, "your own");
  const chosen = () => {
    const found = PRESETS.find(({ value }) => value === input.value);
    if (found) put(model, { p: [...found.p], q: [...found.q], shift: found.shift });
  };
  /** @type {HTMLSelectElement} */
  const input = element("select", { onchange: chosen }, ...options, own);
  const stop = follow(model, ["p", "q", "shift"], () => {
    /** @type {State} */
    const { p, q, shift } = entries(model, ["p", "q", "shift"]);
    const found = PRESETS.find((it) => same(p, it.p) && same(q, it.q) && shift === it.shift);
    input.value = found?.value ?? "";
  });
  return { node: control("histograms", input), stop };
};

/** @type {(model: Model) => { name: Name, bin: number }} */
const chosen = (model) => ({ name: model.get("bar")[0], bin: Number(model.get("bar")[1]) });

/** The mass of the chosen bar. */
const height = gauge(["p", "q", "bar"], {
  label: "its mass",
  min: 0,
  max: MOST,
  step: 0.01,
  read(model) {
    const { name, bin } = chosen(model);
    return masses(model.get(name))[bin];
  },
  write(model, mass) {
    const { name, bin } = chosen(model);
    put(model, { [name]: withBar(model.get(name), bin, mass) });
  },
  called(model) {
    const { name, bin } = chosen(model);
    return `its mass: bar ${bin} of ${name}`;
  },
});

/**
 * A bar follows the pointer from wherever near its top it is taken. A finger elsewhere scrolls the page.
 * @type {(parts: Parts) => () => void}
 */
const attach = ({ canvas, model }) => {
  const under = (/** @type {Place} */ [x, y]) => {
    const here = layout(canvas.clientWidth);
    /** @type {State} */
    const now = entries(model, ["p", "q", "shift"]);
    const top = scale(now);
    for (const name of HISTOGRAMS) {
      const where = here[name];
      const down = y - where.top;
      const bin = Math.floor(((x - where.left) * PLACES) / where.width) - (name === "q" ? now.shift : 0);
      const up = name === "p" ? TALL - down : down; // pixels from the bar's foot
      const mass = masses(now[name])[bin];
      const near = mass !== undefined && up > -STRIP && up < (mass / top) * TALL + REACH;
      if (near) return { name, bin, mass, top, heights: now[name], from: y };
    }
    return null;
  };
  return dragging(canvas, {
    take(place) {
      const found = under(place);
      if (found) put(model, { bar: found.name + found.bin });
      return found;
    },
    // by the scale of the start: the bar moves evenly where the axis changes
    move({ name, bin, mass, top, heights, from }, [, y]) {
      const up = (name === "p" ? from - y : y - from) / TALL;
      put(model, { [name]: withBar(heights, bin, clamp(mass + up * top, 0, MOST)) });
    },
    cursor: (place, held) => (held || under(place) ? "ns-resize" : "default"),
    hold: under,
  });
};

const bars = HISTOGRAMS.flatMap((name) => DATA.map((_, bin) => [name + bin, `bar ${bin} of ${name}`]));

export default explorer({
  title: "The cheapest way to move one histogram onto another",
  names: ["p", "q", "shift", "bar"],
  controls: [
    slider("shift", { label: "shift q by (bins)", min: 0, max: BINS, step: 1, digits: 0 }),
    choice("bar", { label: "bar to set (or drag one)", options: Object.fromEntries(bars) }),
    height,
    preset,
  ],
  height: (width) => layout(width).height,
  paint,
  tell,
  attach,
});
