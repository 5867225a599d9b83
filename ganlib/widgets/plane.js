const EXTENT = 2.5;  // the picture shows the plane from -2.5 to 2.5, in units in which the data have unit scale
const WIDE = 600;
const KEPT = 360;  // points of a curve; above that, neighbours are joined

const GAMES = {
  non_saturating: "non-saturating", minimax: "minimax", least_squares: "least squares",
  hinge: "hinge", wasserstein: "Wasserstein", relativistic: "relativistic (pairs)",
};
const DATA = {
  ring: "ring of 8", grid9: "grid of 9", grid: "grid of 25", two: "two Gaussians", spiral: "spiral of 24 pieces",
};
const SETTINGS = { data: "data", loss: "loss", gamma: "γ", d_rate: "η_D", g_rate: "η_G", momentum: "β₁" };

// All that trains. Its text is also the worker's, so it uses nothing from outside but the kit's sigmoid and softplus.
const engine = () => {
  const BETA2 = 0.99, EPS = 1e-8, BATCH = 128, SEEN = 1000, DRAWN = 300;

  // Each game for one pair of logits, r of a real and f of a fake: the discriminator's loss with its slopes in r and in f,
  // and the generator's with its slope in f; what they are where nothing is decided; the middle and scale of the colours.
  const entropy = (r, f) => [softplus(-r) + softplus(f), -sigmoid(-r), sigmoid(f)];
  const score = (r, f) => [-f, -1];
  const games = {
    non_saturating: { critic: entropy, player: (r, f) => [softplus(-f), -sigmoid(-f)], undecided: [Math.log(4), Math.log(2)], middle: 0 },
    minimax: { critic: entropy, player: (r, f) => [-softplus(f), -sigmoid(f)], undecided: [Math.log(4), -Math.log(2)], middle: 0 },
    least_squares: {
      critic: (r, f) => [((r - 1) ** 2 + f ** 2) / 2, r - 1, f], player: (r, f) => [(f - 1) ** 2 / 2, f - 1],
      undecided: [1 / 4, 1 / 8], middle: 1 / 2, gain: 4,
    },
    hinge: {
      critic: (r, f) => [Math.max(0, 1 - r) + Math.max(0, 1 + f), r < 1 ? -1 : 0, f > -1 ? 1 : 0], player: score,
      undecided: [2, 0], middle: 0,
    },
    wasserstein: { critic: (r, f) => [f - r, -1, 1], player: score, undecided: [0] },
    relativistic: {
      critic: (r, f) => [softplus(f - r), -sigmoid(f - r), sigmoid(f - r)], player: (r, f) => [softplus(r - f), -sigmoid(r - f)],
      undecided: [Math.log(2), Math.log(2)], gain: 1, paired: true,
    },
  };

  // Networks: the weights of all layers in one array, in PyTorch's order, W (to × from) before b.
  const network = ({ sizes, slope }, params) => {
    let at = 0;
    const layers = sizes.slice(1).map((to, l) => {
      const layer = { from: sizes[l], to, w: at, b: at + sizes[l] * to };
      at = layer.b + to;
      return layer;
    });
    return { layers, slope, params: params ?? new Float64Array(at), m: new Float64Array(at), v: new Float64Array(at), t: 0 };
  };
  const count = ({ sizes }) => sizes.slice(1).reduce((sum, to, l) => sum + (sizes[l] + 1) * to, 0);
  const players = ({ generator, discriminator }, weights) => ({
    generator: network(generator, Float64Array.from(weights.subarray(0, count(generator)))),
    discriminator: network(discriminator, Float64Array.from(weights.subarray(count(generator)))),
  });

  // The two loops in which all time is spent: a product of two rows, in four sums since each addition waits for the last,
  // and a row plus a multiple of each of two others.
  const dot = (a, i, b, j, n) => {
    let p = 0, q = 0, r = 0, s = 0, k = 0;
    for (; k < n - 3; k += 4) {
      p += a[i + k] * b[j + k];
      q += a[i + k + 1] * b[j + k + 1];
      r += a[i + k + 2] * b[j + k + 2];
      s += a[i + k + 3] * b[j + k + 3];
    }
    for (; k < n; k++) p += a[i + k] * b[j + k];
    return p + q + (r + s);
  };
  const add = (sum, j, n, a, first, i, second, i2) => {
    for (let k = 0; k < n; k++) sum[j + k] += first * a[i + k] + second * a[i2 + k];
  };

  // What each layer receives, and last what the network returns: tape[l] is the input of layer l, one row a sample.
  const forward = ({ layers, slope, params }, x) => {
    const tape = [x];
    layers.forEach(({ from, to, w, b }, l) => {
      const input = tape[l], n = input.length / from, out = new Float64Array(n * to), last = l === layers.length - 1;
      for (let i = 0; i < n; i++) for (let o = 0; o < to; o++) {
        const sum = params[b + o] + dot(params, w + o * from, input, i * from, from);
        out[i * to + o] = last || sum > 0 ? sum : slope * sum;
      }
      tape.push(out);
    });
    return tape;
  };

  // From the gradient in the outputs those in what each layer computes before its bend, deltas[l + 1] for layer l;
  // deltas[0] is the gradient in the inputs.
  const backward = ({ layers, slope, params }, tape, gradient) => {
    const deltas = [];
    deltas[layers.length] = gradient;
    for (let l = layers.length - 1; l >= 0; l--) {
      const { from, to, w } = layers[l], input = tape[l], above = deltas[l + 1], n = above.length / to;
      const below = (deltas[l] = new Float64Array(n * from));
      for (let i = 0; i < n; i++) for (let o = 0; o < to; o += 2) {
        const at = i * to + o, second = o + 1 < to ? above[at + 1] : 0;
        if (above[at] || second) add(below, i * from, from, params, above[at], w + o * from, second, second ? w + (o + 1) * from : w);
      }
      if (l) for (let j = 0; j < below.length; j++) if (!(input[j] > 0)) below[j] *= slope;
    }
    return deltas;
  };

  // How what each layer receives moves when the input moves in a direction: the bends stay where they are.
  const tangents = ({ layers, slope, params }, tape, direction) => {
    const moved = [direction];
    layers.slice(0, -1).forEach(({ from, to, w }, l) => {
      const input = moved[l], n = input.length / from, out = new Float64Array(n * to);
      for (let i = 0; i < n; i++) for (let o = 0; o < to; o++) {
        const sum = dot(params, w + o * from, input, i * from, from);
        out[i * to + o] = tape[l + 1][i * to + o] > 0 ? sum : slope * sum;
      }
      moved.push(out);
    });
    return moved;
  };

  // Add the gradient in the weights: each layer's deltas times its inputs, and with biases the deltas themselves.
  const collect = ({ layers }, inputs, deltas, sum, biases = true) => layers.forEach(({ from, to, w, b }, l) => {
    const input = inputs[l], above = deltas[l + 1], n = above.length / to;
    for (let i = 0; i < n; i += 2) for (let o = 0; o < to; o++) {
      const first = above[i * to + o], other = i + 1 < n ? i + 1 : i, second = other > i ? above[other * to + o] : 0;
      if (!first && !second) continue;
      if (biases) sum[b + o] += first + second;
      add(sum, w + o * from, from, input, first, i * from, second, other * from);
    }
  });

  // γ/2 E‖∇a(x)‖² and its gradient in the weights. ∇a is a product of the layers' matrices, so one pass back gives it,
  // and one pass forward along ∇a gives the factor that multiplies each matrix's delta.
  const r1 = (net, tape, gamma, sum) => {
    const n = tape.at(-1).length, slopes = backward(net, tape, new Float64Array(n).fill(1)), direction = slopes[0];
    const value = (gamma / 2 / n) * direction.reduce((total, g) => total + g * g, 0);
    collect(net, tangents(net, tape, direction.map((g) => (g * gamma) / n)), slopes, sum, false);
    return value;
  };

  const adam = (net, gradient, rate, beta1) => {
    const { params, m, v } = net;
    net.t += 1;
    const size = rate / (1 - beta1 ** net.t), root = Math.sqrt(1 - BETA2 ** net.t);
    for (let j = 0; j < params.length; j++) {
      const g = gradient[j];
      m[j] = beta1 * m[j] + (1 - beta1) * g;
      v[j] = BETA2 * v[j] + (1 - BETA2) * g * g;
      params[j] -= (size * m[j]) / (Math.sqrt(v[j]) / root + EPS);
    }
  };

  // A mean loss over pairs of logits, and its slopes: one array for each of the loss's arguments that it returns.
  const mean = (loss, real, fake) => {
    let value = 0;
    const n = fake.length, slopes = [new Float64Array(n), new Float64Array(n)];
    for (let i = 0; i < n; i++) {
      const [each, ...own] = loss(real[i], fake[i]);
      value += each / n;
      own.forEach((slope, j) => { slopes[j][i] = slope / n; });
    }
    return [value, ...slopes];
  };

  // ganlib.training.step: the discriminator's update, then the generator's. Returns both losses, without the penalty.
  const step = ({ generator, discriminator }, { loss, gamma, d_rate, g_rate, momentum }, real, z) => {
    const game = games[loss], made = forward(generator, z), fake = made.at(-1);

    const tapes = [forward(discriminator, real), forward(discriminator, fake)];
    const [dLoss, ...slopes] = mean(game.critic, ...tapes.map((tape) => tape.at(-1)));
    const dSum = new Float64Array(discriminator.params.length);
    tapes.forEach((tape, j) => collect(discriminator, tape, backward(discriminator, tape, slopes[j]), dSum));
    const price = gamma > 0 ? r1(discriminator, tapes[0], gamma, dSum) : 0;
    adam(discriminator, dSum, d_rate, momentum);

    const tape = forward(discriminator, fake), compared = game.paired ? forward(discriminator, real).at(-1) : tape.at(-1);
    const [gLoss, slope] = mean(game.player, compared, tape.at(-1));
    const gSum = new Float64Array(generator.params.length);
    collect(generator, made, backward(generator, made, backward(discriminator, tape, slope)[0]), gSum);
    adam(generator, gSum, g_rate, momentum);
    return [dLoss, gLoss, price];
  };

  // Chance with a seed: uniform by mulberry32, normal by Box and Muller.
  const chance = (seed) => {
    let state = (seed * 0x9e3779b9 + 1) | 0;
    const uniform = () => {
      state = (state + 0x6d2b79f5) | 0;
      let t = Math.imul(state ^ (state >>> 15), 1 | state);
      t = (t + Math.imul(t ^ (t >>> 7), 61 | t)) ^ t;
      return ((t ^ (t >>> 14)) >>> 0) / 4294967296;
    };
    const normal = () => Math.sqrt(-2 * Math.log(1 - uniform())) * Math.cos(2 * Math.PI * uniform());
    return { uniform, normals: (n) => Float64Array.from({ length: n }, normal) };
  };
  const untrained = (layers, { uniform }) => Float64Array.from(["generator", "discriminator"].flatMap((name) =>
    layers[name].sizes.slice(1).flatMap((to, l) => {  // as nn.Linear begins
      const from = layers[name].sizes[l];
      return Array.from({ length: (from + 1) * to }, () => (2 * uniform() - 1) / Math.sqrt(from));
    })));

  // The data: equally likely Gaussians, brought to unit scale.
  const circle = (n, turns, radius) => Array.from({ length: n }, (_, i) => {
    const angle = (2 * Math.PI * turns * i) / n;
    return [radius(i / n) * Math.cos(angle), radius(i / n) * Math.sin(angle)];
  });
  const square = (side) => Array.from({ length: side * side }, (_, i) => [Math.floor(i / side), i % side].map((at) => 2 * at - side + 1));
  const kinds = {
    ring: () => [circle(8, 1, () => 1), 0.05], two: () => [[[-1, 0], [1, 0]], 0.1], spiral: () => [circle(24, 1.5, (t) => 0.2 + t), 0.05],
    grid9: () => [square(3), 0.1], grid: () => [square(5), 0.1],
  };
  const mixture = (name) => {
    const [means, sd] = kinds[name]();
    const middle = [0, 1].map((j) => means.reduce((sum, mode) => sum + mode[j], 0) / means.length);
    const spread = means.reduce((sum, mode) => sum + (mode[0] - middle[0]) ** 2 + (mode[1] - middle[1]) ** 2, 0) / means.length / 2;
    const scale = Math.sqrt(spread + sd * sd);
    return { means: means.map((mode) => mode.map((at) => at / scale)), sd: sd / scale, scale };
  };
  const sample = ({ means, sd }, n, { uniform, normals }) => {
    const points = normals(2 * n);
    for (let i = 0; i < n; i++) {
      const mode = means[Math.floor(uniform() * means.length)];
      for (const j of [0, 1]) points[2 * i + j] = mode[j] + sd * points[2 * i + j];
    }
    return points;
  };

  // The measures of coverage: samples within three standard deviations of a mode, and modes with at least 20 in 2,500 of them.
  const coverage = (points, { means, sd }) => {
    const counts = means.map(() => 0), n = points.length / 2;
    for (let i = 0; i < n; i++) {
      const near = means.findIndex(([a, b]) => (points[2 * i] - a) ** 2 + (points[2 * i + 1] - b) ** 2 <= 9 * sd * sd);
      if (near >= 0) counts[near] += 1;
    }
    const modes = counts.filter((found) => found >= (20 / 2500) * n).length;
    return { modes, of: means.length, share: counts.reduce((a, b) => a + b) / n };
  };

  // What the picture shows of the players, always from the same latents and the same real samples.
  const average = (values) => values.reduce((sum, value) => sum + value, 0) / values.length;
  const look = ({ generator, discriminator }, { data, loss }, extent) => {
    const target = mixture(data), game = games[loss];
    const fakes = forward(generator, chance(7).normals(SEEN * generator.layers[0].from)).at(-1);
    const real = sample(target, SEEN, chance(8));
    const tape = forward(discriminator, fakes.subarray(0, 2 * DRAWN));
    const compared = forward(discriminator, real.subarray(0, 2 * DRAWN)).at(-1);
    const [dLoss] = mean(game.critic, compared, tape.at(-1)), [gLoss, slope] = mean(game.player, compared, tape.at(-1));
    const pushes = backward(discriminator, tape, slope)[0].map((each) => -each * DRAWN);  // of each fake's own loss
    const side = Math.round(Math.min(37, Math.max(25, Math.sqrt(4e6 / discriminator.params.length))));
    const plane = Float64Array.from({ length: 2 * side * side }, (_, j) => {
      const at = j % 2 ? side - 1 - Math.floor(j / 2 / side) : (j >> 1) % side;
      return extent * ((2 * at) / (side - 1) - 1);
    });
    const means = [average(compared), average(tape.at(-1))];
    const middle = game.middle ?? (means[0] + means[1]) / 2;
    const gain = game.gain ?? (game.middle === 0 ? 1 : 4 / Math.max(1e-6, Math.abs(means[0] - means[1])));
    const field = forward(discriminator, plane).at(-1).map((a) => gain * (a - middle));
    return {
      fakes: fakes.slice(0, 2 * DRAWN), real: real.slice(0, 2 * DRAWN), pushes, field, side, losses: [dLoss, gLoss],
      undecided: game.undecided, ...coverage(fakes, target),
    };
  };

  // A run: what it is asked is where to begin, with which settings, and how long to train; it answers with a look.
  const runner = () => {
    let pair, luck, done, finite;
    return ({ load, settings, extent, steps = 0, budget = 0, ...rest }) => {
      if (load) {
        luck = chance(load.seed);
        pair = players(load.layers, load.weights ?? untrained(load.layers, luck));
        [done, finite] = [0, true];
      }
      const data = mixture(settings.data), from = performance.now(), sums = [0, 0];
      let taken = 0;
      while (finite && (taken < steps || performance.now() - from < budget)) {
        const real = sample(data, BATCH, luck), z = luck.normals(BATCH * pair.generator.layers[0].from);
        const found = step(pair, settings, real, z);
        sums.forEach((_, j) => { sums[j] += found[j]; });
        finite = found.every(Number.isFinite) && Math.abs(found[0]) < 1e12;
        taken += 1;
      }
      done += taken;
      const seen = look(pair, settings, extent);
      return { ...rest, ...seen, step: done, finite, losses: taken ? sums.map((sum) => sum / taken) : seen.losses };
    };
  };
  return { games, network, players, count, forward, step, mean, r1, mixture, runner };
};

const local = engine();

// The trained weights: bytes as the kernel or the page holds them, or still as text.
const floats = (weights) => {
  if (weights.base64 !== undefined) return new Float32Array(Uint8Array.from(atob(weights.base64), (letter) => letter.charCodeAt(0)).buffer);
  return new Float32Array(weights.buffer.slice(weights.byteOffset, weights.byteOffset + weights.byteLength));
};

// The players after each batch was one step of training; batches: [{ real, z }], rows of numbers.
export const train = (state, batches) => {
  const pair = local.players(state.layers, floats(state.weights));
  const losses = batches.map(({ real, z }) => local.step(pair, state, Float64Array.from(real.flat()), Float64Array.from(z.flat())));
  return { generator: [...pair.generator.params], discriminator: [...pair.discriminator.params], losses };
};

// Three points and three latents that the tests know, what the players make of them, and the same after a step on them.
export const numbers = (state) => {
  const row = (i, columns) => Array.from({ length: columns }, (_, j) => 1.5 * Math.sin(1 + i + 2.7 * j));
  const fixed = (columns) => Float64Array.from([0, 1, 2].flatMap((i) => row(i, columns)));
  const real = fixed(2), z = fixed(state.layers.generator.sizes[0]), found = {};
  const tell = (name, { generator, discriminator }) => {
    local.forward(discriminator, real).at(-1).forEach((a, i) => { found[`${name} logit ${i}`] = a; });
    local.forward(generator, z).at(-1).forEach((at, i) => { found[`${name} image ${i}`] = at; });
  };
  const pair = local.players(state.layers, floats(state.weights));
  tell("given", pair);
  const [dLoss, gLoss, price] = local.step(pair, state, real, z);
  tell("moved", pair);
  const { means, sd, scale } = local.mixture(state.data);
  return { ...found, d_loss: dLoss, g_loss: gLoss, price, modes: means.length, x: means[1][0], y: means[1][1], sd, scale };
};

// Training off the page's own thread; on it where workers are forbidden.
const staff = (hear) => {
  const text = `const sigmoid = ${sigmoid}, softplus = ${softplus}, answer = (${engine})().runner();
    onmessage = ({ data }) => postMessage(answer(data));`;
  const address = URL.createObjectURL(new Blob([text], { type: "text/javascript" }));
  let worker = null, asked = null, answer = null;
  const here = () => {
    worker = null;
    answer ??= local.runner();
    if (asked) setTimeout(() => hear(answer(asked)));
  };
  try {
    worker = new Worker(address);
    worker.onmessage = ({ data }) => hear(data);
    worker.onerror = here;
  } catch { here(); }
  return {
    ask(question) {
      asked = question;
      if (worker) worker.postMessage(question); else here();
    },
    stop() { worker?.terminate(); URL.revokeObjectURL(address); },
  };
};

// A slider whose handle moves by powers of ten. With `off`, its left end is the value 0.
const powers = (name, { label, min, max, off = false }) => slider(name, {
  label,
  min,
  max,
  step: 0.05,
  show: (value) => (value > 0 ? setting(value) : "0 (off)"),
  at: (value) => (value > 0 ? Math.log10(value) : min),
  from: (power) => (off && power <= min ? 0 : Number((10 ** power).toPrecision(2))),
});

const brief = (value) => (Math.abs(value) < 1000 ? shown(value, 2) : value.toExponential(1).replace("-", "−"));
const grouped = (n) => n.toLocaleString("en");
const setting = (value) => (typeof value === "number" ? String(Number(value.toPrecision(2))) : { ...GAMES, ...DATA }[value]);

// Round numbers for the ticks of an axis that must hold these values.
const ticksFor = (values) => {
  const low = Math.min(...values), high = Math.max(...values), rough = Math.max(high - low, 0.1) / 3;
  const power = 10 ** Math.floor(Math.log10(rough)), unit = power * [1, 2, 5, 10].find((factor) => factor * power >= rough);
  const first = Math.floor(low / unit), last = Math.ceil(high / unit + 1e-9);
  const ticks = Array.from({ length: last - first + 1 }, (_, i) => (first + i) * unit);
  return { ticks, digits: Math.max(0, -Math.floor(Math.log10(unit))) };
};

const rgb = (hex) => [1, 3, 5].map((at) => parseInt(hex.slice(at, at + 2), 16));

// The discriminator's field, paler than the points on it: the card's colour where it is undecided.
const wash = ({ colour }, { field, side }, canvas) => {
  const [fake, real, card] = ["fake", "real", "card"].map((name) => rgb(colour(name)));
  canvas.width = canvas.height = side;
  const pen = canvas.getContext("2d"), image = pen.createImageData(side, side);
  field.forEach((a, i) => {
    const lean = 2 * sigmoid(a) - 1, strong = 0.62 * Math.abs(lean), ink = lean < 0 ? fake : real;
    for (const j of [0, 1, 2]) image.data[4 * i + j] = card[j] + strong * (ink[j] - card[j]);
    image.data[4 * i + 3] = 255;
  });
  pen.putImageData(image, 0, 0);
};

// The line on which the field is 0, as pieces in the field's own rows and columns.
const border = ({ field, side }) => {
  const pieces = [];
  for (let row = 0; row < side - 1; row++) for (let column = 0; column < side - 1; column++) {
    const corners = [[0, 0], [1, 0], [1, 1], [0, 1]].map(([c, r]) => [column + c, row + r, field[(row + r) * side + column + c]]);
    const crossed = corners.flatMap(([c, r, a], i) => {
      const [c2, r2, b] = corners[(i + 1) % 4];
      return (a < 0) === (b < 0) ? [] : [[c + (a / (a - b)) * (c2 - c), r + (a / (a - b)) * (r2 - r)]];
    });
    for (let i = 0; i + 1 < crossed.length; i += 2) pieces.push([crossed[i], crossed[i + 1]]);
  }
  return pieces;
};

const cross = (pen, x, y, size) => { pen.moveTo(x - size, y); pen.lineTo(x + size, y); pen.moveTo(x, y - size); pen.lineTo(x, y + size); };

const paintPlane = (tools, seen, arrows, canvas, { left, top, side }) => {
  const { pen, colour } = tools, ticks = [-2, -1, 0, 1, 2];
  const both = [-EXTENT, EXTENT];
  const axes = chart(tools, { left, top, width: side, height: side, x: both, y: both, xTicks: ticks, yTicks: ticks });
  axes.axes();
  axes.inside(() => {
    wash(tools, seen, canvas);
    const cell = side / (seen.side - 1);  // the outer points of the field lie on the edge
    pen.imageSmoothingEnabled = true;
    pen.drawImage(canvas, left - cell / 2, top - cell / 2, side + cell, side + cell);
    axes.stroke("quiet", 1.2);
    pen.beginPath();
    for (const [[a, b], [c, d]] of border(seen)) {
      pen.moveTo(left + a * cell, top + b * cell);
      pen.lineTo(left + c * cell, top + d * cell);
    }
    pen.stroke();
    const mark = (points, shape) => {
      pen.beginPath();
      for (let i = 0; i < points.length; i += 2) shape(axes.X(points[i]), axes.Y(points[i + 1]));
    };
    const dot = (size) => (x, y) => { pen.moveTo(x + size, y); pen.arc(x, y, size, 0, 2 * Math.PI); };
    for (const [ink, size] of [["card", 3.4], ["fake", 2.6]]) {  // halos below, so that dots stand out from the ground
      mark(seen.fakes, dot(size));
      pen.fillStyle = colour(ink);
      pen.fill();
    }
    axes.stroke("ink", 1);
    mark(seen.real, (x, y) => cross(pen, x, y, 2.3));
    pen.stroke();
    if (!arrows) return;
    axes.stroke("ink", 1.4);
    pen.beginPath();
    for (let i = 0; i < 200; i += 2) {  // a hundred of them; a slope of 1 is 24 pixels long, and none is longer than 60
      const push = Math.hypot(seen.pushes[i], seen.pushes[i + 1]), long = Math.min(60, 24 * push);
      if (!(long > 1)) continue;
      const x = axes.X(seen.fakes[i]), y = axes.Y(seen.fakes[i + 1]), u = seen.pushes[i] / push, v = -seen.pushes[i + 1] / push;
      const [tx, ty, head] = [x + long * u, y + long * v, Math.min(5, long / 2)];
      pen.moveTo(x, y); pen.lineTo(tx, ty);
      pen.moveTo(tx - head * (u - 0.6 * v), ty - head * (v + 0.6 * u));
      pen.lineTo(tx, ty);
      pen.lineTo(tx - head * (u + 0.6 * v), ty - head * (v - 0.6 * u));
    }
    pen.stroke();
  });
  pen.setLineDash([]);
  pen.strokeStyle = colour("rule");
  pen.lineWidth = 1;
  pen.strokeRect(left, top, side, side);
};

// What the marks in the plane are, above it, and what its colours are, below.
const key = (tools, { left, top, side }) => {
  const { pen, colour } = tools, below = top + side + 36, bar = 70;
  pen.setLineDash([]);
  Object.assign(pen, { textBaseline: "middle", textAlign: "left", lineWidth: 1.2, strokeStyle: colour("ink"), fillStyle: colour("fake") });
  pen.beginPath(); cross(pen, left + 6, top - 16, 3.5); pen.stroke();
  pen.beginPath(); pen.arc(left + 84, top - 16, 3.5, 0, 2 * Math.PI); pen.fill();
  pen.strokeStyle = colour("quiet");
  pen.beginPath(); pen.moveTo(left + 148, top - 16); pen.lineTo(left + 170, top - 16); pen.stroke();
  pen.fillStyle = colour("ink");
  pen.fillText("real", left + 16, top - 16);
  pen.fillText("fake", left + 94, top - 16);
  pen.fillText("D undecided", left + 178, top - 16);
  const middle = left + side / 2, shades = pen.createLinearGradient(middle - bar, 0, middle + bar, 0);
  ["fake", "card", "real"].forEach((name, i) => {
    const [ink, card] = [name, "card"].map((each) => rgb(colour(each)));
    shades.addColorStop(i / 2, `rgb(${ink.map((each, j) => Math.round(card[j] + 0.62 * (each - card[j])))})`);
  });
  pen.fillStyle = shades;
  pen.fillRect(middle - bar, below - 6, 2 * bar, 12);
  pen.strokeStyle = colour("rule");
  pen.strokeRect(middle - bar, below - 6, 2 * bar, 12);
  pen.fillStyle = colour("quiet");
  pen.textAlign = "right";
  pen.fillText("D sees fake", middle - bar - 8, below);
  pen.textAlign = "left";
  pen.fillText("D sees real", middle + bar + 8, below);
};

const paintCurves = (tools, { history, marks, seen }, { left, top, width, height, gap }) => {
  const last = history.at(-1), x = [0, Math.max(100, last.step)];
  const numbers = history.flatMap(({ losses }) => losses).concat(seen.undecided).filter(Number.isFinite);
  const { ticks, digits } = ticksFor(numbers.map((value) => clamp(value, -5000, 5000)));
  const curves = [
    {
      own: { y: [ticks[0], ticks.at(-1)], yTicks: ticks, yDigits: digits },
      lines: [["real", [], (at) => at.losses[0]], ["fake", [7, 4], (at) => at.losses[1]]],
    },
    {
      own: { y: [0, 1.06 * seen.of], yTicks: [0, seen.of], yLabel: `modes covered: ${seen.modes} of ${seen.of}` },
      lines: [["third", [], (at) => at.modes]],
    },
  ];
  curves.forEach(({ own, lines }, i) => {
    const axes = chart(tools, { left, top: top + i * (height + gap), width, height, x, xTicks: [], ...own });
    axes.axes();
    for (const level of i ? [] : seen.undecided) axes.line([[x[0], level], [x[1], level]], "quiet", { thick: 1, dash: [2, 3] });
    for (const { step } of marks) axes.line([[step, own.y[0]], [step, own.y[1]]], "quiet", { thick: 1.2, dash: [5, 3] });
    for (const [ink, dash, of] of lines) {
      axes.line(history.map((at) => [at.step, of(at)]), ink, { thick: 2, dash });
      if (Number.isFinite(of(last))) axes.inside(() => axes.dot(last.step, of(last), ink, 4));
    }
    const bottom = top + i * (height + gap) + height + 6;
    const below = (words, px, align) => axes.text(words, px, bottom, { ink: "quiet", align, base: "top" });
    below(grouped(x[0]), left, "left");
    below("step", left + width / 2, "center");
    below(grouped(x[1]), left + width, "right");
    if (i || !marks.length) return;
    const { step, words } = marks.at(-1), right = axes.X(step) > left + width / 2;
    axes.text(words, axes.X(step) + (right ? -5 : 5), top + 9, { align: right ? "right" : "left" });
  });
  const names = [{ words: "D's loss", ink: "real" }, { words: "G's loss", ink: "fake", dash: [7, 4] }];
  legend({ ...tools, width: left + width + 30 }, names, left, top - 16);
};

const places = (width) => {
  const beside = width > WIDE, side = beside ? Math.min(400, width - 300) : width - 34, plane = { left: 26, top: 32, side };
  if (beside) return { plane, curves: { left: width - 226, top: 32, width: 216, height: 150, gap: 64 } };
  return { plane, curves: { left: 46, top: side + 124, width: width - 56, height: 120, gap: 64 } };
};
const height = (width) => {
  const { plane, curves } = places(width);
  return Math.max(plane.top + plane.side + 50, curves.top + 2 * curves.height + curves.gap + 26);
};

// One explorer in a page: what trains, what was seen of it, and the buttons.
const session = (model) => {
  const now = () => Object.fromEntries(Object.keys(SETTINGS).map((name) => [name, model.get(name)]));
  const team = staff((answer) => hear(answer));
  let playing = false, waiting = false, stale = false, owed = 0, load = null, epoch = 0, seeds = 0, clock = 0, near = true;
  let changed = () => {}, seen, history, marks, before, from;

  const speeds = { full: 0, ten: 100, one: 1000 };
  const busy = () => playing && near && !document.hidden && model.get("speed") === "full";
  const woken = () => { if (busy()) ask(); };
  const ask = () => {
    if (waiting) { stale = true; return; }
    waiting = true;
    team.ask({ epoch, load, settings: now(), extent: EXTENT, steps: owed, budget: busy() ? 9 : 0 });
    [load, owed, stale] = [null, 0, false];
  };
  const hear = (answer) => {
    waiting = false;
    if (answer.epoch === epoch) {
      if (!answer.finite) play(false);
      note(answer);
    }
    if (busy() || stale || owed || load) ask();
  };
  const note = (answer) => {
    const point = { step: answer.step, losses: answer.losses, modes: answer.modes };
    if (history.length && history.at(-1).step === point.step) history.pop();
    history.push(point);
    if (history.length > KEPT) {
      const join = (at, next) => ({ ...next, losses: at.losses.map((loss, j) => (loss + next.losses[j]) / 2) });
      history = history.flatMap((at, i) => (i % 2 ? [] : [join(at, history[i + 1] ?? at)]));
    }
    seen = answer;
    changed();
  };

  const begin = (weights) => {
    epoch += 1;
    load = { layers: model.get("layers"), weights, seed: weights ? 0 : (seeds += 1) };
    if (weights) seeds = 0;
    [history, marks, owed, before, from] = [[], [], 0, now(), weights ? "the trained weights" : "random weights"];
    note(local.runner()({ load, settings: before, extent: EXTENT, epoch }));  // at once, so that the page never shows nothing
    ask();
  };
  const trained = () => {
    const weights = floats(model.get("weights")), { generator, discriminator } = model.get("layers");
    if (weights.length === local.count(generator) + local.count(discriminator)) begin(weights);  // both have arrived
  };

  const step = () => { if (seen.finite) { owed += 1; ask(); } };
  const pace = () => {
    clearInterval(clock);
    const rest = speeds[model.get("speed")];
    if (playing && rest) clock = setInterval(() => { if (near && !document.hidden) step(); }, rest);
    woken();
  };
  const play = (on) => {
    if (on && !seen.finite) return;
    playing = on;
    pace();
    changed();
  };
  // A setting was changed: mark the step in the curves. Changes in quick succession, or at one step, make one mark; where
  // together they change nothing they make none.
  const turned = () => {
    const after = now(), at = seen.step, time = performance.now(), last = marks.at(-1);
    const base = last && (last.step === at || time - last.time < 1500) ? marks.pop().before : before;
    const other = Object.keys(SETTINGS).filter((name) => after[name] !== base[name]);
    const words = other.map((name) => `${SETTINGS[name]} → ${setting(after[name])}`);
    if (words.length) marks.push({ step: at, time, before: base, words: words.length > 1 ? `${words.length} changes` : words[0] });
    before = after;
    ask();
  };

  for (const name of Object.keys(SETTINGS)) model.on(`change:${name}`, turned);
  model.on("change:weights", trained);
  model.on("change:layers", trained);
  model.on("change:speed", pace);
  document.addEventListener("visibilitychange", woken);
  trained();
  return {
    read: () => ({ seen, history, marks, from, playing }),
    listen(listener) { changed = listener; },
    play: () => play(!playing),
    step,
    restart() { play(false); begin(null); },
    reset() { play(false); trained(); },
    approach(is) { near = is; woken(); },
    stop() {
      play(false);
      [changed, epoch] = [() => {}, -1];
      for (const name of Object.keys(SETTINGS)) model.off(`change:${name}`, turned);
      model.off("change:weights", trained);
      model.off("change:layers", trained);
      model.off("change:speed", pace);
      document.removeEventListener("visibilitychange", woken);
      team.stop();
    },
  };
};

const told = ({ seen, from }, { data, loss, gamma, d_rate, g_rate, momentum }) => {
  const at = grouped(seen.step);
  if (!seen.finite) {
    return `At step ${at} a loss ran away, beyond 10¹²: training has stopped. Press Reset, then lower a rate or turn up γ.`;
  }
  const [d, g] = seen.losses.map(brief), penalty = gamma > 0 ? `R1 with γ = ${setting(gamma)}` : "no penalty";
  return `${at} ${seen.step === 1 ? "step" : "steps"} from ${from}: ${seen.modes} of ${seen.of} modes covered, `
    + `${shown(100 * seen.share, 0)} % of the fakes of high quality; the discriminator's loss is ${d}, the generator's ${g}. `
    + `Data: ${DATA[data]}; loss: ${GAMES[loss]}; ${penalty}; η = ${setting(d_rate)} (D) and ${setting(g_rate)} (G); β₁ = ${setting(momentum)}.`;
};

export default {
  render({ model, el }) {
    const run = session(model), field = document.createElement("canvas");
    const press = element("button", { type: "button", onclick: run.play }, "Play");
    const shows = explorer({
      title: "A GAN in the plane, trained while you watch",
      names: [...Object.keys(SETTINGS), "speed", "arrows"],
      controls: [
        () => ({ node: press, stop() {} }),
        button("One step", run.step),
        choice("speed", { label: "Speed", options: { full: "full speed", ten: "10 steps a second", one: "1 step a second" } }),
        choice("data", { label: "Data", options: DATA }),
        choice("loss", { label: "Loss", options: GAMES }),
        powers("gamma", { label: "Weight γ of R1", min: -3.05, max: 1, off: true }),
        powers("d_rate", { label: "Learning rate η of D", min: -5, max: -1 }),
        powers("g_rate", { label: "Learning rate η of G", min: -5, max: -1 }),
        slider("momentum", { label: "Momentum β₁ of Adam", min: 0, max: 0.9, step: 0.1, digits: 1 }),
        tick("arrows", { label: "D's push on each fake" }),
        button("New random weights", run.restart),
      ],
      height,
      paint: (tools, state) => {
        const { plane, curves } = places(tools.width), found = run.read();
        paintPlane(tools, found.seen, state.arrows, field, plane);
        key(tools, plane);
        paintCurves(tools, found, curves);
      },
      tell: (state) => told(run.read(), state),
      attach({ canvas, redraw, root }) {
        const sentence = root.querySelector(".tell"), spoken = root.querySelector(".spoken");
        const words = () => told(run.read(), Object.fromEntries(Object.keys(SETTINGS).map((name) => [name, model.get(name)])));
        let said = 0, pause = 0;
        run.listen(() => {
          const { playing } = run.read(), time = performance.now();
          press.textContent = playing ? "Pause" : "Play";
          redraw();
          if (playing && time - said < 200) return;  // five times a second is as fast as one can read
          said = time;
          sentence.textContent = words();
          clearTimeout(pause);
          pause = setTimeout(() => { if (!run.read().playing) spoken.textContent = sentence.textContent; }, 700);
        });
        const seen = new IntersectionObserver((entries) => run.approach(entries.at(-1).isIntersecting));
        seen.observe(root);
        [...root.querySelectorAll("button")].at(-1).addEventListener("click", run.reset);
        return () => { clearTimeout(pause); seen.disconnect(); };
      },
    });
    const stop = shows.render({ model, el });
    return () => { run.stop(); stop(); };
  },
};
