// What every explorer is made of. This text stands before an explorer's own; it exports nothing.

const element = (tag, attributes = {}, ...children) => {
  const made = document.createElement(tag);
  for (const [name, value] of Object.entries(attributes)) {
    if (name.startsWith("on")) made.addEventListener(name.slice(2), value);
    else if (value === true) made.setAttribute(name, "");
    else if (value !== false && value != null) made.setAttribute(name, value);
  }
  made.append(...children);
  return made;
};

const clamp = (value, low, high) => Math.min(high, Math.max(low, value));
const range = (low, high, count) => Array.from({ length: count }, (_, i) => low + ((high - low) * i) / (count - 1));
const sigmoid = (a) => (a >= 0 ? 1 / (1 + Math.exp(-a)) : Math.exp(a) / (1 + Math.exp(a)));
const softplus = (a) => Math.max(a, 0) + Math.log1p(Math.exp(-Math.abs(a)));

// A number as a reader sees it: so many decimals, a true minus sign, never "-0.00".
const shown = (value, digits = 2) => {
  if (!Number.isFinite(value)) return value > 0 ? "∞" : value < 0 ? "−∞" : "undefined";
  const text = value.toFixed(digits);
  return (Number(text) === 0 ? text.replace("-", "") : text).replace("-", "−");
};

// Controls: each is native, labelled, and two-way bound to entries of the model.

const put = (model, values) => {
  for (const [name, value] of Object.entries(values)) model.set(name, value);
  model.save_changes();
};

// `update` runs at once and whenever one of the entries `names` has changed; the function returned undoes it.
const follow = (model, names, update) => {
  for (const name of names) model.on(`change:${name}`, update);
  update();
  return () => { for (const name of names) model.off(`change:${name}`, update); };
};

const control = (label, ...parts) => element("label", { class: "control" }, element("span", {}, label), ...parts);

// A slider for a number that is computed from the entries `names`: `read(model)` is its value now, `write(model, value)`
// what it sets. `at` and `from` turn a value into the handle's place and back; `called` names the slider anew each time.
const gauge = (names, { label, min, max, step, read, write, digits = 2, show = (value) => shown(value, digits), at = (value) => value, from = (place) => place, called }) => (model) => {
  const output = element("span", { class: "value", "aria-hidden": "true" });  // an <output> would take the label from the slider
  const input = element("input", { type: "range", min, max, step, oninput: () => write(model, from(Number(input.value))) });
  const stop = follow(model, names, () => {
    const value = read(model);
    input.value = at(value);
    output.textContent = show(value);
    input.setAttribute("aria-valuetext", show(value));
    if (called) input.setAttribute("aria-label", called(model));
  });
  return { node: control(label, output, input), stop };
};

const slider = (name, settings) => gauge([name], {
  ...settings, read: (model) => model.get(name), write: (model, value) => put(model, { [name]: value }),
});

const choice = (name, { label, options }) => (model) => {
  const entries = Object.entries(options).map(([value, text]) => element("option", { value }, text));
  const input = element("select", { onchange: () => put(model, { [name]: input.value }) }, ...entries);
  const stop = follow(model, [name], () => { input.value = model.get(name); });
  return { node: control(label, input), stop };
};

const tick = (name, { label }) => (model) => {
  const input = element("input", { type: "checkbox", onchange: () => put(model, { [name]: input.checked }) });
  const stop = follow(model, [name], () => { input.checked = model.get(name); });
  return { node: element("label", { class: "control tick" }, input, element("span", {}, label)), stop };
};

const button = (label, act) => () => ({ node: element("button", { type: "button", onclick: act }, label), stop() {} });

// A canvas as sharp as the screen, drawn again when its size, the theme or the state has changed: at most once a frame.

const stage = (root, { height, label, paint }) => {
  const canvas = element("canvas", { role: "img", "aria-label": label });
  const pen = canvas.getContext("2d");
  let asked = 0;
  const draw = () => {
    asked = 0;
    const width = canvas.clientWidth, ratio = window.devicePixelRatio || 1;
    if (!width) return;
    const tall = typeof height === "function" ? height(width) : height;
    canvas.style.height = `${tall}px`;
    if (canvas.width !== Math.round(width * ratio) || canvas.height !== Math.round(tall * ratio)) {
      canvas.width = Math.round(width * ratio);
      canvas.height = Math.round(tall * ratio);
    }
    pen.setTransform(ratio, 0, 0, ratio, 0, 0);
    pen.clearRect(0, 0, width, tall);
    const style = getComputedStyle(root);
    const colour = (name) => style.getPropertyValue(`--${name}`).trim();
    pen.font = `${style.getPropertyValue("--text")} ${style.fontFamily}`;
    paint({ pen, width, height: tall, colour });
  };
  const redraw = () => { asked ||= requestAnimationFrame(draw); };
  const resized = new ResizeObserver(redraw);
  const themed = new MutationObserver(redraw);
  const dark = window.matchMedia("(prefers-color-scheme: dark)");
  resized.observe(canvas);
  for (const node of [document.documentElement, document.body]) {
    themed.observe(node, { attributeFilter: ["data-theme", "data-mode", "data-jp-theme-light", "theme", "class"] });
  }
  dark.addEventListener("change", redraw);
  const stop = () => {
    cancelAnimationFrame(asked);
    resized.disconnect();
    themed.disconnect();
    dark.removeEventListener("change", redraw);
  };
  return { canvas, redraw, stop };
};

// Dragging on a canvas, by mouse, pen or finger. `take(place, event)` says what is held: anything truthy, or nothing.
// `move(held, place)` follows it; `cursor(place, held)` is the pointer's shape; `hold(place)` keeps a finger there from
// scrolling the page. A place is [x, y] in the canvas. The function returned undoes it all.

const dragging = (canvas, { take, move, cursor, hold = (place) => take(place) }) => {
  const place = ({ clientX, clientY }) => {
    const box = canvas.getBoundingClientRect();
    return [clientX - box.left, clientY - box.top];
  };
  let held = null;
  const leave = () => { held = null; };
  const listeners = {
    pointerdown(event) {
      held = event.isPrimary && event.button === 0 ? take(place(event), event) : null;
      if (held) canvas.setPointerCapture(event.pointerId);
    },
    pointermove(event) {
      if (held) move(held, place(event));
      canvas.style.cursor = cursor(place(event), held);
    },
    pointerup: leave,
    pointercancel: leave,
    touchstart(event) { if (hold(place(event.touches[0]))) event.preventDefault(); },
  };
  canvas.classList.add("draggable");
  for (const [name, listener] of Object.entries(listeners)) canvas.addEventListener(name, listener, { passive: false });
  return () => { for (const [name, listener] of Object.entries(listeners)) canvas.removeEventListener(name, listener); };
};

// Axes in a rectangle of a canvas: scales, ticks, and marks in the units of the data.

const chart = ({ pen, colour }, { left, top, width, height, x, y, xLabel = "", yLabel = "", xTicks = [], yTicks = [], xDigits = 0, yDigits = 0 }) => {
  const X = (value) => left + ((value - x[0]) / (x[1] - x[0])) * width;
  const Y = (value) => top + height - ((value - y[0]) / (y[1] - y[0])) * height;
  const stroke = (ink, thick = 2, dash = []) => {
    Object.assign(pen, { strokeStyle: colour(ink), lineWidth: thick, lineJoin: "round" });
    pen.setLineDash(dash);
  };
  const inside = (marks) => {
    pen.save();
    pen.beginPath();
    pen.rect(left, top, width, height);
    pen.clip();
    marks();
    pen.restore();
  };
  const path = (points) => {
    pen.beginPath();
    points.forEach(([a, b], i) => (i ? pen.lineTo(X(a), Y(b)) : pen.moveTo(X(a), Y(b))));
  };
  const text = (words, px, py, { ink = "ink", align = "left", base = "middle" } = {}) => {
    Object.assign(pen, { fillStyle: colour(ink), textAlign: align, textBaseline: base });
    pen.fillText(words, px, py);
  };
  const axes = () => {
    stroke("grid", 1);
    for (const value of xTicks) {
      pen.beginPath(); pen.moveTo(X(value), top); pen.lineTo(X(value), top + height); pen.stroke();
      text(shown(value, xDigits), X(value), top + height + 6, { ink: "quiet", align: "center", base: "top" });
    }
    for (const value of yTicks) {
      pen.beginPath(); pen.moveTo(left, Y(value)); pen.lineTo(left + width, Y(value)); pen.stroke();
      text(shown(value, yDigits), left - 6, Y(value), { ink: "quiet", align: "right" });
    }
    if (xLabel) text(xLabel, left + width, top + height + 22, { ink: "quiet", align: "right", base: "top" });
    if (yLabel) text(yLabel, left - 4, top - 8, { ink: "quiet", base: "bottom" });
  };
  const line = (points, ink, { thick = 2, dash = [] } = {}) => inside(() => { stroke(ink, thick, dash); path(points); pen.stroke(); });
  const area = (points, ink, opacity = 0.18) => inside(() => {
    path([[points[0][0], 0], ...points, [points.at(-1)[0], 0]]);
    Object.assign(pen, { fillStyle: colour(ink), globalAlpha: opacity });
    pen.fill();
  });
  const dot = (a, b, ink, size = 5) => {
    pen.beginPath();
    pen.arc(X(a), Y(b), size, 0, 2 * Math.PI);
    pen.fillStyle = colour(ink);
    pen.fill();
  };
  return { X, Y, x: (px) => x[0] + ((px - left) / width) * (x[1] - x[0]), y: (py) => y[0] + ((top + height - py) / height) * (y[1] - y[0]), axes, line, area, dot, text, inside, stroke };
};

// A row of names beside pieces of their lines, from (left, top) on; it wraps at the canvas's right edge.

const legend = ({ pen, width, colour }, entries, left = 50, top = 12) => {
  let x = left, y = top;
  for (const { words, ink, dash = [] } of entries) {
    const room = 38 + pen.measureText(words).width;
    if (x > left && x + room > width) [x, y] = [left, y + 20];
    Object.assign(pen, { strokeStyle: colour(ink), fillStyle: colour("ink"), lineWidth: 2.5, textAlign: "left", textBaseline: "middle" });
    pen.setLineDash(dash);
    pen.beginPath(); pen.moveTo(x, y); pen.lineTo(x + 30, y); pen.stroke();
    pen.fillText(words, x + 38, y);
    x += room + 24;
  }
  pen.setLineDash([]);
};

// The whole of an explorer. `names`: the entries of the model that it shows; `controls`: the makers above;
// `tell(state)`: the picture in one or two sentences; `attach({ canvas, model, redraw })`: more than controls, such as
// dragging, with a function that undoes it.

const explorer = ({ title, names, controls, height, paint, tell, attach }) => ({
  render({ model, el }) {
    const state = () => Object.fromEntries(names.map((name) => [name, model.get(name)]));
    const first = structuredClone(state());
    const root = element("div", { class: "ganlib-explorer", role: "group", "aria-label": title });
    const sentence = element("p", { class: "tell" });
    const spoken = element("p", { class: "spoken", role: "status" });  // for screen readers, once the reader pauses
    let pause = 0;
    el.append(root);
    const drawn = stage(root, { height, label: title, paint: (tools) => paint(tools, state()) });
    const update = () => {
      sentence.textContent = tell(state());
      clearTimeout(pause);
      pause = setTimeout(() => { if (spoken.textContent !== sentence.textContent) spoken.textContent = sentence.textContent; }, 700);
      drawn.redraw();
    };
    const reset = () => put(model, structuredClone(first));
    const made = [...controls, button("Reset", reset)].map((maker) => maker(model));
    const panel = element("div", { class: "controls" }, ...made.map((control) => control.node));
    root.append(element("p", { class: "title", "aria-hidden": "true" }, title), drawn.canvas, sentence, panel, spoken);
    for (const name of names) model.on(`change:${name}`, update);
    const detach = attach?.({ canvas: drawn.canvas, model, redraw: drawn.redraw, root });
    update();
    spoken.textContent = "";
    clearTimeout(pause);
    return () => {
      clearTimeout(pause);
      drawn.stop();
      detach?.();
      made.forEach((control) => control.stop());
      for (const name of names) model.off(`change:${name}`, update);
      root.remove();
    };
  },
});
