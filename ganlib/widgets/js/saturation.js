/** Both losses of the generator, against the logit of a fake. */

/** @import { Tools } from "./kit/canvas.js" */

import { chart, legend } from "./kit/chart.js";
import { slider } from "./kit/controls.js";
import { explorer } from "./kit/explorer.js";
import { range, shown, sigmoid, softplus } from "./kit/numbers.js";

/**
 * @typedef {{ logit: number }} State
 * @typedef {"minimax" | "non_saturating"} Loss
 */

/** @type {{ loss: Loss, words: string, ink: string, dash?: number[] }[]} */
const LOSSES = [
  { loss: "minimax", words: "minimax: log(1 − D)", ink: "fake", dash: [8, 4] },
  { loss: "non_saturating", words: "non-saturating: −log D", ink: "third" },
];
const WIDE = 600;

/**
 * Both losses of one fake and what each sends back, as functions of its logit a.
 * @param {State} state
 */
export const numbers = ({ logit }) => ({
  D: sigmoid(logit),
  minimax: -softplus(logit),
  minimax_gradient: -sigmoid(logit),
  non_saturating: softplus(-logit),
  non_saturating_gradient: -sigmoid(-logit),
});

/** @typedef {ReturnType<typeof numbers>} Found */

const CURVES = range(-8, 8, 321).map((a) => ({ a, found: numbers({ logit: a }) }));

/** @type {{ yLabel: string, y: [number, number], yTicks: number[], yDigits?: number, of: (found: Found, loss: Loss) => number }[]} */
const PANELS = [
  { yLabel: "loss of one fake", y: [-8, 8], yTicks: [-8, -4, 0, 4, 8], of: (found, loss) => found[loss] },
  {
    yLabel: "its gradient in the logit",
    y: [-1.1, 0.3],
    yTicks: [-1, -0.5, 0],
    yDigits: 1,
    of: (found, loss) => found[`${loss}_gradient`],
  },
];

/** @type {(tools: Tools, state: State) => void} */
const paint = (tools, { logit }) => {
  const beside = tools.width > WIDE;
  const now = numbers({ logit });
  const width = beside ? (tools.width - 130) / 2 : tools.width - 70;
  for (const [i, { of, ...vertical }] of PANELS.entries()) {
    const [left, top] = beside ? [50 + i * (width + 64), 64] : [50, 74 + i * 240];
    const axes = chart(tools, {
      ...{ left, top, width, height: 150 },
      ...{ x: [-8, 8], xTicks: [-8, -4, 0, 4, 8], xLabel: "logit a of the fake", ...vertical },
    });
    axes.axes();
    axes.vertical(logit, "quiet", { thick: 1, dash: [4, 4] });
    for (const { loss, ink, dash } of LOSSES) {
      axes.line(
        CURVES.map(({ a, found }) => [a, of(found, loss)]),
        ink,
        { thick: 2.5, dash },
      );
      axes.dot(logit, of(now, loss), ink);
    }
  }
  legend(tools, LOSSES);
};

/** @type {(state: State) => string} */
const tell = (state) => {
  const found = numbers(state);
  return (
    `The discriminator gives this fake the probability D = ${shown(found.D, 4)} of being real. ` +
    `The minimax loss sends back a gradient of ${shown(found.minimax_gradient, 4)}, ` +
    `the non-saturating loss ${shown(found.non_saturating_gradient, 4)}.`
  );
};

export default explorer({
  title: "Two losses of the generator, against the logit of a fake",
  names: ["logit"],
  controls: [slider("logit", { label: "logit a of the fake", min: -8, max: 8, step: 0.1, digits: 1 })],
  height: (width) => (width > WIDE ? 264 : 514),
  paint,
  tell,
});
