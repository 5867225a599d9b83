const LOSSES = {
  minimax: { words: "minimax: log(1 − D)", ink: "fake", dash: [8, 4] },
  non_saturating: { words: "non-saturating: −log D", ink: "third" },
};
const WIDE = 600;

// Both losses of one fake and what each sends back, as functions of its logit a.
export const numbers = ({ logit }) => ({
  D: sigmoid(logit),
  minimax: -softplus(logit),
  minimax_gradient: -sigmoid(logit),
  non_saturating: softplus(-logit),
  non_saturating_gradient: -sigmoid(-logit),
});

const curves = range(-8, 8, 321).map((a) => [a, numbers({ logit: a })]);
const panels = [
  { name: "loss of one fake", y: [-8, 8], yTicks: [-8, -4, 0, 4, 8], of: (found, loss) => found[loss] },
  { name: "its gradient in the logit", y: [-1.1, 0.3], yTicks: [-1, -0.5, 0], yDigits: 1, of: (found, loss) => found[`${loss}_gradient`] },
];

const paint = (tools, { logit }) => {
  const beside = tools.width > WIDE, now = numbers({ logit });
  const wide = beside ? (tools.width - 130) / 2 : tools.width - 70;
  panels.forEach(({ name, y, yTicks, yDigits, of }, i) => {
    const [left, top] = beside ? [50 + i * (wide + 64), 64] : [50, 74 + i * 240];
    const axes = chart(tools, { left, top, width: wide, height: 150, x: [-8, 8], y, xTicks: [-8, -4, 0, 4, 8], yTicks, yDigits, xLabel: "logit a of the fake", yLabel: name });
    axes.axes();
    axes.line([[logit, y[0]], [logit, y[1]]], "quiet", { thick: 1, dash: [4, 4] });
    for (const [loss, { ink, dash }] of Object.entries(LOSSES)) {
      axes.line(curves.map(([a, found]) => [a, of(found, loss)]), ink, { thick: 2.5, dash });
      axes.dot(logit, of(now, loss), ink);
    }
  });
  legend(tools, Object.values(LOSSES));
};

const tell = ({ logit }) => {
  const found = numbers({ logit });
  return `The discriminator gives this fake the probability D = ${shown(found.D, 4)} of being real. `
    + `The minimax loss sends back a gradient of ${shown(found.minimax_gradient, 4)}, the non-saturating loss ${shown(found.non_saturating_gradient, 4)}.`;
};

export default explorer({
  title: "Two losses of the generator, against the logit of a fake",
  names: ["logit"],
  controls: [slider("logit", { label: "logit a of the fake", min: -8, max: 8, step: 0.1, digits: 1 })],
  height: (width) => (width > WIDE ? 264 : 514),
  paint,
  tell,
});
