/** A canvas as sharp as the screen. */

import { element } from "./dom.js";

/**
 * @typedef {object} Tools What an explorer draws with.
 * @property {CanvasRenderingContext2D} pen
 * @property {number} width of the canvas, in CSS pixels
 * @property {number} height
 * @property {(name: string) => string} colour a colour of the style sheet, in light or dark
 *
 * @typedef {number | ((width: number) => number)} Height A canvas's height in CSS pixels, which may depend on its width.
 */

const THEMES = ["data-theme", "data-mode", "data-jp-theme-light", "theme", "class"]; // attributes that switch to the dark

/**
 * The pen of a canvas; an error where the browser has none.
 * @type {(canvas: HTMLCanvasElement) => CanvasRenderingContext2D}
 */
export const penOf = (canvas) => {
  const pen = canvas.getContext("2d");
  if (!pen) throw new Error("This browser cannot draw on a canvas.");
  return pen;
};

/**
 * A canvas that is drawn again when its size or the theme has changed, or on `redraw`: at most once a frame.
 * @param {HTMLElement} root the element whose style decides colours and font
 * @param {{ height: Height, label: string, paint: (tools: Tools) => void }} settings
 */
export const stage = (root, { height, label, paint }) => {
  const canvas = element("canvas", { role: "img", "aria-label": label });
  const pen = penOf(canvas);
  let asked = 0;
  const draw = () => {
    asked = 0;
    const width = canvas.clientWidth;
    const ratio = window.devicePixelRatio || 1;
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
    pen.font = `${style.getPropertyValue("--text")} ${style.fontFamily}`;
    paint({ pen, width, height: tall, colour: (name) => style.getPropertyValue(`--${name}`).trim() });
  };
  const redraw = () => {
    asked ||= requestAnimationFrame(draw);
  };
  const resized = new ResizeObserver(redraw);
  const themed = new MutationObserver(redraw);
  const dark = window.matchMedia("(prefers-color-scheme: dark)");
  resized.observe(canvas);
  for (const node of [document.documentElement, document.body]) themed.observe(node, { attributeFilter: THEMES });
  dark.addEventListener("change", redraw);
  const stop = () => {
    cancelAnimationFrame(asked);
    resized.disconnect();
    themed.disconnect();
    dark.removeEventListener("change", redraw);
  };
  return { canvas, redraw, stop };
};
