const BINS = 8, PLACES = 2 * BINS;
const WIDE = 600;
const TALL = 88, STRIP = 22, BETWEEN = 96;  // a histogram, the row of numbers beside it, the room of the plan
const REACH = 24;  // how near to its bar's top a drag may start
const MOST = 0.99;  // of a bar: the others keep their proportions in what is left

const DATA = [4, 5, 2, 0, 1, 2, 4, 2], MODEL = [0, 1, 3, 5, 6, 4, 1, 0];
const HUMP = [0, 1, 3, 2, 1, 0, 0, 0], POINT = [1, 0, 0, 0, 0, 0, 0, 0];
const PRESETS = {
  overlapping: { words: "overlapping", p: DATA, q: MODEL, shift: 0 },
  equal: { words: "equal", p: DATA, q: DATA, shift: 0 },
  moved: { words: "moved by one bin", p: DATA, q: DATA, shift: 1 },
  far: { words: "far apart", p: HUMP, q: HUMP, shift: 8 },
  points: { words: "two points", p: POINT, q: POINT, shift: 3 },
};

const total = (values) => values.reduce((sum, value) => sum + value, 0);
const masses = (heights) => heights.map((height) => height / total(heights));
const place = (mass, shift) => Array.from({ length: PLACES }, (_, i) => mass[i - shift] ?? 0);
const xlogx = (mass) => (mass > 0 ? mass * Math.log(mass) : 0);

// The plan that keeps the order: [from, to, mass], from left to right. On a line no plan is cheaper.
const plan = (p, q) => {
  const moves = [];
  let [i, j, left, room] = [0, 0, p[0], q[0]];
  while (i < p.length && j < q.length) {
    const mass = Math.min(left, room);
    if (mass > 1e-12) moves.push([i, j, mass]);
    if (left < room) [room, left] = [room - left, p[++i]];
    else [left, room] = [left - room, q[++j]];
  }
  return moves;
};

// W₁ is the bill of that plan; ganlib computes it from the distribution functions.
export const numbers = ({ p, q, shift }) => {
  const [here, there] = [place(masses(p), 0), place(masses(q), shift)];
  const mixed = here.map((mass, i) => (mass + there[i]) / 2);
  return {
    w1: total(plan(here, there).map(([i, j, mass]) => mass * Math.abs(i - j))),
    jsd: total(mixed.map((mass, i) => (xlogx(here[i]) + xlogx(there[i])) / 2 - xlogx(mass))),
    tv: total(here.map((mass, i) => Math.abs(mass - there[i]))) / 2,
  };
};

// One bar set to a mass: the others share the rest as before, or evenly where they had nothing.
const set = (heights, bin, mass) => {
  const before = masses(heights), others = total(before.filter((_, i) => i !== bin));
  return before.map((each, i) => (i === bin ? mass : (1 - mass) * (others > 0 ? each / others : 1 / (BINS - 1))));
};

// Where things stand: p grows up, q hangs down, the plan runs between them; the curves are beside, or below on a phone.
const layout = (width) => {
  const beside = width > WIDE, left = 44;
  const p = { left, top: beside ? 54 : 74, width: (beside ? width - 262 : width - 4) - left, height: TALL };
  const q = { ...p, top: p.top + TALL + 2 * STRIP + BETWEEN };
  const end = q.top + TALL + 22;
  const curve = beside ? { left: width - 188, width: 184, height: 92 } : { left, width: p.width, height: 84 };
  const w1 = { ...curve, top: beside ? 64 : end + 38 };
  const rest = { ...curve, top: w1.top + curve.height + (beside ? 90 : 66) };
  return { p, q, w1, rest, height: Math.max(end, rest.top + curve.height + 44) };
};

const peak = (state) => Math.max(...masses(state.p), ...masses(state.q));
const scale = (state) => (peak(state) > 0.5 ? 1 : 0.5);  // the mass that a histogram's full height stands for
const column = ({ left, width }, at) => ({ x: left + ((at + 0.14) * width) / PLACES, wide: (0.72 * width) / PLACES });

const bars = (tools, axes, where, { name, state, ink, top }) => {
  const { pen, colour } = tools, hangs = name === "q", start = hangs ? state.shift : 0;
  masses(state[name]).forEach((mass, bin) => {
    const { x, wide } = column(where, start + bin), chosen = state.bar === name + bin;
    const base = axes.Y(0), tip = axes.Y(Math.min(mass, top));
    pen.fillStyle = colour(ink);
    pen.globalAlpha = chosen ? 1 : 0.75;
    pen.fillRect(x, Math.min(base, tip), wide, Math.abs(tip - base));
    pen.globalAlpha = 1;
    pen.fillRect(x, tip - 2, wide, 4);  // the handle; an empty bin shows nothing else
    if (!chosen) return;
    Object.assign(pen, { strokeStyle: colour("ink"), lineWidth: 2 });
    pen.setLineDash([]);
    pen.strokeRect(x - 1, Math.min(base, tip) - 3, wide + 2, Math.abs(tip - base) + 6);
    axes.line([[start + bin, mass], [start + bin, top]], "quiet", { thick: 1, dash: [2, 3] });
    axes.text(shown(mass), x + wide / 2, axes.Y(top) + (hangs ? 11 : -9), { align: "center" });  // beyond every neighbour
  });
};

// Each move is a ribbon as wide as its mass: side by side where they leave a bar, and again where they arrive.
const ribbons = ({ pen, colour }, where, moves, unit) => {
  const [top, bottom] = [where.top + TALL + STRIP, where.top + TALL + STRIP + BETWEEN], middle = (top + bottom) / 2;
  const ends = (side) => {
    const used = {}, sums = {};
    for (const move of moves) sums[move[side]] = (sums[move[side]] ?? 0) + move[2];
    return moves.map((move) => {
      const at = move[side], { x, wide } = column(where, at), before = used[at] ?? 0;
      used[at] = before + move[2];
      return x + wide / 2 + (before - sums[at] / 2) * unit;
    });
  };
  const [from, to] = [ends(0), ends(1)];
  moves.forEach(([i, j, mass], k) => {
    const wide = Math.max(mass * unit, 1);
    pen.beginPath();
    pen.moveTo(from[k], top);
    pen.bezierCurveTo(from[k], middle, to[k], middle, to[k], bottom);
    pen.lineTo(to[k] + wide, bottom);
    pen.bezierCurveTo(to[k] + wide, middle, from[k] + wide, middle, from[k] + wide, top);
    pen.closePath();
    Object.assign(pen, { fillStyle: colour(i === j ? "quiet" : "third"), globalAlpha: i === j ? 0.4 : 0.7 });
    pen.fill();
  });
  pen.globalAlpha = 1;
};

// The three distances against the shift, whatever the bars.
const curves = (tools, { w1, rest }, state) => {
  const shifts = range(0, BINS, BINS + 1), found = shifts.map((shift) => numbers({ ...state, shift }));
  const highest = Math.max(...found.map((each) => each.w1)) > 10 ? 15 : 10, now = found[state.shift];
  const both = { x: [-0.3, BINS + 0.3], xTicks: [0, 2, 4, 6, 8] };
  const draw = (axes, name, ink, dash) => {
    axes.line(shifts.map((shift) => [shift, found[shift][name]]), ink, { thick: 2.5, dash });
    shifts.forEach((shift) => axes.dot(shift, found[shift][name], ink, shift === state.shift ? 6 : 2.5));
  };
  const far = chart(tools, { ...w1, ...both, y: [-0.4, highest + 0.6], yTicks: [0, 5, 10, 15].filter((y) => y <= highest) });
  const flat = chart(tools, { ...rest, ...both, y: [-0.06, 1.1], yTicks: [0, 0.5, 1], yDigits: 1, xLabel: "shift of q (bins)" });
  for (const axes of [far, flat]) {
    axes.axes();
    axes.line([[state.shift, -1], [state.shift, 20]], "quiet", { thick: 1, dash: [4, 4] });
  }
  draw(far, "w1", "third");
  draw(flat, "tv", "quiet", [7, 4]);
  draw(flat, "jsd", "fourth");
  legend(tools, [{ words: `W₁ = ${shown(now.w1, 3)} bins`, ink: "third" }], w1.left, w1.top - 18);
  legend(tools, [
    { words: `JSD = ${shown(now.jsd, 3)} nats`, ink: "fourth" },
    { words: `TV = ${shown(now.tv, 3)}`, ink: "quiet", dash: [7, 4] },
  ], rest.left, rest.top - (tools.width > WIDE ? 38 : 18));
};

const paint = (tools, state) => {
  const here = layout(tools.width), top = scale(state), places = range(0, PLACES - 1, PLACES);
  const both = { x: [-0.5, PLACES - 0.5], yTicks: [0, top / 2, top], yDigits: 2 };
  const above = chart(tools, { ...here.p, ...both, y: [0, top] }), below = chart(tools, { ...here.q, ...both, y: [top, 0] });
  above.axes();
  below.axes();
  const unit = column(here.p, 0).wide / peak(state);
  ribbons(tools, here.p, plan(place(masses(state.p), 0), place(masses(state.q), state.shift)), unit);
  for (const at of places) {
    above.text(shown(at, 0), above.X(at), here.p.top + TALL + 6, { ink: "quiet", align: "center", base: "top" });
    above.text(shown(at, 0), above.X(at), here.q.top - 6, { ink: "quiet", align: "center", base: "bottom" });
  }
  bars(tools, above, here.p, { name: "p", state, ink: "real", top });
  bars(tools, below, here.q, { name: "q", state, ink: "fake", top });
  curves(tools, here, state);
  const inks = { "p, data": "real", "q, generator": "fake", moves: "third", stays: "quiet" };
  legend(tools, Object.entries(inks).map(([words, ink]) => ({ words, ink })), here.p.left);
};

const tell = (state) => {
  const { w1, jsd, tv } = numbers(state), common = 1 - tv;
  const touch = common > 1e-9
    ? `: ${shown(common, 3)} of the mass is common to both, bin by bin`
    : ", the most there is: no bin holds mass of both";
  return `By the cheapest plan a unit of mass travels ${shown(w1, 3)} bins on average: that is W₁. `
    + `JSD\u00a0=\u00a0${shown(jsd, 3)} nats and TV\u00a0=\u00a0${shown(tv, 3)}${touch}.`;
};

// Controls of this explorer alone: the presets, one of which may be what is shown, and the mass of the chosen bar.

const same = (a, b) => masses(a).every((mass, i) => Math.abs(mass - masses(b)[i]) < 1e-9);

const preset = (model) => {
  const options = Object.entries(PRESETS).map(([value, { words }]) => element("option", { value }, words));
  const own = element("option", { value: "", disabled: true }, "your own");
  const input = element("select", { onchange: () => {
    const { p, q, shift } = PRESETS[input.value];
    put(model, { p: [...p], q: [...q], shift });
  } }, ...options, own);
  const update = () => {
    const [p, q, shift] = ["p", "q", "shift"].map((name) => model.get(name));
    const found = Object.entries(PRESETS).find(([, it]) => same(p, it.p) && same(q, it.q) && shift === it.shift);
    input.value = found?.[0] ?? "";
  };
  return { node: control("histograms", input), stop: follow(model, ["p", "q", "shift"], update) };
};

const chosen = (model) => [model.get("bar")[0], Number(model.get("bar")[1])];
const height = gauge(["p", "q", "bar"], {
  label: "its mass",
  min: 0,
  max: MOST,
  step: 0.01,
  read(model) {
    const [name, bin] = chosen(model);
    return masses(model.get(name))[bin];
  },
  write(model, mass) {
    const [name, bin] = chosen(model);
    put(model, { [name]: set(model.get(name), bin, mass) });
  },
  called: (model) => `its mass: bar ${chosen(model)[1]} of ${chosen(model)[0]}`,
});

// Dragging: a bar follows the pointer from wherever near its top it is taken. A finger elsewhere scrolls the page.

const attach = ({ canvas, model }) => {
  const state = () => Object.fromEntries(["p", "q", "shift"].map((name) => [name, model.get(name)]));
  const under = ([x, y]) => {
    const here = layout(canvas.clientWidth), now = state(), top = scale(now);
    for (const name of ["p", "q"]) {
      const where = here[name], down = y - where.top;
      const bin = Math.floor(((x - where.left) * PLACES) / where.width) - (name === "q" ? now.shift : 0);
      const up = name === "p" ? TALL - down : down;  // pixels from the bar's foot
      const mass = masses(now[name])[bin];
      if (mass !== undefined && up > -STRIP && up < (mass / top) * TALL + REACH) return { name, bin, mass, top, heights: now[name] };
    }
  };
  return dragging(canvas, {
    take(place) {
      const found = under(place);
      if (found) put(model, { bar: found.name + found.bin });
      return found && { ...found, from: place[1] };
    },
    move({ name, bin, mass, top, heights, from }, [, y]) {  // the scale of the start: the bar moves evenly where the axis changes
      const up = (name === "p" ? from - y : y - from) / TALL;
      put(model, { [name]: set(heights, bin, clamp(mass + up * top, 0, MOST)) });
    },
    cursor: (place, held) => (held || under(place) ? "ns-resize" : "default"),
    hold: under,
  });
};

const names = Object.fromEntries(["p", "q"].flatMap((name) => DATA.map((_, bin) => [name + bin, `bar ${bin} of ${name}`])));

export default explorer({
  title: "The cheapest way to move one histogram onto another",
  names: ["p", "q", "shift", "bar"],
  controls: [
    slider("shift", { label: "shift q by (bins)", min: 0, max: BINS, step: 1, digits: 0 }),
    choice("bar", { label: "bar to set (or drag one)", options: names }),
    height,
    preset,
  ],
  height: (width) => layout(width).height,
  paint,
  tell,
  attach,
});
