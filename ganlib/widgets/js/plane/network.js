/** Networks of linear layers with LeakyReLU between them, their gradients, and Adam. */

/**
 * @typedef {object} Shape What decides a network besides its weights.
 * @property {number[]} sizes of the layers, the input first
 * @property {number} slope of LeakyReLU
 *
 * @typedef {{ from: number, to: number, w: number, b: number }} Layer Its sizes, and where its weights and biases begin.
 *
 * @typedef {object} Network The weights of all layers in one array, in PyTorch's order, W (to × from) before b.
 * @property {Layer[]} layers
 * @property {number} slope
 * @property {Float64Array} params
 * @property {Float64Array} m Adam's mean of gradients
 * @property {Float64Array} v Adam's mean of squares
 * @property {number} t Adam's steps
 */

const BETA2 = 0.99;
const EPS = 1e-8;

/**
 * How many weights a network of this shape has.
 * @type {(shape: Shape) => number}
 */
export const countOf = ({ sizes }) => sizes.slice(1).reduce((sum, to, l) => sum + (sizes[l] + 1) * to, 0);

/**
 * A network of this shape with these weights, which it changes as it trains.
 * @type {(shape: Shape, params: Float64Array) => Network}
 */
export const network = ({ sizes, slope }, params) => {
  let at = 0;
  const layers = sizes.slice(1).map((to, l) => {
    const layer = { from: sizes[l], to, w: at, b: at + sizes[l] * to };
    at = layer.b + to;
    return layer;
  });
  return { layers, slope, params, m: new Float64Array(at), v: new Float64Array(at), t: 0 };
};

/**
 * A product of two rows of n numbers, in four sums since each addition waits for the last. Here and in `add` all time is
 * spent.
 * @type {(a: Float64Array, i: number, b: Float64Array, j: number, n: number) => number}
 */
const dot = (a, i, b, j, n) => {
  let p = 0;
  let q = 0;
  let r = 0;
  let s = 0;
  let k = 0;
  for (; k < n - 3; k += 4) {
    p += a[i + k] * b[j + k];
    q += a[i + k + 1] * b[j + k + 1];
    r += a[i + k + 2] * b[j + k + 2];
    s += a[i + k + 3] * b[j + k + 3];
  }
  for (; k < n; k++) p += a[i + k] * b[j + k];
  return p + q + (r + s);
};

/**
 * Add to a row of n numbers the multiples `first` and `second` of two others.
 * @type {(sum: Float64Array, j: number, n: number, a: Float64Array, first: number, i: number, second: number, i2: number) => void}
 */
const add = (sum, j, n, a, first, i, second, i2) => {
  for (let k = 0; k < n; k++) sum[j + k] += first * a[i + k] + second * a[i2 + k];
};

/**
 * What each layer receives, and last what the network returns: tape[l] is the input of layer l, one row a sample.
 * @type {(net: Network, x: Float64Array) => Float64Array[]}
 */
export const forward = ({ layers, slope, params }, x) => {
  const tape = [x];
  for (const [l, { from, to, w, b }] of layers.entries()) {
    const input = tape[l];
    const n = input.length / from;
    const out = new Float64Array(n * to);
    const last = l === layers.length - 1;
    for (let i = 0; i < n; i++) {
      for (let o = 0; o < to; o++) {
        const sum = params[b + o] + dot(params, w + o * from, input, i * from, from);
        out[i * to + o] = last || sum > 0 ? sum : slope * sum;
      }
    }
    tape.push(out);
  }
  return tape;
};

/**
 * What the network returns.
 * @type {(net: Network, x: Float64Array) => Float64Array}
 */
export const outputs = (net, x) => forward(net, x)[net.layers.length];

/**
 * From the gradient in the outputs those in what each layer computes before its bend, deltas[l + 1] for layer l;
 * deltas[0] is the gradient in the inputs.
 * @type {(net: Network, tape: Float64Array[], gradient: Float64Array) => Float64Array[]}
 */
export const backward = ({ layers, slope, params }, tape, gradient) => {
  const deltas = [gradient];
  for (const [l, { from, to, w }] of [...layers.entries()].reverse()) {
    const input = tape[l];
    const above = deltas[0];
    const n = above.length / to;
    const below = new Float64Array(n * from);
    for (let i = 0; i < n; i++) {
      for (let o = 0; o < to; o += 2) {
        const at = i * to + o;
        const first = above[at];
        const second = o + 1 < to ? above[at + 1] : 0;
        const row = w + o * from;
        if (first || second) add(below, i * from, from, params, first, row, second, second ? row + from : w);
      }
    }
    if (l) for (let j = 0; j < below.length; j++) if (!(input[j] > 0)) below[j] *= slope;
    deltas.unshift(below);
  }
  return deltas;
};

/**
 * How what each layer receives moves when the input moves in a direction: the bends stay where they are.
 * @type {(net: Network, tape: Float64Array[], direction: Float64Array) => Float64Array[]}
 */
const tangents = ({ layers, slope, params }, tape, direction) => {
  const moved = [direction];
  for (const [l, { from, to, w }] of layers.slice(0, -1).entries()) {
    const input = moved[l];
    const n = input.length / from;
    const out = new Float64Array(n * to);
    for (let i = 0; i < n; i++) {
      for (let o = 0; o < to; o++) {
        const sum = dot(params, w + o * from, input, i * from, from);
        out[i * to + o] = tape[l + 1][i * to + o] > 0 ? sum : slope * sum;
      }
    }
    moved.push(out);
  }
  return moved;
};

/**
 * Add the gradient in the weights to `sum`: each layer's deltas times its inputs, and with biases the deltas themselves.
 * @type {(net: Network, inputs: Float64Array[], deltas: Float64Array[], sum: Float64Array, biases?: boolean) => void}
 */
export const collect = ({ layers }, inputs, deltas, sum, biases = true) => {
  for (const [l, { from, to, w, b }] of layers.entries()) {
    const input = inputs[l];
    const above = deltas[l + 1];
    const n = above.length / to;
    for (let i = 0; i < n; i += 2) {
      for (let o = 0; o < to; o++) {
        const first = above[i * to + o];
        const other = i + 1 < n ? i + 1 : i;
        const second = other > i ? above[other * to + o] : 0;
        if (!first && !second) continue;
        if (biases) sum[b + o] += first + second;
        add(sum, w + o * from, from, input, first, i * from, second, other * from);
      }
    }
  }
};

/**
 * R1, γ/2 E‖∇a(x)‖²; its gradient in the weights is added to `sum`. ∇a is a product of the layers' matrices, so one pass
 * back gives it, and one pass forward along ∇a gives the factor that multiplies each matrix's delta.
 * @type {(net: Network, tape: Float64Array[], gamma: number, sum: Float64Array) => number}
 */
export const r1 = (net, tape, gamma, sum) => {
  const n = tape[net.layers.length].length;
  const slopes = backward(net, tape, new Float64Array(n).fill(1));
  const direction = slopes[0].map((g) => (g * gamma) / n);
  collect(net, tangents(net, tape, direction), slopes, sum, false);
  return (gamma / 2 / n) * slopes[0].reduce((total, g) => total + g * g, 0);
};

/**
 * A step of Adam.
 * @type {(net: Network, gradient: Float64Array, rate: number, beta1: number) => void}
 */
export const adam = (net, gradient, rate, beta1) => {
  const { params, m, v } = net;
  net.t += 1;
  const size = rate / (1 - beta1 ** net.t);
  const root = Math.sqrt(1 - BETA2 ** net.t);
  for (let j = 0; j < params.length; j++) {
    const g = gradient[j];
    m[j] = beta1 * m[j] + (1 - beta1) * g;
    v[j] = BETA2 * v[j] + (1 - BETA2) * g * g;
    params[j] -= (size * m[j]) / (Math.sqrt(v[j]) / root + EPS);
  }
};
