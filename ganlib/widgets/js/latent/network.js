/** A generator as packing.py packs it, and how it runs: each step takes a flat vector and returns one. */

/**
 * @typedef {object} Net What comes from Python.
 * @property {number} latent the length of z
 * @property {number} code the length of a class's code
 * @property {string[]} classes
 * @property {[channels: number, height: number, width: number]} shape of a picture
 * @property {[number, number]} typical the lengths between which 95 of 100 latents lie
 * @property {8 | 16} bits of a weight
 * @property {Shape[]} steps
 * @property {string} weights in base64
 *
 * @typedef {{ kind: "dense", inputs: number, outputs: number }} DenseShape
 * @typedef {{ kind: "up", inputs: number, outputs: number, kernel: number, stride: number, padding: number }} UpShape
 * @typedef {{ kind: "leak", slope: number }} Leak
 * @typedef {DenseShape | UpShape | Leak | { kind: "tanh" }} Shape
 *
 * @typedef {object} Weights A weight is a whole number times the scale of its output.
 * @property {Float32Array} scale
 * @property {Float64Array} bias
 * @property {Int8Array | Int16Array} weight
 *
 * @typedef {DenseShape & Weights} Dense
 * @typedef {UpShape & Weights} Up
 * @typedef {Dense | Up | Leak | { kind: "tanh" }} Step
 *
 * @typedef {object} Generator
 * @property {Float32Array[]} directions the two of z along which pictures change most
 * @property {Float64Array[]} codes of the classes
 * @property {Step[]} steps
 */

/** @type {(step: Dense, x: Float64Array) => Float64Array} */
const dense = ({ inputs, scale, bias, weight }, x) =>
  bias.map((start, o) => {
    let sum = 0;
    for (let i = 0, at = o * inputs; i < inputs; i++, at++) sum += weight[at] * x[i];
    return start + scale[o] * sum;
  });

/**
 * A transposed convolution lays one kernel down for each input, on a plane from which the padding is cut off at the end.
 * @type {(step: Up, x: Float64Array) => Float64Array}
 */
const up = ({ inputs, outputs, kernel, stride, padding, scale, bias, weight }, x) => {
  const side = Math.sqrt(x.length / inputs);
  const whole = (side - 1) * stride + kernel;
  const kept = whole - 2 * padding;
  const plane = new Float64Array(whole * whole);
  const y = new Float64Array(outputs * kept * kept);
  for (let o = 0, at = 0; o < outputs; o++) {
    plane.fill(0);
    for (let i = 0; i < inputs; i++) {
      for (let a = 0; a < kernel; a++) {
        for (let b = 0; b < kernel; b++) {
          const w = weight[at++];
          for (let row = 0, from = i * side * side; row < side; row++) {
            let to = (row * stride + a) * whole + b;
            for (let column = 0; column < side; column++, to += stride) plane[to] += w * x[from++];
          }
        }
      }
    }
    for (let row = 0; row < kept; row++) {
      const from = (row + padding) * whole + padding;
      const to = (o * kept + row) * kept;
      for (let column = 0; column < kept; column++) y[to + column] = bias[o] + scale[o] * plane[from + column];
    }
  }
  return y;
};

/** @type {(step: Step, x: Float64Array) => Float64Array} */
const advance = (step, x) => {
  switch (step.kind) {
    case "dense":
      return dense(step, x);
    case "up":
      return up(step, x);
    case "leak":
      return x.map((value) => (value > 0 ? value : step.slope * value));
    case "tanh":
      return x.map(Math.tanh);
  }
};

/**
 * The picture that the generator makes of a latent with its class's code: pixels from -1 to 1.
 * @type {(generator: Generator, entered: Float64Array) => Float64Array}
 */
export const run = ({ steps }, entered) => steps.reduce((x, step) => advance(step, x), entered);

/**
 * The packed weights hold directions, codes, then scale and bias of each layer, as floats; then its weights as whole
 * numbers.
 * @type {(net: Net) => Generator}
 */
const unpack = (net) => {
  const { buffer } = Uint8Array.from(atob(net.weights), (letter) => letter.charCodeAt(0));
  let at = 0;
  const floats = (/** @type {number} */ count) => {
    const part = new Float32Array(buffer, at, count);
    at += part.byteLength;
    return part;
  };
  const integers = (/** @type {number} */ count) => {
    const part = net.bits === 8 ? new Int8Array(buffer, at, count) : new Int16Array(buffer, at, count);
    at += part.byteLength;
    return part;
  };
  const directions = [0, 1].map(() => floats(net.latent));
  const codes = net.classes.map(() => Float64Array.from(floats(net.code)));
  const begun = net.steps.map((step) =>
    "outputs" in step
      ? { shape: step, scale: floats(step.outputs), bias: Float64Array.from(floats(step.outputs)) }
      : step,
  );
  const steps = begun.map((part) => {
    if (!("shape" in part)) return part;
    const { shape, ...rest } = part;
    const square = shape.kind === "up" ? shape.kernel ** 2 : 1;
    return { ...shape, ...rest, weight: integers(shape.outputs * shape.inputs * square) };
  });
  return { directions, codes, steps };
};

/** @type {WeakMap<Net, Generator>} */
const opened = new WeakMap();

/**
 * The generator that a packed one holds; unpacked once.
 * @type {(net: Net) => Generator}
 */
export const open = (net) => {
  const found = opened.get(net) ?? unpack(net);
  opened.set(net, found);
  return found;
};
