/** Buttons that move `steps`: Play runs on from where it stands, or anew once the run is over, and Step adds one. */

/** @import { Control } from "../kit/controls.js" */
/** @import { Model } from "../kit/model.js" */

import { element } from "../kit/dom.js";
import { clamp } from "../kit/numbers.js";
import { LAST } from "./dynamics.js";

const CALM = 500; // milliseconds between two pictures for a reader who wants little motion

/**
 * Both buttons. Whoever moves `steps` meanwhile, by the slider, by Reset or from the kernel, ends the playing.
 * @type {(model: Model) => Control}
 */
export const player = (model) => {
  const calm = window.matchMedia("(prefers-reduced-motion: reduce)");
  let asked = 0;
  let before = 0;
  let place = 0;
  let written = 0;
  const set = (/** @type {number} */ steps) => {
    written = steps;
    model.set("steps", steps);
  };
  const halt = () => {
    cancelAnimationFrame(asked);
    asked = 0;
    play.textContent = "Play";
  };
  const settle = (/** @type {number} */ steps) => {
    halt();
    set(steps);
    model.save_changes();
  };
  const frame = (/** @type {number} */ now) => {
    if (model.get("steps") !== written) return halt();
    asked = requestAnimationFrame(frame);
    if (calm.matches && now - before < CALM) return; // no glide: twice a second the next whole steps
    const pace = clamp(5 / model.get("eta"), 4, 60); // steps a second: a turn takes seconds at every step size
    place = Math.min(LAST, place + (clamp(now - before, 0, 600) / 1000) * pace);
    before = now;
    if (place === LAST) settle(LAST);
    else set(calm.matches ? Math.floor(place) : place);
  };
  const toggle = () => {
    if (asked) return settle(Math.floor(place));
    place = Math.floor(model.get("steps")) % LAST;
    set(place);
    before = performance.now();
    asked = requestAnimationFrame(frame);
    play.textContent = "Pause";
  };
  const one = () => settle(Math.min(LAST, Math.floor(model.get("steps")) + 1));
  /** @type {HTMLButtonElement} */
  const play = element("button", { type: "button", onclick: toggle }, "Play");
  const node = element("div", {}, play, element("button", { type: "button", onclick: one }, "Step"));
  Object.assign(node.style, { display: "grid", gap: "0.7rem", gridTemplateColumns: "1fr 1fr" });
  return { node, stop: halt };
};
