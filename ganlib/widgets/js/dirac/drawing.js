/** Three panels: the players' plane, the eigenvalues in the complex plane, and the distance over the steps. */

/** @import { Tools } from "../kit/canvas.js" */
/** @import { Chart, Point } from "../kit/chart.js" */
/** @import { Pair, State } from "./dynamics.js" */

import { chart, legend, segment } from "../kit/chart.js";
import { clamp, range, shown } from "../kit/numbers.js";
import { eigenvalues, fieldOf, LAST, numbers, walk } from "./dynamics.js";
import { inWords, verdict } from "./words.js";

/**
 * @typedef {{ left: number, top: number, side: number }} Square
 * @typedef {{ left: number, top: number, wide: number, tall: number }} Strip
 *
 * @typedef {object} Layout Where the three panels stand, and the two lines of numbers.
 * @property {Square} plane
 * @property {Square} circle
 * @property {Strip} decay
 * @property {Pair[]} lines
 * @property {number} height of the whole
 */

/** How much of the plane is drawn, from its middle. */
export const REACH = 2.5;
const WIDE = 600;
const ARROWS = range(-2.25, 2.25, 13);

/**
 * The places of all parts in a canvas of this width.
 * @type {(width: number) => Layout}
 */
export const layout = (width) => {
  if (width > WIDE) {
    const side = clamp(width - 342, 240, 380);
    const left = side + 126;
    const wide = Math.min(200, width - left - 12);
    return {
      plane: { left: 44, top: 58, side },
      circle: { left, top: 58, side: Math.min(wide, 170) },
      decay: { left, top: 346, wide, tall: 90 },
      lines: [280, 300].map((y) => [left, y]),
      height: Math.max(side + 102, 480),
    };
  }
  const side = width - 50;
  const small = (width - 100) / 2;
  const top = side + 132;
  return {
    plane: { left: 36, top: 58, side },
    circle: { left: 36, top, side: small },
    decay: { left: 86 + small, top, wide: small, tall: small },
    lines: [56, 76].map((down) => [36, top + small + down]),
    height: top + small + 90,
  };
};

/**
 * An arrow of the field with its middle at (x, y), half as long as (dx, dy) on each side.
 * @type {(pen: CanvasRenderingContext2D, middle: Point, half: Point) => void}
 */
const paintArrow = (pen, [x, y], [dx, dy]) => {
  const tip = { x: x + dx, y: y + dy };
  pen.beginPath();
  pen.moveTo(x - dx, y - dy);
  pen.lineTo(tip.x, tip.y);
  for (const turn of [0.45, -0.45]) {
    const [cos, sin] = [Math.cos(turn), Math.sin(turn)];
    pen.moveTo(tip.x, tip.y); // the two strokes of its head
    pen.lineTo(tip.x - 0.7 * (dx * cos - dy * sin), tip.y - 0.7 * (dx * sin + dy * cos));
  }
  pen.stroke();
};

/** @type {(tools: Tools, axes: Chart, state: State, side: number) => void} */
const paintField = ({ pen }, axes, state, side) => {
  const v = fieldOf(state);
  axes.stroke("quiet", 1.2);
  pen.globalAlpha = 0.6;
  for (const theta of ARROWS) {
    for (const phi of ARROWS) {
      const [a, b] = v([theta, phi]);
      const speed = Math.hypot(a, b);
      if (speed < 1e-9) continue;
      const long = (side / 30) * Math.sqrt(speed / (0.5 + speed));
      paintArrow(pen, [axes.X(theta), axes.Y(phi)], [(long * a) / speed, (-long * b) / speed]);
    }
  }
  pen.globalAlpha = 1;
};

/** @type {(tools: Tools, state: State, path: Pair[], place: Square) => void} */
const paintPlane = (tools, state, path, { left, top, side }) => {
  const { pen } = tools;
  const ticks = [-2, -1, 0, 1, 2];
  const axes = chart(tools, {
    ...{ left, top, width: side, height: side, x: [-REACH, REACH], y: [-REACH, REACH], xTicks: ticks, yTicks: ticks },
    ...{ xLabel: "generator θ", yLabel: "discriminator φ" },
  });
  const [start, end] = [path[0], path[path.length - 1]];
  axes.axes();
  axes.inside(() => {
    paintField(tools, axes, state, side);
    axes.stroke("ink", 2);
    const [x, y] = [axes.X(0), axes.Y(0)];
    segment(pen, [x - 7, y], [x + 7, y]);
    segment(pen, [x, y - 7], [x, y + 7]);
  });
  axes.line(path, "fake", { thick: 1.4 });
  axes.inside(() => {
    for (const [theta, phi] of path.slice(0, -1)) axes.dot(theta, phi, "fake", 2.2);
    axes.dot(...end, "fake", 6);
    axes.dot(...start, "ink", 7.5);
    axes.dot(...start, "card", 4);
  });
};

/** @type {(tools: Tools, state: State, place: Square) => void} */
const paintCircle = (tools, state, { left, top, side }) => {
  const { pen, colour } = tools;
  const reach = 1.4;
  const axes = chart(tools, {
    ...{ left, top, width: side, height: side, x: [-reach, reach], y: [-reach, reach] },
    ...{ xTicks: [-1, 0, 1], yTicks: [-1, 0, 1], xLabel: "real part", yLabel: "eigenvalues λ of a step" },
  });
  axes.inside(() => {
    pen.beginPath();
    pen.arc(axes.X(0), axes.Y(0), axes.X(1) - axes.X(0), 0, 2 * Math.PI);
    Object.assign(pen, { fillStyle: colour("third"), globalAlpha: 0.14 });
    pen.fill();
    pen.globalAlpha = 1;
    axes.stroke("ink", 1.2);
    pen.stroke();
  });
  axes.axes();
  for (const value of eigenvalues(state)) {
    const [a, b] = value.map((part) => clamp(part, -reach, reach));
    const outside = a !== value[0] || b !== value[1];
    axes.stroke("real", 2);
    pen.fillStyle = colour(outside ? "card" : "real"); // hollow at the edge: it lies farther out
    pen.beginPath();
    pen.rect(axes.X(a) - 3, axes.Y(b) - 3, 6, 6);
    pen.fill();
    pen.stroke();
  }
};

/** @type {(tools: Tools, state: State, path: Pair[], radius: number, place: Strip) => void} */
const paintDecay = (tools, state, path, radius, { left, top, wide, tall }) => {
  const height = (/** @type {number} */ distance) => Math.log10(Math.max(distance, 1e-9));
  const start = Math.hypot(...path[0]);
  const axes = chart(tools, {
    ...{ left, top, width: wide, height: tall, x: [0, LAST], y: [-3, 2], xTicks: [0, 100, 200, 300] },
    ...{ xLabel: "steps", yLabel: "distance" },
  });
  axes.axes();
  for (const { power, words } of [
    { power: -3, words: "0.001" },
    { power: -1, words: "0.1" },
    { power: 1, words: "10" },
  ]) {
    axes.text(words, left - 6, axes.Y(power), { ink: "quiet", align: "right" });
    axes.horizontal(power, "grid", { thick: 1 });
  }
  const forecast = [0, LAST].map((step) => [step, height(start) + step * height(radius)]);
  axes.line(forecast, "real", { dash: [6, 4] });
  const marks = path.map((w, i) => [Math.min(i, state.steps), height(Math.hypot(...w))]);
  const [step, distance] = marks[marks.length - 1];
  axes.line(marks, "fake", { thick: 2.2 });
  axes.inside(() => axes.dot(step, distance, "fake", 4));
};

/**
 * The path that is drawn: between two steps its last stretch in part.
 * @type {(state: State) => Pair[]}
 */
const drawnPath = (state) => {
  const path = walk(state, Math.ceil(state.steps));
  const part = state.steps % 1;
  if (!part || path.length !== Math.ceil(state.steps) + 1) return path;
  const [from, to] = path.slice(-2);
  return [...path.slice(0, -1), [from[0] + part * (to[0] - from[0]), from[1] + part * (to[1] - from[1])]];
};

/**
 * Draw all of it.
 * @type {(tools: Tools, state: State) => void}
 */
export const paint = (tools, state) => {
  const places = layout(tools.width);
  const found = numbers(state);
  const { sign, word } = verdict(state, found);
  const path = drawnPath(state);
  paintPlane(tools, state, path, places.plane);
  paintCircle(tools, state, places.circle);
  paintDecay(tools, state, path, found.radius, places.decay);
  const entries = [
    { words: "the run", ink: "fake" },
    { words: "forecast by |λ|", ink: "real", dash: [6, 4] },
  ];
  legend(tools, entries, places.plane.left);
  const radius = sign === "=" ? "" : `${shown(found.radius, 4)} ${sign} `;
  Object.assign(tools.pen, { fillStyle: tools.colour("ink"), textAlign: "left", textBaseline: "middle" });
  tools.pen.fillText(`λ = ${inWords(found, ", ")}`, ...places.lines[0]);
  tools.pen.fillText(`|λ| = ${radius}1: ${word}`, ...places.lines[1]);
};
