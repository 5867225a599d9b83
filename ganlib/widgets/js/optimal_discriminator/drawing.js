/** Two charts, one below the other, with one horizontal axis: the mean of q stands right above the value that it brings. */

/** @import { Tools } from "../kit/canvas.js" */
/** @import { Axes, Box, Chart } from "../kit/chart.js" */
/** @import { Curve, State } from "./payoff.js" */

import { chart, legend } from "../kit/chart.js";
import { clamp, range, sigmoid } from "../kit/numbers.js";
import { bestLogit, FLOOR, logNormal, numbers, ownLogit, payoff, peak } from "./payoff.js";

const CURVES = {
  data: { words: "data p", ink: "real" },
  fake: { words: "generator q", ink: "fake", dash: [9, 4] },
  best: { words: "best D*", ink: "third" },
  own: { words: "your D", ink: "fourth", dash: [9, 4, 2, 4] },
};
const WIDE = 520;
const LOWEST = -1.9;

/**
 * Where both charts stand in a canvas of this width.
 * @type {(width: number) => { line: Box & Axes, values: Box & Axes }}
 */
export const places = (width) => {
  const top = width > WIDE ? 58 : 80;
  /** @type {Pick<Box & Axes, "left" | "width" | "x" | "xTicks">} */
  const shared = { left: 54, width: width - 54 - 12, x: [-6, 6], xTicks: range(-6, 6, 7) };
  return {
    line: {
      ...{ ...shared, top, height: 190, y: [0, 1.05], yTicks: [0, 0.5, 1], yDigits: 1 },
      ...{ xLabel: "x", yLabel: "probability, density" },
    },
    values: {
      ...{ ...shared, top: top + 262, height: 175, y: [LOWEST, 0.15], yTicks: [-1, 0] },
      ...{ xLabel: "mean θ of q", yLabel: "values V(D*) and V(D), in nats" },
    },
  };
};

/**
 * The canvas's height for a width.
 * @type {(width: number) => number}
 */
export const height = (width) => (width > WIDE ? 536 : 558);

/** @type {(axes: Chart, x: number, y: number, ink: string, size?: number) => void} */
const knob = (axes, x, y, ink, size = 7) => {
  axes.dot(x, y, "card", size + 2);
  axes.dot(x, y, ink, size);
};

/**
 * The name of the bar, on the side where the curve of values rises away from it, if there is room.
 * @type {(axes: Chart, tools: Tools, theta: number, value: number) => void}
 */
const nameBar = (axes, { pen, width, colour }, theta, value) => {
  if (axes.Y(FLOOR) - axes.Y(value) < 34) return;
  const out = theta < 0 ? -1 : 1;
  const end = axes.X(theta) + 62 * out;
  const side = clamp(end, 54, width - 12) === end ? out : -out;
  const x = axes.X(theta) + 11 * side;
  const y = axes.Y(FLOOR) - 13;
  /** @type {CanvasTextAlign} */
  const align = side > 0 ? "left" : "right";
  Object.assign(pen, { strokeStyle: colour("card"), lineWidth: 5, textAlign: align, textBaseline: "middle" });
  pen.setLineDash([]);
  pen.strokeText("2 JSD", x, y);
  axes.text("2 JSD", x, y, { align });
};

/** @type {(axes: Chart, state: State) => void} */
const paintLine = (axes, state) => {
  const { theta, sd, place } = state;
  const best = bestLogit(state);
  const own = ownLogit(state);
  const along = (/** @type {Curve} */ f) => range(-6, 6, 361).map((x) => [x, f(x)]);
  const p = along((x) => Math.exp(logNormal(x)));
  const q = along((x) => Math.exp(logNormal(x, theta, sd)));
  const answers = { own: along((x) => sigmoid(own(x))), best: along((x) => sigmoid(best(x))) };
  const stem = [0, peak(sd)].map((density) => [theta, density]);
  axes.axes();
  axes.area(p, "real");
  axes.area(q, "fake");
  axes.line(p, "real");
  axes.line(q, "fake", { dash: CURVES.fake.dash });
  axes.line(answers.own, "fourth", { thick: 2.5, dash: CURVES.own.dash });
  axes.line(answers.best, "third", { thick: 3.5 });
  axes.line(stem, "quiet", { thick: 1, dash: [3, 4] });
  knob(axes, place, 0.5, "fourth");
  knob(axes, theta, peak(sd), "fake");
};

/** @type {(axes: Chart, tools: Tools, state: State) => void} */
const paintValues = (axes, tools, state) => {
  const { theta } = state;
  const now = numbers(state);
  const against = (/** @type {(state: State) => Curve} */ logitOf) =>
    range(-6, 6, 97).map((mean) => {
      const there = { ...state, theta: mean };
      return [mean, payoff(logitOf(there), there, 4)];
    });
  const bar = [FLOOR, now.value].map((value) => [theta, value]);
  axes.axes();
  axes.horizontal(FLOOR, "ink", { thick: 1.2, dash: [2, 3] });
  axes.text("−log 4", axes.X(-6) - 6, axes.Y(FLOOR), { align: "right" });
  axes.line(bar, "third", { thick: 9 });
  axes.line(against(ownLogit), "fourth", { thick: 2.5, dash: CURVES.own.dash });
  axes.line(against(bestLogit), "third", { thick: 3.5 });
  nameBar(axes, tools, theta, now.value);
  knob(axes, theta, now.value, "third", 6);
  if (now.own_value > LOWEST) knob(axes, theta, now.own_value, "fourth", 4.5);
  else axes.text("▼", axes.X(theta), axes.Y(LOWEST) - 9, { ink: "fourth", align: "center" });
};

/**
 * Draw both charts and the legend.
 * @type {(tools: Tools, state: State) => void}
 */
export const paint = (tools, state) => {
  const { line, values } = places(tools.width);
  paintLine(chart(tools, line), state);
  paintValues(chart(tools, values), tools, state);
  legend(tools, Object.values(CURVES), 12, 14);
};
