/** The discriminator's field as the ground of the picture, and the line on which it is undecided. */

/** @import { Tools } from "../kit/canvas.js" */
/** @import { Point } from "../kit/chart.js" */
/** @import { Seen } from "./look.js" */

import { penOf } from "../kit/canvas.js";
import { sigmoid } from "../kit/numbers.js";

const STRONG = 0.62; // of a colour, at most: the ground is paler than the points on it

/** @type {(tools: Tools, name: string) => number[]} */
const rgb = ({ colour }, name) => [1, 3, 5].map((at) => Number.parseInt(colour(name).slice(at, at + 2), 16));

/** @type {(card: number[], ink: number[], strength: number) => number[]} */
const mixed = (card, ink, strength) => card.map((level, j) => level + STRONG * strength * (ink[j] - level));

/**
 * Draw the field on a canvas of its own, a pixel for each of its points: the card's colour where it is undecided.
 * @type {(tools: Tools, seen: Seen, canvas: HTMLCanvasElement) => void}
 */
export const wash = (tools, { field, side }, canvas) => {
  const [fake, real, card] = ["fake", "real", "card"].map((name) => rgb(tools, name));
  canvas.width = side;
  canvas.height = side;
  const pen = penOf(canvas);
  const image = pen.createImageData(side, side);
  for (const [i, a] of field.entries()) {
    const lean = 2 * sigmoid(a) - 1;
    image.data.set([...mixed(card, lean < 0 ? fake : real, Math.abs(lean)), 255], 4 * i);
  }
  pen.putImageData(image, 0, 0);
};

/**
 * The colours from fake to real, for a horizontal bar between two places of the canvas.
 * @type {(tools: Tools, from: number, to: number) => CanvasGradient}
 */
export const shades = (tools, from, to) => {
  const gradient = tools.pen.createLinearGradient(from, 0, to, 0);
  const card = rgb(tools, "card");
  for (const [i, name] of ["fake", "card", "real"].entries()) {
    gradient.addColorStop(i / 2, `rgb(${mixed(card, rgb(tools, name), 1).map(Math.round)})`);
  }
  return gradient;
};

/**
 * The line on which the field is 0, as pieces in the field's own columns and rows.
 * @type {(seen: Pick<Seen, "field" | "side">) => [Point, Point][]}
 */
export const border = ({ field, side }) => {
  /** @type {[Point, Point][]} */
  const pieces = [];
  const around = [0, 1, 1, 0].map((c, i) => ({ c, r: i >> 1 })); // the corners of a cell, one after the other
  for (let row = 0; row < side - 1; row++) {
    for (let column = 0; column < side - 1; column++) {
      const corners = around.map(({ c, r }) => ({
        x: column + c,
        y: row + r,
        a: field[(row + r) * side + column + c],
      }));
      const crossed = corners.flatMap((here, i) => {
        const next = corners[(i + 1) % 4];
        if (here.a < 0 === next.a < 0) return [];
        const part = here.a / (here.a - next.a);
        return [[here.x + part * (next.x - here.x), here.y + part * (next.y - here.y)]];
      });
      for (let i = 0; i + 1 < crossed.length; i += 2) pieces.push([crossed[i], crossed[i + 1]]);
    }
  }
  return pieces;
};
