/** A GAN in the plane, trained while you watch: its controls, its buttons, and what the tests ask of its engine. */

/** @import { Tools } from "./kit/canvas.js" */
/** @import { Box } from "./kit/chart.js" */
/** @import { Maker } from "./kit/controls.js" */
/** @import { Model } from "./kit/model.js" */
/** @import { Parts } from "./kit/explorer.js" */
/** @import { Square } from "./plane/drawing.js" */
/** @import { Network } from "./plane/network.js" */
/** @import { Settings, Shapes } from "./plane/engine.js" */

import { button, choice, slider, tick } from "./kit/controls.js";
import { element } from "./kit/dom.js";
import { explorer } from "./kit/explorer.js";
import { paintCurves } from "./plane/curves.js";
import { mixture } from "./plane/data.js";
import { paintKey, paintPlane } from "./plane/drawing.js";
import { players, step } from "./plane/engine.js";
import { outputs } from "./plane/network.js";
import { floats, session } from "./plane/session.js";
import { DATA, LOSSES, SETTINGS, tell, twoDigits } from "./plane/words.js";

/** @typedef {Settings & { layers: Shapes, weights: DataView, speed: string, arrows: boolean }} State */

const WIDE = 600;
const READABLE = 200; // milliseconds for which a sentence stands while the run plays
const SPEEDS = { full: "full speed", ten: "10 steps a second", one: "1 step a second" };

/**
 * The players after each batch was one step of training; a batch has rows of numbers.
 * @param {State} state
 * @param {{ real: number[][], z: number[][] }[]} batches
 */
export const train = (state, batches) => {
  const pair = players(state.layers, floats(state.weights));
  const losses = batches.map(({ real, z }) =>
    step(pair, state, Float64Array.from(real.flat()), Float64Array.from(z.flat())),
  );
  return { generator: [...pair.generator.params], discriminator: [...pair.discriminator.params], losses };
};

/**
 * Three points and three latents that the tests know, what the players make of them, and the same after a step on them.
 * @param {State} state
 */
export const numbers = (state) => {
  /** @type {Record<string, number>} */
  const found = {};
  /** @type {(columns: number) => Float64Array} */
  const fixed = (columns) =>
    Float64Array.from(
      { length: 3 * columns },
      (_, i) => 1.5 * Math.sin(1 + Math.floor(i / columns) + 2.7 * (i % columns)),
    );
  const real = fixed(2);
  const z = fixed(state.layers.generator.sizes[0]);
  const pair = players(state.layers, floats(state.weights));
  /** @type {(name: string, net: Network, x: Float64Array) => void} */
  const note = (name, net, x) => {
    for (const [i, value] of outputs(net, x).entries()) found[`${name} ${i}`] = value;
  };
  note("given logit", pair.discriminator, real);
  note("given image", pair.generator, z);
  const [d_loss, g_loss, price] = step(pair, state, real, z);
  note("moved logit", pair.discriminator, real);
  note("moved image", pair.generator, z);
  const { means, sd, scale } = mixture(state.data);
  return { ...found, d_loss, g_loss, price, modes: means.length, x: means[1][0], y: means[1][1], sd, scale };
};

/** @type {(width: number) => { plane: Square, curves: Box & { gap: number } }} */
const places = (width) => {
  const beside = width > WIDE;
  const side = beside ? Math.min(400, width - 300) : width - 34;
  const plane = { left: 26, top: 32, side };
  if (beside) return { plane, curves: { left: width - 226, top: 32, width: 216, height: 150, gap: 64 } };
  return { plane, curves: { left: 46, top: side + 124, width: width - 56, height: 120, gap: 64 } };
};

/** @type {(width: number) => number} */
const height = (width) => {
  const { plane, curves } = places(width);
  return Math.max(plane.top + plane.side + 50, curves.top + 2 * curves.height + curves.gap + 26);
};

/**
 * A slider whose handle moves by powers of ten, from 10^min to 10^max. With `off`, its left end is the value 0.
 * @type {(name: string, settings: { label: string, min: number, max: number, off?: boolean }) => Maker}
 */
const powers = (name, { label, min, max, off = false }) =>
  slider(name, {
    label,
    min,
    max,
    step: 0.05,
    show: (value) => (value > 0 ? twoDigits(value) : "0 (off)"),
    at: (value) => (value > 0 ? Math.log10(value) : min),
    from: (power) => (off && power <= min ? 0 : Number((10 ** power).toPrecision(2))),
  });

/**
 * One explorer of the GAN that a model holds: what anywidget's `render` shows, and the session behind it.
 * @param {Model} model
 */
const withSession = (model) => {
  const run = session(model);
  const ground = document.createElement("canvas");
  const press = element("button", { type: "button", onclick: run.toggle }, "Play");

  /** @type {(tools: Tools, state: State) => void} */
  const paint = (tools, { arrows }) => {
    const { plane, curves } = places(tools.width);
    const found = run.read();
    paintPlane(tools, found.seen, arrows, ground, plane);
    paintKey(tools, plane);
    paintCurves(tools, found, curves);
  };

  /** @type {(parts: Parts) => () => void} */
  const attach = ({ redraw, root, sentence, announce }) => {
    let said = 0;
    run.onChange(() => {
      const { playing } = run.read();
      const time = performance.now();
      press.textContent = playing ? "Pause" : "Play";
      redraw();
      if (playing && time - said < READABLE) return;
      said = time;
      sentence.textContent = tell(run.read(), run.settings());
      announce(() => !run.read().playing);
    });
    const sight = new IntersectionObserver((seen) => run.approach(seen[seen.length - 1].isIntersecting));
    sight.observe(root);
    return () => sight.disconnect();
  };

  /** @type {import("./kit/explorer.js").Settings<State>} */
  const settings = {
    title: "A GAN in the plane, trained while you watch",
    names: [...SETTINGS.map(({ name }) => name), "speed", "arrows"],
    controls: [
      () => ({ node: press, stop() {} }),
      button("One step", run.step),
      choice("speed", { label: "Speed", options: SPEEDS }),
      choice("data", { label: "Data", options: DATA }),
      choice("loss", { label: "Loss", options: LOSSES }),
      powers("gamma", { label: "Weight γ of R1", min: -3.05, max: 1, off: true }),
      powers("d_rate", { label: "Learning rate η of D", min: -5, max: -1 }),
      powers("g_rate", { label: "Learning rate η of G", min: -5, max: -1 }),
      slider("momentum", { label: "Momentum β₁ of Adam", min: 0, max: 0.9, step: 0.1, digits: 1 }),
      tick("arrows", { label: "D's push on each fake" }),
      button("New random weights", run.restart),
    ],
    height,
    paint,
    tell: (state) => tell(run.read(), state),
    reset: run.reset,
    attach,
  };
  return { run, shows: explorer(settings) };
};

/** @type {ReturnType<typeof explorer>} */
export default {
  render({ model, el }) {
    const { run, shows } = withSession(model);
    const stop = shows.render({ model, el });
    return () => {
      run.stop();
      stop();
    };
  },
};
