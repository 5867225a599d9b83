/** Two curves over the steps: the losses, and the modes that are covered. */

/** @import { Tools } from "../kit/canvas.js" */
/** @import { Axes, Box, Chart } from "../kit/chart.js" */
/** @import { Mark, Moment } from "./history.js" */
/** @import { Session } from "./session.js" */

import { chart, legend } from "../kit/chart.js";
import { clamp, roundedUp } from "../kit/numbers.js";
import { grouped } from "./words.js";

/** @typedef {{ ink: string, dash?: number[], of: (at: Moment) => number }} Curve */

const MOST = 5000; // losses beyond are out of sight

/**
 * Round numbers for the ticks of an axis that must hold these values.
 * @type {(values: number[]) => { ticks: number[], digits: number }}
 */
const ticksFor = (values) => {
  const low = Math.min(...values);
  const high = Math.max(...values);
  const unit = roundedUp(Math.max(high - low, 0.1) / 3);
  const first = Math.floor(low / unit);
  const last = Math.ceil(high / unit + 1e-9);
  const ticks = Array.from({ length: last - first + 1 }, (_, i) => (first + i) * unit);
  return { ticks, digits: Math.max(0, -Math.floor(Math.log10(unit))) };
};

/** @type {(tools: Tools, box: Box, vertical: Omit<Axes, "x">, history: Moment[], marks: Mark[], levels: number[], curves: Curve[]) => Chart} */
const paintChart = (tools, box, vertical, history, marks, levels, curves) => {
  const last = history[history.length - 1];
  const end = Math.max(100, last.step);
  const axes = chart(tools, { ...box, ...vertical, x: [0, end] });
  axes.axes();
  for (const level of levels) axes.horizontal(level, "quiet", { thick: 1, dash: [2, 3] });
  for (const { step } of marks) axes.vertical(step, "quiet", { thick: 1.2, dash: [5, 3] });
  for (const { ink, dash, of } of curves) {
    const points = history.map((at) => [at.step, of(at)]);
    axes.line(points, ink, { thick: 2, dash });
    if (Number.isFinite(of(last))) axes.inside(() => axes.dot(last.step, of(last), ink, 4));
  }
  /** @type {(words: string, px: number, align: CanvasTextAlign) => void} */
  const below = (words, px, align) =>
    axes.text(words, px, box.top + box.height + 6, { ink: "quiet", align, base: "top" });
  below(grouped(0), box.left, "left");
  below("step", box.left + box.width / 2, "center");
  below(grouped(end), box.left + box.width, "right");
  return axes;
};

/**
 * Draw both curves, the second below the first with a gap between them.
 * @type {(tools: Tools, session: Pick<Session, "history" | "marks" | "seen">, place: Box & { gap: number }) => void}
 */
export const paintCurves = (tools, { history, marks, seen }, { gap, ...upper }) => {
  const lower = { ...upper, top: upper.top + upper.height + gap };
  const values = [...history.flatMap(({ losses }) => losses), ...seen.undecided].filter(Number.isFinite);
  const { ticks, digits } = ticksFor(values.map((value) => clamp(value, -MOST, MOST)));
  /** @type {Omit<Axes, "x">} */
  const losses = { y: [ticks[0], ticks[ticks.length - 1]], yTicks: ticks, yDigits: digits };
  const axes = paintChart(tools, upper, losses, history, marks, seen.undecided, [
    { ink: "real", of: (at) => at.losses[0] },
    { ink: "fake", dash: [7, 4], of: (at) => at.losses[1] },
  ]);
  if (marks.length) {
    const { step, words } = marks[marks.length - 1];
    const right = axes.X(step) > upper.left + upper.width / 2;
    axes.text(words, axes.X(step) + (right ? -5 : 5), upper.top + 9, { align: right ? "right" : "left" });
  }
  /** @type {Omit<Axes, "x">} */
  const modes = { y: [0, 1.06 * seen.of], yTicks: [0, seen.of], yLabel: `modes covered: ${seen.modes} of ${seen.of}` };
  paintChart(tools, lower, modes, history, marks, [], [{ ink: "third", of: (at) => at.modes }]);
  const names = [
    { words: "D's loss", ink: "real" },
    { words: "G's loss", ink: "fake", dash: [7, 4] },
  ];
  legend({ ...tools, width: upper.left + upper.width + 30 }, names, upper.left, upper.top - 16);
};
