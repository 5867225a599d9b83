/** Controls: each is native, labelled, and two-way bound to entries of the model. */

/** @import { Model } from "./model.js" */

import { element } from "./dom.js";
import { follow, put } from "./model.js";
import { shown } from "./numbers.js";

/**
 * @typedef {{ node: Node, stop: () => void }} Control What stands in the page, and how to let go of the model.
 * @typedef {(model: Model) => Control} Maker A control yet to be bound to a model.
 *
 * @typedef {object} Scale How a slider shows a value.
 * @property {string} label
 * @property {number} min
 * @property {number} max
 * @property {number} step
 * @property {number} [digits] decimals of the value that is shown
 * @property {(value: number) => string} [show] the value in words, instead of its digits
 * @property {(value: number) => number} [at] the handle's place for a value
 * @property {(place: number) => number} [from] the value for a handle's place
 *
 * @typedef {object} Reading What a slider reads and sets where that is more than one entry of the model.
 * @property {(model: Model) => number} read
 * @property {(model: Model, value: number) => void} write
 * @property {(model: Model) => string} [called] names the slider anew each time
 */

/**
 * A label around the parts of a control.
 * @type {(label: string, ...parts: Node[]) => HTMLLabelElement}
 */
export const control = (label, ...parts) =>
  element("label", { class: "control" }, element("span", {}, label), ...parts);

/**
 * A slider for a number that is computed from the entries `names`.
 * @type {(names: string[], settings: Scale & Reading) => Maker}
 */
export const gauge = (names, settings) => (model) => {
  const { label, min, max, step, read, write, called, digits = 2 } = settings;
  const { show = (value) => shown(value, digits), at = (value) => value, from = (place) => place } = settings;
  const output = element("span", { class: "value", "aria-hidden": "true" }); // an <output> would take the label from the slider
  /** @type {() => void} */
  const moved = () => write(model, from(Number(input.value)));
  const input = element("input", { type: "range", min, max, step, oninput: moved });
  const stop = follow(model, names, () => {
    const value = read(model);
    input.value = String(at(value));
    output.textContent = show(value);
    input.setAttribute("aria-valuetext", show(value));
    if (called) input.setAttribute("aria-label", called(model));
  });
  return { node: control(label, output, input), stop };
};

/**
 * A slider for one entry of the model.
 * @type {(name: string, settings: Scale) => Maker}
 */
export const slider = (name, settings) =>
  gauge([name], {
    ...settings,
    read: (model) => model.get(name),
    write: (model, value) => put(model, { [name]: value }),
  });

/**
 * A list of which one is chosen: `options` maps the entry's values to what the reader sees.
 * @type {(name: string, settings: { label: string, options: Record<string, string> }) => Maker}
 */
export const choice =
  (name, { label, options }) =>
  (model) => {
    const list = Object.entries(options).map(([value, text]) => element("option", { value }, text));
    const chosen = () => put(model, { [name]: input.value });
    /** @type {HTMLSelectElement} */
    const input = element("select", { onchange: chosen }, ...list);
    const stop = follow(model, [name], () => {
      input.value = model.get(name);
    });
    return { node: control(label, input), stop };
  };

/**
 * A box to tick, for an entry that is true or false.
 * @type {(name: string, settings: { label: string }) => Maker}
 */
export const tick =
  (name, { label }) =>
  (model) => {
    const ticked = () => put(model, { [name]: input.checked });
    /** @type {HTMLInputElement} */
    const input = element("input", { type: "checkbox", onchange: ticked });
    const stop = follow(model, [name], () => {
      input.checked = model.get(name);
    });
    return { node: element("label", { class: "control tick" }, input, element("span", {}, label)), stop };
  };

/**
 * A button that does something when it is pressed.
 * @type {(label: string, act: () => void) => () => { node: HTMLButtonElement, stop: () => void }}
 */
export const button = (label, act) => () => ({
  node: element("button", { type: "button", onclick: act }, label),
  stop() {},
});
