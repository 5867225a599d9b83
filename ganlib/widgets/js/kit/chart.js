/** Axes in a rectangle of a canvas: scales, ticks, and marks in the units of the data. */

/** @import { Tools } from "./canvas.js" */

import { shown } from "./numbers.js";

/**
 * @typedef {{ left: number, top: number, width: number, height: number }} Box A rectangle of the canvas, in CSS pixels.
 * @typedef {number[]} Point x and y in the units of the data.
 * @typedef {{ words: string, ink: string, dash?: number[] }} Entry A line of a legend.
 * @typedef {{ thick?: number, dash?: number[] }} Line How a line is drawn.
 * @typedef {{ ink?: string, align?: CanvasTextAlign, base?: CanvasTextBaseline }} Lettering How words are drawn.
 *
 * @typedef {object} Axes What the axes show.
 * @property {[number, number]} x the ends of the horizontal axis
 * @property {[number, number]} y the ends of the vertical axis
 * @property {string} [xLabel]
 * @property {string} [yLabel]
 * @property {number[]} [xTicks]
 * @property {number[]} [yTicks]
 * @property {number} [xDigits] decimals of the ticks
 * @property {number} [yDigits]
 *
 * @typedef {ReturnType<typeof chart>} Chart
 */

/**
 * Where a chart's data lie on the canvas, and back.
 * @param {Box & Axes} settings
 */
export const scales = ({ left, top, width, height, x, y }) => ({
  /** @type {(value: number) => number} */
  X: (value) => left + ((value - x[0]) / (x[1] - x[0])) * width,
  /** @type {(value: number) => number} */
  Y: (value) => top + height - ((value - y[0]) / (y[1] - y[0])) * height,
  /** @type {(px: number) => number} */
  x: (px) => x[0] + ((px - left) / width) * (x[1] - x[0]),
  /** @type {(py: number) => number} */
  y: (py) => y[0] + ((top + height - py) / height) * (y[1] - y[0]),
});

/**
 * A chart's scales and the marks that can be drawn in it.
 * @param {Pick<Tools, "pen" | "colour">} tools
 * @param {Box & Axes} settings
 */
export const chart = ({ pen, colour }, settings) => {
  const { left, top, width, height } = settings;
  const scale = scales(settings);
  const { X, Y } = scale;

  const stroke = (/** @type {string} */ ink, thick = 2, /** @type {number[]} */ dash = []) => {
    Object.assign(pen, { strokeStyle: colour(ink), lineWidth: thick, lineJoin: "round" });
    pen.setLineDash(dash);
  };

  const inside = (/** @type {() => void} */ marks) => {
    pen.save();
    pen.beginPath();
    pen.rect(left, top, width, height);
    pen.clip();
    marks();
    pen.restore();
  };

  const path = (/** @type {Point[]} */ points) => {
    pen.beginPath();
    for (const [a, b] of points) pen.lineTo(X(a), Y(b)); // the first begins the path
  };

  /** @type {(words: string, px: number, py: number, how?: Lettering) => void} */
  const text = (words, px, py, { ink = "ink", align = "left", base = "middle" } = {}) => {
    Object.assign(pen, { fillStyle: colour(ink), textAlign: align, textBaseline: base });
    pen.fillText(words, px, py);
  };

  /** @type {(points: Point[], ink: string, how?: Line) => void} */
  const line = (points, ink, { thick = 2, dash = [] } = {}) =>
    inside(() => {
      stroke(ink, thick, dash);
      path(points);
      pen.stroke();
    });

  /** @type {(at: number, ink: string, how?: Line) => void} */
  const vertical = (at, ink, how) =>
    line(
      settings.y.map((end) => [at, end]),
      ink,
      how,
    );

  /** @type {(at: number, ink: string, how?: Line) => void} */
  const horizontal = (at, ink, how) =>
    line(
      settings.x.map((end) => [end, at]),
      ink,
      how,
    );

  /** @type {(points: Point[], ink: string, opacity?: number) => void} */
  const area = (points, ink, opacity = 0.18) =>
    inside(() => {
      path([[points[0][0], 0], ...points, [points[points.length - 1][0], 0]]);
      Object.assign(pen, { fillStyle: colour(ink), globalAlpha: opacity });
      pen.fill();
    });

  /** @type {(a: number, b: number, ink: string, size?: number) => void} */
  const dot = (a, b, ink, size = 5) => {
    pen.beginPath();
    pen.arc(X(a), Y(b), size, 0, 2 * Math.PI);
    pen.fillStyle = colour(ink);
    pen.fill();
  };

  const axes = () => {
    const { xLabel = "", yLabel = "", xTicks = [], yTicks = [], xDigits = 0, yDigits = 0 } = settings;
    stroke("grid", 1);
    for (const value of xTicks) {
      segment(pen, [X(value), top], [X(value), top + height]);
      text(shown(value, xDigits), X(value), top + height + 6, { ink: "quiet", align: "center", base: "top" });
    }
    for (const value of yTicks) {
      segment(pen, [left, Y(value)], [left + width, Y(value)]);
      text(shown(value, yDigits), left - 6, Y(value), { ink: "quiet", align: "right" });
    }
    if (xLabel) text(xLabel, left + width, top + height + 22, { ink: "quiet", align: "right", base: "top" });
    if (yLabel) text(yLabel, left - 4, top - 8, { ink: "quiet", base: "bottom" });
  };

  return { ...scale, axes, line, vertical, horizontal, area, dot, text, inside, stroke };
};

/**
 * A stroke from one point of the canvas to another.
 * @type {(pen: CanvasRenderingContext2D, from: Point, to: Point) => void}
 */
export const segment = (pen, [x, y], [tipX, tipY]) => {
  pen.beginPath();
  pen.moveTo(x, y);
  pen.lineTo(tipX, tipY);
  pen.stroke();
};

/**
 * A row of names beside pieces of their lines, from (left, top) on; it wraps at the canvas's right edge.
 * @type {(tools: Pick<Tools, "pen" | "width" | "colour">, entries: Entry[], left?: number, top?: number) => void}
 */
export const legend = ({ pen, width, colour }, entries, left = 50, top = 12) => {
  let x = left;
  let y = top;
  for (const { words, ink, dash = [] } of entries) {
    const room = 38 + pen.measureText(words).width;
    if (x > left && x + room > width) {
      x = left;
      y += 20;
    }
    Object.assign(pen, { strokeStyle: colour(ink), fillStyle: colour("ink"), lineWidth: 2.5 });
    Object.assign(pen, { textAlign: "left", textBaseline: "middle" });
    pen.setLineDash(dash);
    segment(pen, [x, y], [x + 30, y]);
    pen.fillText(words, x + 38, y);
    x += room + 24;
  }
  pen.setLineDash([]);
};
