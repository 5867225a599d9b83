/** The picture: both histograms, the plan between them, and the distances against the shift. */

/** @import { Tools } from "../kit/canvas.js" */
/** @import { Box, Chart } from "../kit/chart.js" */
/** @import { Layout } from "./layout.js" */
/** @import { Move, Name, State } from "./plan.js" */

import { chart, legend } from "../kit/chart.js";
import { range, shown } from "../kit/numbers.js";
import { BETWEEN, column, isWide, layout, peak, STRIP, scale, TALL } from "./layout.js";
import { BINS, masses, numbers, PLACES, plan } from "./plan.js";

/** @type {(tools: Tools, axes: Chart, where: Box, histogram: { name: Name, state: State, ink: string, top: number }) => void} */
const paintBars = (tools, axes, where, { name, state, ink, top }) => {
  const { pen, colour } = tools;
  const hangs = name === "q";
  const start = hangs ? state.shift : 0;
  for (const [bin, mass] of masses(state[name]).entries()) {
    const { x, wide } = column(where, start + bin);
    const chosen = state.bar === name + bin;
    const base = axes.Y(0);
    const tip = axes.Y(Math.min(mass, top));
    pen.fillStyle = colour(ink);
    pen.globalAlpha = chosen ? 1 : 0.75;
    pen.fillRect(x, Math.min(base, tip), wide, Math.abs(tip - base));
    pen.globalAlpha = 1;
    pen.fillRect(x, tip - 2, wide, 4); // the handle; an empty bin shows nothing else
    if (!chosen) continue;
    Object.assign(pen, { strokeStyle: colour("ink"), lineWidth: 2 });
    pen.setLineDash([]);
    pen.strokeRect(x - 1, Math.min(base, tip) - 3, wide + 2, Math.abs(tip - base) + 6);
    const above = [mass, top].map((height) => [start + bin, height]);
    axes.line(above, "quiet", { thick: 1, dash: [2, 3] });
    axes.text(shown(mass), x + wide / 2, axes.Y(top) + (hangs ? 11 : -9), { align: "center" }); // beyond every neighbour
  }
};

/**
 * Where on the canvas each move leaves its bar (side 0) or arrives (side 1): side by side, as wide as their masses.
 * @type {(where: Box, moves: Move[], side: 0 | 1, unit: number) => number[]}
 */
const ends = (where, moves, side, unit) => {
  const sums = Array.from({ length: PLACES }, () => 0);
  const used = Array.from({ length: PLACES }, () => 0);
  for (const move of moves) sums[move[side]] += move[2];
  return moves.map((move) => {
    const at = move[side];
    const { x, wide } = column(where, at);
    const before = used[at];
    used[at] += move[2];
    return x + wide / 2 + (before - sums[at] / 2) * unit;
  });
};

/** @type {(tools: Tools, where: Box, moves: Move[], unit: number) => void} */
const paintPlan = ({ pen, colour }, where, moves, unit) => {
  const top = where.top + TALL + STRIP;
  const bottom = top + BETWEEN;
  const middle = (top + bottom) / 2;
  const from = ends(where, moves, 0, unit);
  const to = ends(where, moves, 1, unit);
  for (const [k, [i, j, mass]] of moves.entries()) {
    const wide = Math.max(mass * unit, 1);
    pen.beginPath();
    pen.moveTo(from[k], top);
    pen.bezierCurveTo(from[k], middle, to[k], middle, to[k], bottom);
    pen.lineTo(to[k] + wide, bottom);
    pen.bezierCurveTo(to[k] + wide, middle, from[k] + wide, middle, from[k] + wide, top);
    pen.closePath();
    Object.assign(pen, { fillStyle: colour(i === j ? "quiet" : "third"), globalAlpha: i === j ? 0.4 : 0.7 });
    pen.fill();
  }
  pen.globalAlpha = 1;
};

/** @type {(tools: Tools, places: Layout, state: State) => void} */
const paintCurves = (tools, { w1, rest }, state) => {
  const shifts = range(0, BINS, BINS + 1);
  const found = shifts.map((shift) => numbers({ ...state, shift }));
  const highest = Math.max(...found.map((each) => each.w1)) > 10 ? 15 : 10;
  const now = found[state.shift];
  /** @type {{ x: [number, number], xTicks: number[] }} */
  const both = { x: [-0.3, BINS + 0.3], xTicks: [0, 2, 4, 6, 8] };
  /** @type {(axes: Chart, name: "w1" | "tv" | "jsd", ink: string, dash?: number[]) => void} */
  const draw = (axes, name, ink, dash) => {
    const points = shifts.map((shift) => [shift, found[shift][name]]);
    axes.line(points, ink, { thick: 2.5, dash });
    for (const [shift, value] of points) axes.dot(shift, value, ink, shift === state.shift ? 6 : 2.5);
  };
  const far = chart(tools, {
    ...{ ...w1, ...both, y: [-0.4, highest + 0.6] },
    yTicks: [0, 5, 10, 15].filter((y) => y <= highest),
  });
  const flat = chart(tools, {
    ...{ ...rest, ...both, y: [-0.06, 1.1], yTicks: [0, 0.5, 1], yDigits: 1 },
    xLabel: "shift of q (bins)",
  });
  for (const axes of [far, flat]) {
    axes.axes();
    axes.vertical(state.shift, "quiet", { thick: 1, dash: [4, 4] });
  }
  draw(far, "w1", "third");
  draw(flat, "tv", "quiet", [7, 4]);
  draw(flat, "jsd", "fourth");
  legend(tools, [{ words: `W₁ = ${shown(now.w1, 3)} bins`, ink: "third" }], w1.left, w1.top - 18);
  const others = [
    { words: `JSD = ${shown(now.jsd, 3)} nats`, ink: "fourth" },
    { words: `TV = ${shown(now.tv, 3)}`, ink: "quiet", dash: [7, 4] },
  ];
  legend(tools, others, rest.left, rest.top - (isWide(tools.width) ? 38 : 18));
};

const INKS = [
  { words: "p, data", ink: "real" },
  { words: "q, generator", ink: "fake" },
  { words: "moves", ink: "third" },
  { words: "stays", ink: "quiet" },
];

/**
 * Draw all of it.
 * @type {(tools: Tools, state: State) => void}
 */
export const paint = (tools, state) => {
  const here = layout(tools.width);
  const top = scale(state);
  /** @type {{ x: [number, number], yTicks: number[], yDigits: number }} */
  const both = { x: [-0.5, PLACES - 0.5], yTicks: [0, top / 2, top], yDigits: 2 };
  const above = chart(tools, { ...here.p, ...both, y: [0, top] });
  const below = chart(tools, { ...here.q, ...both, y: [top, 0] });
  above.axes();
  below.axes();
  paintPlan(tools, here.p, plan(state), column(here.p, 0).wide / peak(state));
  for (const at of range(0, PLACES - 1, PLACES)) {
    const x = above.X(at);
    above.text(shown(at, 0), x, here.p.top + TALL + 6, { ink: "quiet", align: "center", base: "top" });
    above.text(shown(at, 0), x, here.q.top - 6, { ink: "quiet", align: "center", base: "bottom" });
  }
  paintBars(tools, above, here.p, { name: "p", state, ink: "real", top });
  paintBars(tools, below, here.q, { name: "q", state, ink: "fake", top });
  paintCurves(tools, here, state);
  legend(tools, INKS, here.p.left);
};
