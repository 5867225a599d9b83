const WIDE = 600, STEPS = 12, SHOWN = 2;  // a picture at every 12th of the walk; every second one is shown in the strip

// Draws from N(0, 1): Mulberry32, then Box and Muller's transform, as in latent.py.
const normals = (seed, count) => {
  let state = seed;
  const uniform = () => {
    state = (state + 0x6d2b79f5) | 0;
    let mixed = Math.imul(state ^ (state >>> 15), state | 1);
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61);
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32;
  };
  return Float64Array.from({ length: count }, () => Math.sqrt(-2 * Math.log(1 - uniform())) * Math.cos(2 * Math.PI * uniform()));
};

// The generator: each step takes a flat vector and returns one. A weight is a whole number times the scale of its output.

const dense = ({ inputs, scale, bias, weight }, x) => bias.map((start, o) => {
  let sum = 0;
  for (let i = 0, at = o * inputs; i < inputs; i++, at++) sum += weight[at] * x[i];
  return start + scale[o] * sum;
});

// A transposed convolution lays one kernel down for each input, on a plane from which the padding is cut off at the end.
const up = ({ inputs, outputs, kernel, stride, padding, scale, bias, weight }, x) => {
  const side = Math.sqrt(x.length / inputs), whole = (side - 1) * stride + kernel, kept = whole - 2 * padding;
  const plane = new Float64Array(whole * whole), y = new Float64Array(outputs * kept * kept);
  for (let o = 0, at = 0; o < outputs; o++) {
    plane.fill(0);
    for (let i = 0; i < inputs; i++) for (let a = 0; a < kernel; a++) for (let b = 0; b < kernel; b++) {
      const w = weight[at++];
      for (let row = 0, from = i * side * side; row < side; row++) {
        let to = (row * stride + a) * whole + b;
        for (let column = 0; column < side; column++, to += stride) plane[to] += w * x[from++];
      }
    }
    for (let row = 0; row < kept; row++) {
      const from = (row + padding) * whole + padding, to = (o * kept + row) * kept;
      for (let column = 0; column < kept; column++) y[to + column] = bias[o] + scale[o] * plane[from + column];
    }
  }
  return y;
};

const leak = ({ slope }, x) => x.map((value) => (value > 0 ? value : slope * value));
const tanh = (_, x) => x.map(Math.tanh);
const kinds = { dense, up, leak, tanh };

// The packed weights: directions, codes, then scale and bias of each layer, as floats; then its weights as whole numbers.
const unpack = (net) => {
  const { buffer } = Uint8Array.from(atob(net.weights), (letter) => letter.charCodeAt(0));
  let at = 0;
  const take = (kind, count) => {
    const part = new kind(buffer, at, count);
    at += part.byteLength;
    return part;
  };
  const directions = [0, 1].map(() => take(Float32Array, net.latent));
  const codes = net.classes.map(() => Float64Array.from(take(Float32Array, net.code)));
  const floats = (count) => count && { scale: take(Float32Array, count), bias: Float64Array.from(take(Float32Array, count)) };
  const steps = net.steps.map((step) => ({ ...step, ...floats(step.outputs) }));
  for (const step of steps.filter(({ outputs }) => outputs)) {
    step.weight = take(net.bits === 8 ? Int8Array : Int16Array, step.outputs * step.inputs * (step.kernel ?? 1) ** 2);
  }
  return { directions, codes, steps, kept: {} };
};
const opened = new WeakMap();
const open = (net) => opened.get(net) ?? opened.set(net, unpack(net)).get(net);

const latent = ({ net, way, first, second, move1, move2 }, alpha) => {
  const z0 = normals(first, net.latent), z1 = normals(second, net.latent), { directions } = open(net);
  const inner = (a, b) => a.reduce((sum, value, i) => sum + value * b[i], 0);
  let [one, two] = way === "stay" ? [1, 0] : [1 - alpha, alpha];
  if (way === "arc" && first !== second) {
    const omega = Math.acos(inner(z0, z1) / Math.sqrt(inner(z0, z0) * inner(z1, z1)));
    [one, two] = [one, two].map((share) => Math.sin(share * omega) / Math.sin(omega));
  }
  return z0.map((value, i) => one * value + two * z1[i] + move1 * directions[0][i] + move2 * directions[1][i]);
};
const size = (z) => Math.hypot(...z);

const pictured = (state, alpha) => {
  const { net, start, end } = state, { codes, steps } = open(net);
  const code = (name) => codes[Math.max(0, net.classes.indexOf(name))];
  const between = net.classes.length ? code(start).map((value, i) => value + alpha * (code(end)[i] - value)) : [];
  return steps.reduce((x, step) => kinds[step.kind](step, x), Float64Array.from([...latent(state, alpha), ...between]));
};

// What is computed from a state is kept until the state changes: the present picture, and apart from it the walk.
const kept = (name, make) => ({ net, ...rest }) => {
  const place = open(net).kept, key = JSON.stringify(rest);
  if (place[name]?.key !== key) place[name] = { key, value: make({ net, ...rest }) };
  return place[name].value;
};
const present = kept("present", (state) => pictured(state, state.alpha));
const walked = kept("walk", (state) => {
  const pictures = range(0, 1, STEPS + 1).map((alpha) => pictured(state, alpha));
  const apart = (a, b) => Math.sqrt(a.reduce((sum, value, i) => sum + (value - b[i]) ** 2, 0) / a.length);
  return { pictures, change: pictures.slice(1).map((picture, i) => STEPS * apart(picture, pictures[i])) };
});
const walk = ({ alpha, ...state }) => walked(state);
const part = (alpha) => Math.min(Math.floor(alpha * STEPS), STEPS - 1);

export const numbers = (state) => {
  const picture = present(state), [, height, width] = state.net.shape;
  const pixel = (row) => picture[Math.floor((height * row) / 4) * width + Math.floor(width / 2)];
  return {
    length: size(latent(state, state.alpha)),
    mean: picture.reduce((sum, value) => sum + value) / picture.length,
    pixel_1: pixel(1), pixel_2: pixel(2), pixel_3: pixel(3),
    change: walk(state).change[part(state.alpha)],
  };
};

const drawn = ({ pen, colour }, picture, [channels, height, width], left, top, side) => {
  const small = element("canvas", { width, height }), data = new ImageData(width, height), area = width * height;
  const level = (i, c) => (picture[i + (channels === 1 ? 0 : c * area)] + 1) * 127.5;
  for (let i = 0; i < area; i++) data.data.set([level(i, 0), level(i, 1), level(i, 2), 255], 4 * i);
  small.getContext("2d").putImageData(data, 0, 0);
  pen.imageSmoothingEnabled = false;
  pen.drawImage(small, left, top, side, side);
  Object.assign(pen, { strokeStyle: colour("rule"), lineWidth: 1 });
  pen.setLineDash([]);
  pen.strokeRect(left, top, side, side);
};

// A round number not below the largest of some: 1, 2 or 5 times a power of ten.
const above = (value) => {
  const power = 10 ** Math.floor(Math.log10(value || 1));
  return power * [1, 2, 5, 10].find((factor) => factor * power >= value);
};

const paint = (tools, state) => {
  const { net, alpha } = state, { pen, colour, width: wide } = tools, beside = wide > WIDE;
  const { pictures, change } = walk(state), big = beside ? 268 : 200, gap = 4;
  const left = beside ? big + 30 : 12, top = beside ? 30 : big + 66;
  const count = STEPS / SHOWN, small = (wide - 1 - left - count * gap) / (count + 1), middle = left + small / 2;
  const words = (text, x, y) => {
    Object.assign(pen, { fillStyle: colour("ink"), textAlign: "left", textBaseline: "middle" });
    pen.fillText(text, x, y);
  };
  words(`the picture at α = ${shown(alpha)}`, beside ? 1 : (wide - big) / 2, 12);
  drawn(tools, present(state), net.shape, beside ? 1 : (wide - big) / 2, 30, big);
  words("along the walk", left, top - 18);
  for (let i = 0; i <= count; i++) drawn(tools, pictures[i * SHOWN], net.shape, left + i * (small + gap), top, small);

  const across = { left: middle, width: count * (small + gap), height: 58, x: [0, 1], xTicks: [0, 0.25, 0.5, 0.75, 1], xDigits: 2 };
  const most = above(Math.max(...change)), [low, high] = net.typical, typical = Math.round(Math.sqrt(net.latent));
  const upper = chart(tools, {
    ...across, top: top + small + 44, xTicks: [], y: [0, most], yTicks: [0, most], yDigits: Math.max(0, -Math.floor(Math.log10(most))),
    yLabel: "change of the picture, per unit of α",
  });
  const lower = chart(tools, {
    ...across, top: top + small + 144, y: [0, high + 2], yTicks: [0, typical], xLabel: "α",
    yLabel: "length of z; band: 95 % of all latents",
  });
  upper.axes();
  change.forEach((value, i) => {
    const [a, b] = [(i + 0.06) / STEPS, (i + 0.94) / STEPS];
    upper.area([[a, value], [b, value]], i === part(alpha) ? "real" : "quiet", i === part(alpha) ? 0.9 : 0.4);
  });
  lower.area([[0, high], [1, high], [1, low], [0, low]], "real", 0.2);
  lower.axes();
  lower.line(range(0, 1, 41).map((a) => [a, size(latent(state, a))]), "fake", { thick: 2.5 });
  lower.dot(alpha, size(latent(state, alpha)), "fake");
  upper.line([[alpha, 0], [alpha, most]], "ink", { thick: 1.5, dash: [4, 3] });
  lower.line([[alpha, 0], [alpha, high + 2]], "ink", { thick: 1.5, dash: [4, 3] });
  pen.beginPath();  // where on the strip the picture stands
  [[0, -2], [-6, -11], [6, -11]].forEach(([dx, dy]) => pen.lineTo(upper.X(alpha) + dx, top + dy));
  pen.fillStyle = colour("ink");
  pen.fill();
};

const tell = (state) => {
  const { net, alpha, way, first, second, start, end, move1, move2 } = state, found = numbers(state);
  const latents = `latent ${first} to latent ${second}`;
  const place = { arc: `on the arc from ${latents}`, line: `on the straight line from ${latents}`, stay: `with latent ${first} kept` }[way];
  const moves = [move1, move2].map((by, i) => by && `${shown(by, 1)} along direction ${i + 1}`).filter(Boolean);
  const code = net.classes.length ? ` and the code ${shown(1 - alpha)} of ${start} and ${shown(alpha)} of ${end}` : "";
  const moved = moves.length ? `, moved by ${moves.join(" and ")}` : "";
  return `At α = ${shown(alpha)}, ${place}${moved}, z has the length ${shown(found.length)}${code}. The mean pixel is `
    + `${shown(found.mean, 3)}, and here the picture changes by ${shown(found.change)} per unit of α (root mean square).`;
};

// Only a net that knows classes offers them, and only with them a walk on which the latent stays.
const told = (maker) => (model) => (model.get("net").classes.length ? maker(model) : { node: "", stop() {} });
const classes = (name, label) => told((model) => {
  const names = model.get("net").classes;
  return choice(name, { label, options: Object.fromEntries(names.map((each) => [each, each])) })(model);
});
const ways = { arc: "along the arc", line: "along the straight line" };
const way = (model) => {
  const options = model.get("net").classes.length ? { stay: "stays where it is", ...ways } : ways;
  return choice("way", { label: "the latent goes", options })(model);
};
const another = (name, label) => (model) => {
  const { node } = button(label, () => {
    model.set(name, Math.max(model.get("first"), model.get("second")) + 1);
    model.save_changes();
  })();
  const needed = () => { node.hidden = name === "second" && model.get("way") === "stay"; };
  model.on("change:way", needed);
  needed();
  return { node, stop: () => model.off("change:way", needed) };
};

const direction = (i) => slider(`move${i}`, { label: `along direction ${i}`, min: -4, max: 4, step: 0.1, digits: 1 });

export default explorer({
  title: "A walk through the generator's latent space",
  names: ["net", "alpha", "way", "first", "second", "start", "end", "move1", "move2"],
  controls: [
    slider("alpha", { label: "α, part of the way", min: 0, max: 1, step: 0.01 }),
    way, direction(1), direction(2),
    classes("start", "class at α = 0"), classes("end", "class at α = 1"),
    another("first", "New first latent"), another("second", "New last latent"),
  ],
  height: (width) => (width > WIDE ? 330 : 550),
  paint,
  tell,
});
