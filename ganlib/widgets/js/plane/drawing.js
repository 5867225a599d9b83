/** The plane: the data, the fakes, and on what side of it the discriminator sees which; and what its marks mean. */

/** @import { Tools } from "../kit/canvas.js" */
/** @import { Chart } from "../kit/chart.js" */
/** @import { Seen } from "./look.js" */

import { chart, segment } from "../kit/chart.js";
import { border, shades, wash } from "./field.js";
import { EXTENT } from "./look.js";

/** @typedef {{ left: number, top: number, side: number }} Square */

const PUSHED = 100; // fakes that have an arrow
const UNIT = 24; // pixels of an arrow for a slope of 1
const LONGEST = 60;
const BAR = 70; // pixels from the middle of the bar of colours to its end

/** @type {(pen: CanvasRenderingContext2D, x: number, y: number, size: number) => void} */
const cross = (pen, x, y, size) => {
  pen.moveTo(x - size, y);
  pen.lineTo(x + size, y);
  pen.moveTo(x, y - size);
  pen.lineTo(x, y + size);
};

/** @type {(pen: CanvasRenderingContext2D, x: number, y: number, size: number) => void} */
const disc = (pen, x, y, size) => {
  pen.moveTo(x + size, y);
  pen.arc(x, y, size, 0, 2 * Math.PI);
};

/** @type {(tools: Tools, seen: Seen, ground: HTMLCanvasElement, axes: Chart, place: Square) => void} */
const paintGround = (tools, seen, ground, axes, { left, top, side }) => {
  const { pen } = tools;
  const cell = side / (seen.side - 1); // the outer points of the field lie on the edge
  wash(tools, seen, ground);
  pen.imageSmoothingEnabled = true;
  pen.drawImage(ground, left - cell / 2, top - cell / 2, side + cell, side + cell);
  axes.stroke("quiet", 1.2);
  pen.beginPath();
  for (const [[a, b], [c, d]] of border(seen)) {
    pen.moveTo(left + a * cell, top + b * cell);
    pen.lineTo(left + c * cell, top + d * cell);
  }
  pen.stroke();
};

/** @type {(tools: Tools, seen: Seen, axes: Chart) => void} */
const paintPoints = ({ pen, colour }, seen, axes) => {
  /** @type {(points: Float64Array, shape: typeof cross, size: number) => void} */
  const mark = (points, shape, size) => {
    pen.beginPath();
    for (let i = 0; i < points.length; i += 2) shape(pen, axes.X(points[i]), axes.Y(points[i + 1]), size);
  };
  mark(seen.fakes, disc, 3.4); // halos below, so that dots stand out from the ground
  pen.fillStyle = colour("card");
  pen.fill();
  mark(seen.fakes, disc, 2.6);
  pen.fillStyle = colour("fake");
  pen.fill();
  axes.stroke("ink", 1);
  mark(seen.real, cross, 2.3);
  pen.stroke();
};

/** @type {(tools: Tools, seen: Seen, axes: Chart) => void} */
const paintArrows = ({ pen }, seen, axes) => {
  axes.stroke("ink", 1.4);
  pen.beginPath();
  for (let i = 0; i < 2 * PUSHED; i += 2) {
    const push = Math.hypot(seen.pushes[i], seen.pushes[i + 1]);
    const long = Math.min(LONGEST, UNIT * push);
    if (!(long > 1)) continue;
    const x = axes.X(seen.fakes[i]);
    const y = axes.Y(seen.fakes[i + 1]);
    const u = seen.pushes[i] / push;
    const v = -seen.pushes[i + 1] / push;
    const tip = { x: x + long * u, y: y + long * v };
    const head = Math.min(5, long / 2);
    pen.moveTo(x, y);
    pen.lineTo(tip.x, tip.y);
    pen.moveTo(tip.x - head * (u - 0.6 * v), tip.y - head * (v + 0.6 * u));
    pen.lineTo(tip.x, tip.y);
    pen.lineTo(tip.x - head * (u + 0.6 * v), tip.y - head * (v - 0.6 * u));
  }
  pen.stroke();
};

/**
 * Draw the plane; `ground` is a canvas to draw the field on.
 * @type {(tools: Tools, seen: Seen, arrows: boolean, ground: HTMLCanvasElement, place: Square) => void}
 */
export const paintPlane = (tools, seen, arrows, ground, place) => {
  const { pen, colour } = tools;
  const { left, top, side } = place;
  const ticks = [-2, -1, 0, 1, 2];
  const axes = chart(tools, {
    ...{ left, top, width: side, height: side, x: [-EXTENT, EXTENT], y: [-EXTENT, EXTENT] },
    ...{ xTicks: ticks, yTicks: ticks },
  });
  axes.axes();
  axes.inside(() => {
    paintGround(tools, seen, ground, axes, place);
    paintPoints(tools, seen, axes);
    if (arrows) paintArrows(tools, seen, axes);
  });
  pen.setLineDash([]);
  pen.strokeStyle = colour("rule");
  pen.lineWidth = 1;
  pen.strokeRect(left, top, side, side);
};

/**
 * What the marks in the plane are, above it, and what its colours are, below.
 * @type {(tools: Tools, place: Square) => void}
 */
export const paintKey = (tools, { left, top, side }) => {
  const { pen, colour } = tools;
  const above = top - 16;
  const below = top + side + 36;
  const middle = left + side / 2;
  pen.setLineDash([]);
  Object.assign(pen, { textBaseline: "middle", textAlign: "left", lineWidth: 1.2 });
  Object.assign(pen, { strokeStyle: colour("ink"), fillStyle: colour("fake") });
  pen.beginPath();
  cross(pen, left + 6, above, 3.5);
  pen.stroke();
  pen.beginPath();
  disc(pen, left + 84, above, 3.5);
  pen.fill();
  pen.strokeStyle = colour("quiet");
  segment(pen, [left + 148, above], [left + 170, above]);
  pen.fillStyle = colour("ink");
  pen.fillText("real", left + 16, above);
  pen.fillText("fake", left + 94, above);
  pen.fillText("D undecided", left + 178, above);
  pen.fillStyle = shades(tools, middle - BAR, middle + BAR);
  pen.fillRect(middle - BAR, below - 6, 2 * BAR, 12);
  pen.strokeStyle = colour("rule");
  pen.strokeRect(middle - BAR, below - 6, 2 * BAR, 12);
  pen.fillStyle = colour("quiet");
  pen.textAlign = "right";
  pen.fillText("D sees fake", middle - BAR - 8, below);
  pen.textAlign = "left";
  pen.fillText("D sees real", middle + BAR + 8, below);
};
