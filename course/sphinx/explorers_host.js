// Runs the explorers of a page without a kernel: gives each the state that the build left, and the model it expects.
(() => {
  const bytes = (text) => new DataView(Uint8Array.from(atob(text), (letter) => letter.charCodeAt(0)).buffer);
  const revive = (value) => (value?.base64 === undefined ? value : bytes(value.base64));
  const modules = {};
  const load = (file) => {  // from text, since a page opened as a file may not import others
    const blob = new Blob([window.ganlibExplorers[file]], { type: "text/javascript" });
    return (modules[file] ??= import(URL.createObjectURL(blob)));
  };

  const modelOf = (stored) => {
    const state = Object.fromEntries(Object.entries(stored).map(([name, value]) => [name, revive(value)]));
    const heard = new Map();
    const fire = (event) => [...(heard.get(event) ?? [])].forEach((listener) => listener());
    return {
      get: (name) => state[name],
      set(name, value) {
        if (Object.is(state[name], value)) return;
        state[name] = value;
        fire(`change:${name}`);
        fire("change");
      },
      save_changes() {},
      send() {},
      on(event, listener) { heard.set(event, (heard.get(event) ?? new Set()).add(listener)); },
      off(event, listener) { heard.get(event)?.delete(listener); },
    };
  };

  const show = async (here) => {
    const model = modelOf(JSON.parse(here.querySelector("script").textContent));
    const module = await load(here.dataset.explorer);
    const el = document.createElement("div");
    here.replaceChildren(el);
    await module.default.render({ model, el });
    here.explorer = { model, module };
  };

  const near = new IntersectionObserver((entries) => {
    for (const { target } of entries.filter((entry) => entry.isIntersecting)) {
      near.unobserve(target);
      show(target);
    }
  }, { rootMargin: "600px" });
  document.querySelectorAll("[data-explorer]").forEach((here) => near.observe(here));
})();
