/** The Dirac-GAN, step by step. */

/** @import { Place } from "./kit/dragging.js" */
/** @import { Parts } from "./kit/explorer.js" */
/** @import { State } from "./dirac/dynamics.js" */

import { layout, paint, REACH } from "./dirac/drawing.js";
import { LAST, numbers } from "./dirac/dynamics.js";
import { player } from "./dirac/player.js";
import { tell } from "./dirac/words.js";
import { choice, slider } from "./kit/controls.js";
import { dragging } from "./kit/dragging.js";
import { explorer } from "./kit/explorer.js";
import { put } from "./kit/model.js";
import { clamp, shown } from "./kit/numbers.js";

export { numbers };

/** @type {(keyof State)[]} */
const NAMES = ["game", "rule", "theta", "phi", "eta", "gamma", "steps"];

/**
 * Let a sentence that grew by a line keep its room, so that the controls below it stay where they are.
 * @type {(node: HTMLElement) => () => void}
 */
const steady = (node) => {
  let wide = 0;
  const seen = new ResizeObserver(() => {
    if (node.clientWidth !== wide) node.style.minHeight = "";
    wide = node.clientWidth;
    node.style.minHeight = `${node.offsetHeight}px`;
  });
  seen.observe(node);
  return () => seen.disconnect();
};

/**
 * The start follows a mouse, a finger that takes hold of it, and a tap anywhere in the plane.
 * @type {(parts: Parts) => () => void}
 */
const attach = ({ canvas, model, sentence }) => {
  const loose = steady(sentence);
  /** @type {(place: Place) => [number, number]} */
  const at = ([x, y]) => {
    const { left, top, side } = layout(canvas.clientWidth).plane;
    return [((x - left) / side - 0.5) * 2 * REACH, (0.5 - (y - top) / side) * 2 * REACH];
  };
  const inside = (/** @type {Place} */ place) => at(place).every((x) => Math.abs(x) <= REACH);
  const near = (/** @type {Place} */ place) => {
    const [theta, phi] = at(place);
    const unit = layout(canvas.clientWidth).plane.side / (2 * REACH);
    return unit * Math.hypot(theta - model.get("theta"), phi - model.get("phi")) < 26;
  };
  const start = (/** @type {Place} */ place) => {
    const [theta, phi] = at(place).map((x) => clamp(Math.round(x * 20) / 20, -2, 2));
    put(model, { theta, phi });
  };
  const undo = dragging(canvas, {
    take(place, { pointerType }) {
      const mouse = pointerType === "mouse";
      const held = mouse ? inside(place) : near(place);
      if (held && mouse) start(place);
      return held;
    },
    move: (_, place) => start(place),
    cursor: (place) => (inside(place) ? "crosshair" : "default"),
    hold: near,
  });
  const tapped = (/** @type {MouseEvent} */ { offsetX, offsetY }) => {
    if (inside([offsetX, offsetY])) start([offsetX, offsetY]);
  };
  canvas.addEventListener("click", tapped);
  return () => {
    loose();
    undo();
    canvas.removeEventListener("click", tapped);
  };
};

const LOSSES = { minimax: "minimax", non_saturating: "non-saturating", wasserstein: "Wasserstein" };
const ORDERS = {
  simultaneous: "simultaneous",
  alternating: "alternating, D first",
  generator_first: "alternating, G first",
  extragradient: "extragradient",
};
const whole = (/** @type {number} */ steps) => shown(Math.floor(steps), 0);

export default explorer({
  title: "The Dirac-GAN, step by step",
  names: NAMES,
  controls: [
    choice("game", { label: "losses", options: LOSSES }),
    choice("rule", { label: "order of the updates", options: ORDERS }),
    slider("eta", { label: "step size η", min: 0.05, max: 4.5, step: 0.05 }),
    slider("gamma", { label: "weight γ of R1", min: 0, max: 2.5, step: 0.05 }),
    slider("theta", { label: "θ at the start", min: -2, max: 2, step: 0.05 }),
    slider("phi", { label: "φ at the start", min: -2, max: 2, step: 0.05 }),
    slider("steps", { label: "steps", min: 0, max: LAST, step: 1, show: whole }),
    player,
  ],
  height: (width) => layout(width).height,
  paint,
  tell,
  attach,
});
