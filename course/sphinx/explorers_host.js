// Runs the explorers of a page without a kernel: gives each the state that the build left, and the model it expects.
// Their modules stand as text in `window.ganlibExplorers`, under the names of their files.

/** @import { Model } from "../../ganlib/widgets/js/kit/model.js" */

(() => {
  /**
   * @typedef {{ default: { render: (place: { model: Model, el: HTMLElement }) => unknown } }} Module
   * @typedef {Window & { ganlibExplorers: Record<string, string> }} Sources
   */

  /** @type {Record<string, Promise<Module>>} */
  const modules = {};

  /**
   * The module of a file: from text, since a page opened as a file may not import others.
   * @type {(file: string) => Promise<Module>}
   */
  const load = (file) => {
    const { ganlibExplorers } = /** @type {Sources} */ (/** @type {unknown} */ (window));
    if (!(file in modules)) {
      const blob = new Blob([ganlibExplorers[file]], { type: "text/javascript" });
      modules[file] = import(URL.createObjectURL(blob));
    }
    return modules[file];
  };

  /**
   * An entry of the state as a kernel would send it: bytes come in base64.
   * @type {(value: any) => unknown}
   */
  const revived = (value) => {
    if (value?.base64 === undefined) return value;
    return new DataView(Uint8Array.from(atob(value.base64), (letter) => letter.charCodeAt(0)).buffer);
  };

  /**
   * A model that begins with the stored state and has no kernel to talk to.
   * @type {(stored: Record<string, unknown>) => Model}
   */
  const modelOf = (stored) => {
    /** @type {Record<string, unknown>} */
    const state = {};
    for (const [name, value] of Object.entries(stored)) state[name] = revived(value);
    /** @type {Map<string, Set<() => void>>} */
    const heard = new Map();
    const fire = (/** @type {string} */ event) => {
      for (const listener of [...(heard.get(event) ?? [])]) listener();
    };
    return {
      get: (name) => state[name],
      set(name, value) {
        if (Object.is(state[name], value)) return;
        state[name] = revived(value);
        fire(`change:${name}`);
        fire("change");
      },
      save_changes() {},
      on(event, listener) {
        heard.set(event, (heard.get(event) ?? new Set()).add(listener));
      },
      off(event, listener) {
        heard.get(event)?.delete(listener);
      },
    };
  };

  /**
   * Put the explorer into its place, and leave its model and module there for whoever asks.
   * @type {(here: HTMLElement) => Promise<void>}
   */
  const show = async (here) => {
    const model = modelOf(JSON.parse(here.querySelector("script")?.textContent ?? "{}"));
    const module = await load(here.dataset.explorer ?? "");
    const el = document.createElement("div");
    here.replaceChildren(el);
    await module.default.render({ model, el });
    Object.assign(here, { explorer: { model, module } });
  };

  const near = new IntersectionObserver(
    (entries) => {
      for (const { target, isIntersecting } of entries) {
        if (!isIntersecting || !(target instanceof HTMLElement)) continue;
        near.unobserve(target);
        show(target);
      }
    },
    { rootMargin: "600px" },
  );
  for (const here of document.querySelectorAll("[data-explorer]")) near.observe(here);
})();
