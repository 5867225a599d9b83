const LAST = 300;  // steps that a run may have
const FAR = 1000;  // a run that comes this far from the equilibrium is over
const REACH = 2.5;  // of the plane that is drawn, from its middle
const WIDE = 600;

// By how much the generator follows phi, and the discriminator flees theta, as functions of the fake's logit.
const GAMES = {
  minimax: (logit) => [sigmoid(logit), sigmoid(logit)],
  non_saturating: (logit) => [sigmoid(-logit), sigmoid(logit)],
  wasserstein: () => [1, 1],
};
const fieldOf = ({ game, gamma }) => ([theta, phi]) => {
  const [generator, discriminator] = GAMES[game](phi * theta);
  return [generator * phi, -discriminator * theta - gamma * phi];
};
// The same near the equilibrium, where the logit is 0.
const linearOf = ({ game, gamma }) => ([theta, phi]) => {
  const [kappa] = GAMES[game](0);
  return [kappa * phi, -kappa * theta - gamma * phi];
};

const ahead = ([theta, phi], [a, b], eta) => [theta + eta * a, phi + eta * b];
const RULES = {
  simultaneous: (v, w, eta) => ahead(w, v(w), eta),
  alternating: (v, [theta, phi], eta) => {
    const answer = phi + eta * v([theta, phi])[1];
    return [theta + eta * v([theta, answer])[0], answer];
  },
  generator_first: (v, [theta, phi], eta) => {
    const answer = theta + eta * v([theta, phi])[0];
    return [answer, phi + eta * v([answer, phi])[1]];
  },
  extragradient: (v, w, eta) => ahead(w, v(ahead(w, v(w), eta)), eta),
};

const walk = (state, steps) => {
  const path = [[state.theta, state.phi]], v = fieldOf(state);
  while (path.length <= steps && Math.hypot(...path.at(-1)) <= FAR) path.push(RULES[state.rule](v, path.at(-1), state.eta));
  return path;
};

// The eigenvalues of a step near the equilibrium, [real, imaginary] each. The rules are linear in the field, so that
// they turn its linear part into their own, column by column.
const eigenvalues = (state) => {
  const [[a, c], [b, d]] = [[1, 0], [0, 1]].map((w) => RULES[state.rule](linearOf(state), w, state.eta));
  const half = (a + d) / 2, inner = half * half - (a * d - b * c), root = Math.sqrt(Math.abs(inner));
  return inner < 0 ? [[half, root], [half, -root]] : [[half + root, 0], [half - root, 0]];
};

// Where a run has come to, and the eigenvalues of its step. `steps` has a fraction while the run is played.
export const numbers = (state) => {
  const [theta, phi] = walk(state, Math.floor(state.steps)).at(-1), [first, second] = eigenvalues(state);
  return {
    theta,
    phi,
    distance: Math.hypot(theta, phi),
    first_real: first[0],
    first_imag: first[1],
    second_real: second[0],
    second_imag: second[1],
    radius: Math.max(Math.hypot(...first), Math.hypot(...second)),
  };
};

// What the eigenvalues foretell: in a sign, in a word and in a sentence.
const verdict = ({ game, rule, gamma }, { radius, first_imag }) => {
  const linear = game === "wasserstein";
  if (radius < 1 - 1e-7) return ["<", "converges", `below 1: they converge from every start${linear ? "" : " close enough"}.`];
  if (radius > 1 + 1e-7) {
    return [">", linear ? "diverges" : "leaves", `above 1: they ${linear ? "move away without bound" : "are driven from the equilibrium"}.`];
  }
  if (linear && first_imag) return ["=", "circles", "exactly 1 in a linear game: they circle for ever."];
  if (game === "minimax" && !gamma && rule !== "extragradient" && first_imag) {
    return ["=", "circles", "exactly 1, where eigenvalues are silent: the run shows that they circle."];
  }
  return ["=", "silent", "exactly 1, where eigenvalues are silent: the next terms decide."];
};

const inWords = ({ first_real, first_imag, second_real }, joint) => (first_imag
  ? `${shown(first_real, 3)} ± ${shown(first_imag, 3)} i`
  : `${shown(first_real, 3)}${joint}${shown(second_real, 3)}`);

// Where the three panels stand, and the two lines of numbers.
const layout = (width) => {
  if (width > WIDE) {
    const side = clamp(width - 342, 240, 380), left = side + 126, wide = Math.min(200, width - left - 12);
    return {
      plane: { left: 44, top: 58, side }, circle: { left, top: 58, side: Math.min(wide, 170) }, decay: { left, top: 346, wide, tall: 90 },
      lines: [[left, 280], [left, 300]], height: Math.max(side + 102, 480),
    };
  }
  const side = width - 50, small = (width - 100) / 2, top = side + 132;
  return {
    plane: { left: 36, top: 58, side }, circle: { left: 36, top, side: small }, decay: { left: 86 + small, top, wide: small, tall: small },
    lines: [[36, top + small + 56], [36, top + small + 76]], height: top + small + 90,
  };
};

const ARROWS = range(-2.25, 2.25, 13);

const paintPlane = (tools, state, path, { left, top, side }) => {
  const { pen } = tools, v = fieldOf(state), ticks = [-2, -1, 0, 1, 2];
  const axes = chart(tools, {
    left, top, width: side, height: side, x: [-REACH, REACH], y: [-REACH, REACH], xTicks: ticks, yTicks: ticks,
    xLabel: "generator θ", yLabel: "discriminator φ",
  });
  axes.axes();
  axes.inside(() => {
    axes.stroke("quiet", 1.2);
    pen.globalAlpha = 0.6;
    for (const theta of ARROWS) {
      for (const phi of ARROWS) {
        const [a, b] = v([theta, phi]), speed = Math.hypot(a, b);
        if (speed < 1e-9) continue;
        const long = (side / 30) * Math.sqrt(speed / (0.5 + speed)), [dx, dy] = [(long * a) / speed, (-long * b) / speed];
        const [x, y] = [axes.X(theta), axes.Y(phi)], [tipX, tipY] = [x + dx, y + dy];
        pen.beginPath();
        pen.moveTo(x - dx, y - dy);
        pen.lineTo(tipX, tipY);
        for (const turn of [0.45, -0.45]) {  // the two strokes of its head
          pen.moveTo(tipX, tipY);
          pen.lineTo(tipX - 0.7 * (dx * Math.cos(turn) - dy * Math.sin(turn)), tipY - 0.7 * (dx * Math.sin(turn) + dy * Math.cos(turn)));
        }
        pen.stroke();
      }
    }
    pen.globalAlpha = 1;
    axes.stroke("ink", 2);
    for (const [dx, dy] of [[7, 0], [0, 7]]) {
      pen.beginPath(); pen.moveTo(axes.X(0) - dx, axes.Y(0) - dy); pen.lineTo(axes.X(0) + dx, axes.Y(0) + dy); pen.stroke();
    }
  });
  axes.line(path, "fake", { thick: 1.4 });
  axes.inside(() => {
    path.slice(0, -1).forEach(([theta, phi]) => axes.dot(theta, phi, "fake", 2.2));
    axes.dot(...path.at(-1), "fake", 6);
    axes.dot(...path[0], "ink", 7.5);
    axes.dot(...path[0], "card", 4);
  });
};

const paintCircle = (tools, state, { left, top, side }) => {
  const { pen, colour } = tools, reach = 1.4;
  const axes = chart(tools, {
    left, top, width: side, height: side, x: [-reach, reach], y: [-reach, reach], xTicks: [-1, 0, 1], yTicks: [-1, 0, 1],
    xLabel: "real part", yLabel: "eigenvalues λ of a step",
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
    const [a, b] = value.map((part) => clamp(part, -reach, reach)), outside = a !== value[0] || b !== value[1];
    axes.stroke("real", 2);
    pen.fillStyle = colour(outside ? "card" : "real");  // hollow at the edge: it lies farther out
    pen.beginPath(); pen.rect(axes.X(a) - 3, axes.Y(b) - 3, 6, 6); pen.fill(); pen.stroke();
  }
};

const paintDecay = (tools, state, path, radius, { left, top, wide, tall }) => {
  const height = (distance) => Math.log10(Math.max(distance, 1e-9)), start = Math.hypot(...path[0]);
  const axes = chart(tools, {
    left, top, width: wide, height: tall, x: [0, LAST], y: [-3, 2], xTicks: [0, 100, 200, 300], xLabel: "steps", yLabel: "distance",
  });
  axes.axes();
  for (const [power, words] of [[-3, "0.001"], [-1, "0.1"], [1, "10"]]) {
    axes.text(words, left - 6, axes.Y(power), { ink: "quiet", align: "right" });
    axes.line([[0, power], [LAST, power]], "grid", { thick: 1 });
  }
  axes.line([[0, height(start)], [LAST, height(start) + LAST * Math.log10(Math.max(radius, 1e-9))]], "real", { dash: [6, 4] });
  const marks = path.map((w, i) => [Math.min(i, state.steps), height(Math.hypot(...w))]);
  axes.line(marks, "fake", { thick: 2.2 });
  axes.inside(() => axes.dot(...marks.at(-1), "fake", 4));
};

const paint = (tools, state) => {
  const places = layout(tools.width), found = numbers(state), [sign, word] = verdict(state, found);
  const path = walk(state, Math.ceil(state.steps)), part = state.steps % 1;
  if (part && path.length === Math.ceil(state.steps) + 1) {  // between two steps the last stretch is drawn in part
    const [from, to] = path.slice(-2);
    path[path.length - 1] = from.map((x, i) => x + part * (to[i] - x));
  }
  paintPlane(tools, state, path, places.plane);
  paintCircle(tools, state, places.circle);
  paintDecay(tools, state, path, found.radius, places.decay);
  legend(tools, [{ words: "the run", ink: "fake" }, { words: "forecast by |λ|", ink: "real", dash: [6, 4] }], places.plane.left);
  const words = [`λ = ${inWords(found, ", ")}`, `|λ| = ${sign === "=" ? "" : `${shown(found.radius, 4)} ${sign} `}1: ${word}`];
  Object.assign(tools.pen, { fillStyle: tools.colour("ink"), textAlign: "left", textBaseline: "middle" });
  words.forEach((line, i) => tools.pen.fillText(line, ...places.lines[i]));
};

const tell = (state) => {
  const found = numbers(state), steps = walk(state, Math.floor(state.steps)).length - 1, start = Math.hypot(state.theta, state.phi);
  const over = found.distance > FAR ? ", where this run ends" : "";
  return `After ${steps} ${steps === 1 ? "step" : "steps"} the players are at θ = ${shown(found.theta, 3)}, φ = ${shown(found.phi, 3)}, `
    + `at distance ${shown(found.distance, 3)} from the equilibrium (${shown(start, 3)} at the start)${over}. `
    + `A step has the eigenvalues ${inWords(found, " and ")}, the larger |λ| is ${shown(found.radius, 4)}, ${verdict(state, found)[2]}`;
};

// Buttons that move `steps`: Play runs on from where it stands, or anew once the run is over, and Step adds one. Whoever
// moves it meanwhile, by the slider, by Reset or from the kernel, ends the playing.
const player = (model) => {
  const calm = window.matchMedia("(prefers-reduced-motion: reduce)");
  let asked = 0, before = 0, place = 0, put = 0;
  const set = (steps) => { put = steps; model.set("steps", steps); };
  const halt = () => {
    cancelAnimationFrame(asked);
    asked = 0;
    play.textContent = "Play";
  };
  const settle = (steps) => { halt(); set(steps); model.save_changes(); };
  const frame = (now) => {
    if (model.get("steps") !== put) return halt();
    asked = requestAnimationFrame(frame);
    if (calm.matches && now - before < 500) return;  // no glide: twice a second the next whole steps
    const pace = clamp(5 / model.get("eta"), 4, 60);  // steps a second: a turn takes seconds at every step size
    place = Math.min(LAST, place + (clamp(now - before, 0, 600) / 1000) * pace);
    before = now;
    if (place === LAST) settle(LAST);
    else set(calm.matches ? Math.floor(place) : place);
  };
  const toggle = () => {
    if (asked) return settle(Math.floor(place));
    place = Math.floor(model.get("steps")) % LAST;
    set(place);
    before = performance.now();
    asked = requestAnimationFrame(frame);
    play.textContent = "Pause";
  };
  const one = () => settle(Math.min(LAST, Math.floor(model.get("steps")) + 1));
  const play = element("button", { type: "button", onclick: toggle }, "Play");
  const node = element("div", {}, play, element("button", { type: "button", onclick: one }, "Step"));
  Object.assign(node.style, { display: "grid", gap: "0.7rem", gridTemplateColumns: "1fr 1fr" });
  return { node, stop: halt };
};

// A sentence that grew by a line keeps its room, so that the controls below it stay where they are.
const steady = (node) => {
  let wide = 0;
  const seen = new ResizeObserver(() => {
    if (node.clientWidth !== wide) node.style.minHeight = "";
    wide = node.clientWidth;
    node.style.minHeight = `${node.offsetHeight}px`;
  });
  seen.observe(node);
  return () => seen.disconnect();
};

// The start follows a mouse, a finger that takes hold of it, and a tap anywhere in the plane.
const attach = ({ canvas, model, root }) => {
  const loose = steady(root.querySelector(".tell"));
  const at = ([x, y]) => {
    const { left, top, side } = layout(canvas.clientWidth).plane;
    return [((x - left) / side - 0.5) * 2 * REACH, (0.5 - (y - top) / side) * 2 * REACH];
  };
  const inside = (place) => at(place).every((x) => Math.abs(x) <= REACH);
  const near = (place) => {
    const [theta, phi] = at(place), unit = layout(canvas.clientWidth).plane.side / (2 * REACH);
    return unit * Math.hypot(theta - model.get("theta"), phi - model.get("phi")) < 26;
  };
  const start = (place) => {
    const [theta, phi] = at(place).map((x) => clamp(Math.round(x * 20) / 20, -2, 2));
    put(model, { theta, phi });
  };
  const undo = dragging(canvas, {
    take(place, { pointerType }) {
      const mouse = pointerType === "mouse", held = mouse ? inside(place) : near(place);
      if (held && mouse) start(place);
      return held;
    },
    move: (held, place) => start(place),
    cursor: (place) => (inside(place) ? "crosshair" : "default"),
    hold: near,
  });
  const tapped = ({ offsetX, offsetY }) => { if (inside([offsetX, offsetY])) start([offsetX, offsetY]); };
  canvas.addEventListener("click", tapped);
  return () => {
    loose();
    undo();
    canvas.removeEventListener("click", tapped);
  };
};

export default explorer({
  title: "The Dirac-GAN, step by step",
  names: ["game", "rule", "theta", "phi", "eta", "gamma", "steps"],
  controls: [
    choice("game", { label: "losses", options: { minimax: "minimax", non_saturating: "non-saturating", wasserstein: "Wasserstein" } }),
    choice("rule", {
      label: "order of the updates",
      options: {
        simultaneous: "simultaneous", alternating: "alternating, D first", generator_first: "alternating, G first",
        extragradient: "extragradient",
      },
    }),
    slider("eta", { label: "step size η", min: 0.05, max: 4.5, step: 0.05 }),
    slider("gamma", { label: "weight γ of R1", min: 0, max: 2.5, step: 0.05 }),
    slider("theta", { label: "θ at the start", min: -2, max: 2, step: 0.05 }),
    slider("phi", { label: "φ at the start", min: -2, max: 2, step: 0.05 }),
    slider("steps", { label: "steps", min: 0, max: LAST, step: 1, show: (steps) => shown(Math.floor(steps), 0) }),
    player,
  ],
  height: (width) => layout(width).height,
  paint,
  tell,
  attach,
});
