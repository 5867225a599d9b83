/** The state that Python and the page share. */

/**
 * @typedef {object} Model anywidget's model, or the one that explorers_host.js makes where no kernel runs.
 * @property {(name: string) => any} get an entry; Python decides of which type
 * @property {(name: string, value: unknown) => void} set
 * @property {() => void} save_changes
 * @property {(event: string, listener: () => void) => void} on
 * @property {(event: string, listener: () => void) => void} off
 */

/**
 * Some entries of the model by name.
 * @type {(model: Model, names: readonly string[]) => any}
 */
export const entries = (model, names) => Object.fromEntries(names.map((name) => [name, model.get(name)]));

/**
 * Set entries of the model, and send them to the kernel together.
 * @type {(model: Model, values: Record<string, unknown>) => void}
 */
export const put = (model, values) => {
  for (const [name, value] of Object.entries(values)) model.set(name, value);
  model.save_changes();
};

/**
 * Run `update` whenever one of the entries `names` has changed; the function returned ends that.
 * @type {(model: Model, names: readonly string[], update: () => void) => () => void}
 */
export const listen = (model, names, update) => {
  for (const name of names) model.on(`change:${name}`, update);
  return () => {
    for (const name of names) model.off(`change:${name}`, update);
  };
};

/**
 * The same, and run `update` at once.
 * @type {(model: Model, names: readonly string[], update: () => void) => () => void}
 */
export const follow = (model, names, update) => {
  const stop = listen(model, names, update);
  update();
  return stop;
};
