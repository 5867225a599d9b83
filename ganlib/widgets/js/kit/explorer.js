/** The whole of an explorer: a canvas, controls, and a sentence that tells the picture in words. */

/** @import { Height, Tools } from "./canvas.js" */
/** @import { Maker } from "./controls.js" */
/** @import { Model } from "./model.js" */

import { stage } from "./canvas.js";
import { button } from "./controls.js";
import { element } from "./dom.js";
import { entries, listen, put } from "./model.js";

const PAUSE = 700; // milliseconds of rest after which a screen reader is told

/**
 * @typedef {object} Parts What `attach` may hold on to.
 * @property {HTMLCanvasElement} canvas
 * @property {Model} model
 * @property {() => void} redraw
 * @property {HTMLElement} root
 * @property {HTMLElement} sentence the picture in words
 * @property {(rests?: () => boolean) => void} announce says the sentence to screen readers after a pause, if it `rests`
 */

/**
 * @template State
 * @typedef {object} Settings What an explorer is made of.
 * @property {string} title
 * @property {(keyof State & string)[]} names the entries of the model that it shows
 * @property {Maker[]} controls
 * @property {Height} height of the canvas
 * @property {(tools: Tools, state: State) => void} paint draws the state
 * @property {(state: State) => string} tell the picture in one or two sentences
 * @property {() => void} [reset] what Reset does besides taking the entries back
 * @property {(parts: Parts) => () => void} [attach] more than controls, such as dragging; returns what undoes it
 */

/**
 * An explorer as anywidget takes it: an object whose `render` puts it into an element.
 * @template State
 * @param {Settings<State>} settings
 * @returns {{ render: (place: { model: Model, el: HTMLElement }) => () => void }}
 */
export const explorer = ({ title, names, controls, height, paint, tell, reset, attach }) => ({
  render({ model, el }) {
    /** @type {() => State} */
    const state = () => entries(model, names);
    const first = structuredClone(state());
    const root = element("div", { class: "ganlib-explorer", role: "group", "aria-label": title });
    const sentence = element("p", { class: "tell" });
    const spoken = element("p", { class: "spoken", role: "status" });
    let pause = 0;
    el.append(root);
    const drawn = stage(root, { height, label: title, paint: (tools) => paint(tools, state()) });
    const announce = (rests = () => true) => {
      clearTimeout(pause);
      pause = window.setTimeout(() => {
        if (rests() && spoken.textContent !== sentence.textContent) spoken.textContent = sentence.textContent;
      }, PAUSE);
    };
    const update = () => {
      sentence.textContent = tell(state());
      announce();
      drawn.redraw();
    };
    const back = () => {
      put(model, /** @type {Record<string, unknown>} */ (structuredClone(first)));
      reset?.();
    };
    const made = [...controls, button("Reset", back)].map((maker) => maker(model));
    const panel = element("div", { class: "controls" }, ...made.map((control) => control.node));
    root.append(element("p", { class: "title", "aria-hidden": "true" }, title), drawn.canvas, sentence, panel, spoken);
    const deaf = listen(model, names, update);
    const detach = attach?.({ canvas: drawn.canvas, model, redraw: drawn.redraw, root, sentence, announce });
    update();
    clearTimeout(pause); // what a page shows at first is not announced
    return () => {
      clearTimeout(pause);
      drawn.stop();
      detach?.();
      for (const control of made) control.stop();
      deaf();
      root.remove();
    };
  },
});
