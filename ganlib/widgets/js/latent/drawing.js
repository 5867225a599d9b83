/** The picture of a walk: the present image, a strip of images, and two curves below it. */

/** @import { Tools } from "../kit/canvas.js" */
/** @import { Axes, Box, Point } from "../kit/chart.js" */
/** @import { Net } from "./network.js" */
/** @import { State } from "./walk.js" */

import { penOf } from "../kit/canvas.js";
import { chart } from "../kit/chart.js";
import { element } from "../kit/dom.js";
import { range, roundedUp, shown } from "../kit/numbers.js";
import { piece, present, STEPS, size, walk } from "./walk.js";

const WIDE = 600;
const SHOWN = 2; // every second picture of the walk is shown in the strip
const GAP = 4; // between two of them

/**
 * The canvas's height for a width.
 * @type {(width: number) => number}
 */
export const height = (width) => (width > WIDE ? 330 : 550);

/**
 * An image, its pixels as squares.
 * @type {(tools: Tools, picture: Float64Array, shape: Net["shape"], corner: Point, side: number) => void}
 */
const paintImage = ({ pen, colour }, picture, [channels, rows, columns], [left, top], side) => {
  const small = element("canvas", { width: columns, height: rows });
  const data = new ImageData(columns, rows);
  const area = columns * rows;
  /** @type {(i: number, c: number) => number} */
  const level = (i, c) => (picture[i + (channels === 1 ? 0 : c * area)] + 1) * 127.5;
  for (let i = 0; i < area; i++) data.data.set([level(i, 0), level(i, 1), level(i, 2), 255], 4 * i);
  penOf(small).putImageData(data, 0, 0);
  pen.imageSmoothingEnabled = false;
  pen.drawImage(small, left, top, side, side);
  Object.assign(pen, { strokeStyle: colour("rule"), lineWidth: 1 });
  pen.setLineDash([]);
  pen.strokeRect(left, top, side, side);
};

/** @type {(tools: Tools, words: string, x: number, y: number) => void} */
const write = ({ pen, colour }, words, x, y) => {
  Object.assign(pen, { fillStyle: colour("ink"), textAlign: "left", textBaseline: "middle" });
  pen.fillText(words, x, y);
};

/** @type {(tools: Tools, state: State, left: number, top: number, width: number) => void} */
const paintCurves = (tools, state, left, top, width) => {
  const { net, alpha } = state;
  const { change } = walk(state);
  /** @type {Pick<Box & Axes, "left" | "width" | "height" | "x" | "xDigits">} */
  const across = { left, width, height: 58, x: [0, 1], xDigits: 2 };
  const most = roundedUp(Math.max(...change) || 1);
  const [low, high] = net.typical;
  const upper = chart(tools, {
    ...{
      ...across,
      top: top + 44,
      y: [0, most],
      yTicks: [0, most],
      yDigits: Math.max(0, -Math.floor(Math.log10(most))),
    },
    yLabel: "change of the picture, per unit of α",
  });
  const lower = chart(tools, {
    ...{ ...across, top: top + 144, y: [0, high + 2], yTicks: [0, Math.round(Math.sqrt(net.latent))] },
    ...{ xTicks: [0, 0.25, 0.5, 0.75, 1], xLabel: "α", yLabel: "length of z; band: 95 % of all latents" },
  });
  upper.axes();
  for (const [i, value] of change.entries()) {
    const here = i === piece(alpha);
    const ends = [0.06, 0.94].map((part) => [(i + part) / STEPS, value]);
    upper.area(ends, here ? "real" : "quiet", here ? 0.9 : 0.4);
  }
  const band = [
    [0, high],
    [1, high],
    [1, low],
    [0, low],
  ];
  lower.area(band, "real", 0.2);
  lower.axes();
  const lengths = range(0, 1, 41).map((a) => [a, size(state, a)]);
  lower.line(lengths, "fake", { thick: 2.5 });
  lower.dot(alpha, size(state, alpha), "fake");
  for (const axes of [upper, lower]) axes.vertical(alpha, "ink", { thick: 1.5, dash: [4, 3] });
};

/**
 * Draw all of it.
 * @type {(tools: Tools, state: State) => void}
 */
export const paint = (tools, state) => {
  const { net, alpha } = state;
  const { pen, colour, width: wide } = tools;
  const beside = wide > WIDE;
  const big = beside ? 268 : 200;
  const left = beside ? big + 30 : 12;
  const top = beside ? 30 : big + 66;
  const count = STEPS / SHOWN;
  const small = (wide - 1 - left - count * GAP) / (count + 1);
  const corner = beside ? 1 : (wide - big) / 2;
  write(tools, `the picture at α = ${shown(alpha)}`, corner, 12);
  paintImage(tools, present(state), net.shape, [corner, 30], big);
  write(tools, "along the walk", left, top - 18);
  for (const [i, picture] of walk(state).pictures.entries()) {
    if (i % SHOWN === 0) paintImage(tools, picture, net.shape, [left + (i / SHOWN) * (small + GAP), top], small);
  }
  const middle = left + small / 2;
  const length = count * (small + GAP);
  paintCurves(tools, state, middle, top + small, length);
  const x = middle + alpha * length; // where on the strip the picture stands
  pen.beginPath();
  pen.moveTo(x, top - 2);
  pen.lineTo(x - 6, top - 11);
  pen.lineTo(x + 6, top - 11);
  pen.fillStyle = colour("ink");
  pen.fill();
};
