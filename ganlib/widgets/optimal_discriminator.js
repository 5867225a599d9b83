const LIMITS = {
  theta: { min: -5, max: 5, step: 0.1, digits: 1 },
  sd: { min: 0.4, max: 2.5, step: 0.05 },
  place: { min: -5, max: 5, step: 0.1, digits: 1 },
  steepness: { min: -4, max: 4, step: 0.1, digits: 1 },
};
const CURVES = {
  data: { words: "data p", ink: "real" },
  fake: { words: "generator q", ink: "fake", dash: [9, 4] },
  best: { words: "best D*", ink: "third" },
  own: { words: "your D", ink: "fourth", dash: [9, 4, 2, 4] },
};
const WIDE = 520, FLOOR = -Math.log(4), LOWEST = -1.9;

// The data is N(0, 1); the generator's q is N(theta, sd²). Both are held as log-densities, so that no digits are lost.
const logNormal = (x, mean = 0, sd = 1) => -0.5 * ((x - mean) / sd) ** 2 - Math.log(sd) - 0.5 * Math.log(2 * Math.PI);
const peak = (sd) => 1 / (sd * Math.sqrt(2 * Math.PI));  // and the sd of a bell that is so high: its own inverse
const bestLogit = ({ theta, sd }) => (x) => logNormal(x) - logNormal(x, theta, sd);
const ownLogit = ({ place, steepness }) => (x) => steepness * (place - x);

// V(D, q) of a discriminator given by its logit: an integral over the line, as a sum over a grid times its spacing.
const LINE = range(-25, 25, 1001), SPACING = 0.05;
const P = LINE.map((x) => Math.exp(logNormal(x)));
const payoff = (logit, { theta, sd }, every = 1) => {
  let sum = 0;
  for (let i = 0; i < LINE.length; i += every) {
    const a = logit(LINE[i]);
    sum += P[i] * softplus(-a) + Math.exp(logNormal(LINE[i], theta, sd)) * softplus(a);
  }
  return -sum * SPACING * every;
};

export const numbers = (state) => {
  const value = payoff(bestLogit(state), state);
  return { jsd: (value - FLOOR) / 2, value, own_value: payoff(ownLogit(state), state), best_at_0: sigmoid(bestLogit(state)(0)) };
};

// Two charts, one below the other, with one horizontal axis: the mean of q stands right above the value that it brings.
const charts = (tools) => {
  const left = 54, top = tools.width > WIDE ? 58 : 80;
  const shared = { left, width: tools.width - left - 12, x: [-6, 6], xTicks: range(-6, 6, 7) };
  return {
    line: chart(tools, {
      ...shared, top, height: 190, y: [0, 1.05], yTicks: [0, 0.5, 1], yDigits: 1, xLabel: "x", yLabel: "probability, density",
    }),
    values: chart(tools, {
      ...shared, top: top + 262, height: 175, y: [LOWEST, 0.15], yTicks: [-1, 0],
      xLabel: "mean θ of q", yLabel: "values V(D*) and V(D), in nats",
    }),
  };
};
const height = (width) => (width > WIDE ? 536 : 558);

// What can be seized, and what the state becomes when it is dragged to a point of the canvas.
const handles = (width, state) => {
  const { line, values } = charts({ width });
  return [
    { at: [line.X(state.theta), line.Y(peak(state.sd))], drag: (x, y) => ({ theta: line.x(x), sd: peak(Math.max(line.y(y), 0.01)) }) },
    { at: [line.X(state.place), line.Y(0.5)], drag: (x) => ({ place: line.x(x) }) },
    { at: [values.X(state.theta), values.Y(numbers(state).value)], drag: (x) => ({ theta: values.x(x) }) },
  ];
};

const knob = (axes, x, y, ink, size = 7) => {
  axes.dot(x, y, "card", size + 2);
  axes.dot(x, y, ink, size);
};

// The name of the bar, on the side where the curve of values rises away from it, if there is room.
const nameBar = (axes, { pen, width, colour }, theta, value) => {
  if (axes.Y(FLOOR) - axes.Y(value) < 34) return;
  const out = theta < 0 ? -1 : 1, side = clamp(axes.X(theta) + 62 * out, 54, width - 12) === axes.X(theta) + 62 * out ? out : -out;
  const [x, y] = [axes.X(theta) + 11 * side, axes.Y(FLOOR) - 13], align = side > 0 ? "left" : "right";
  Object.assign(pen, { strokeStyle: colour("card"), lineWidth: 5, textAlign: align, textBaseline: "middle" });
  pen.setLineDash([]);
  pen.strokeText("2 JSD", x, y);
  axes.text("2 JSD", x, y, { align });
};

const paintLine = (axes, state) => {
  const { theta, sd, place } = state, best = bestLogit(state), own = ownLogit(state);
  const along = (f) => range(-6, 6, 361).map((x) => [x, f(x)]);
  const p = along((x) => Math.exp(logNormal(x))), q = along((x) => Math.exp(logNormal(x, theta, sd)));
  axes.axes();
  axes.area(p, "real");
  axes.area(q, "fake");
  axes.line(p, "real");
  axes.line(q, "fake", { dash: CURVES.fake.dash });
  axes.line(along((x) => sigmoid(own(x))), "fourth", { thick: 2.5, dash: CURVES.own.dash });
  axes.line(along((x) => sigmoid(best(x))), "third", { thick: 3.5 });
  axes.line([[theta, 0], [theta, peak(sd)]], "quiet", { thick: 1, dash: [3, 4] });
  knob(axes, place, 0.5, "fourth");
  knob(axes, theta, peak(sd), "fake");
};

const paintValues = (axes, tools, state) => {
  const { theta } = state, now = numbers(state);
  const against = (logitOf) => range(-6, 6, 97).map((mean) => {
    const there = { ...state, theta: mean };
    return [mean, payoff(logitOf(there), there, 4)];
  });
  axes.axes();
  axes.line([[-6, FLOOR], [6, FLOOR]], "ink", { thick: 1.2, dash: [2, 3] });
  axes.text("−log 4", axes.X(-6) - 6, axes.Y(FLOOR), { align: "right" });
  axes.line([[theta, FLOOR], [theta, now.value]], "third", { thick: 9 });
  axes.line(against(ownLogit), "fourth", { thick: 2.5, dash: CURVES.own.dash });
  axes.line(against(bestLogit), "third", { thick: 3.5 });
  nameBar(axes, tools, theta, now.value);
  knob(axes, theta, now.value, "third", 6);
  if (now.own_value > LOWEST) knob(axes, theta, now.own_value, "fourth", 4.5);
  else axes.text("▼", axes.X(theta), axes.Y(LOWEST) - 9, { ink: "fourth", align: "center" });
};

const paint = (tools, state) => {
  const { line, values } = charts(tools);
  paintLine(line, state);
  paintValues(values, tools, state);
  legend(tools, Object.values(CURVES), 12, 14);
};

const tell = (state) => {
  const { jsd, value, own_value } = numbers(state), same = state.theta === 0 && state.sd === 1;
  const lost = value - own_value;
  const best = same
    ? `q = p: the best discriminator is a coin, D* = ½ everywhere, with V(D*) = −log 4 = ${shown(value, 4)}, the least of all.`
    : `JSD(p, q) = ${shown(jsd, 4)} nats, so the best discriminator has V(D*) = 2 JSD − log 4 = ${shown(value, 4)}.`;
  return `${best} Yours has V(D) = ${shown(own_value, 4)}, ${lost < 5e-5 ? "as much as the best" : `which is ${shown(lost, 4)} less`}.`;
};

const attach = ({ canvas, model }) => {
  const names = Object.keys(LIMITS);
  const stateOf = () => Object.fromEntries(names.map((name) => [name, model.get(name)]));
  const under = ([x, y]) => {
    const near = handles(canvas.clientWidth, stateOf()).map((handle) => ({ ...handle, off: [handle.at[0] - x, handle.at[1] - y] }));
    const nearest = near.sort((a, b) => Math.hypot(...a.off) - Math.hypot(...b.off))[0];
    return Math.hypot(...nearest.off) < 26 ? nearest : null;
  };
  const onGrid = ([name, value]) => {
    const { min, max, step } = LIMITS[name];
    return [name, Number(clamp(Math.round(value / step) * step, min, max).toFixed(2))];
  };
  return dragging(canvas, {
    take: under,
    move({ drag, off }, [x, y]) {
      put(model, Object.fromEntries(Object.entries(drag(x + off[0], y + off[1])).map(onGrid)));
    },
    cursor: (place, held) => (held ? "grabbing" : under(place) ? "grab" : "default"),
  });
};

export default explorer({
  title: "Move the generator onto the data: what is the best discriminator worth?",
  names: Object.keys(LIMITS),
  controls: [
    slider("theta", { label: "q: mean θ", ...LIMITS.theta }),
    slider("sd", { label: "q: standard deviation", ...LIMITS.sd }),
    slider("place", { label: "your D: place of its ½", ...LIMITS.place }),
    slider("steepness", { label: "your D: steepness", ...LIMITS.steepness }),
  ],
  height,
  paint,
  tell,
  attach,
});
