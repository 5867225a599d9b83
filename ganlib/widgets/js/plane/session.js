/** One explorer in a page: what trains, what was seen of it, and what the buttons do. */

/** @import { Model } from "../kit/model.js" */
/** @import { Answer, Load, Settings, Shapes } from "./engine.js" */
/** @import { Mark, Moment } from "./history.js" */

import { entries, listen } from "../kit/model.js";
import { runner } from "./engine.js";
import { grown, marked } from "./history.js";
import { countOf } from "./network.js";
import { trainer } from "./trainer.js";
import { SETTINGS } from "./words.js";

/**
 * @typedef {object} Session What the picture shows.
 * @property {Answer} seen
 * @property {Moment[]} history
 * @property {Mark[]} marks
 * @property {string} from in words, the weights with which the run began
 * @property {boolean} playing
 */

const NAMES = SETTINGS.map(({ name }) => name);
const BUDGET = 9; // milliseconds that the trainer goes on before it answers
/** Milliseconds from step to step; at full speed there is no rest. @type {Record<string, number>} */
const RESTS = { full: 0, ten: 100, one: 1000 };

/**
 * The trained weights: bytes as the kernel or the page holds them.
 * @type {(weights: DataView) => Float32Array}
 */
export const floats = ({ buffer, byteOffset, byteLength }) =>
  new Float32Array(buffer.slice(byteOffset, byteOffset + byteLength));

/**
 * A session that begins with the model's trained weights.
 * @param {Model} model
 */
export const session = (model) => {
  /** @type {() => Settings} */
  const now = () => entries(model, NAMES);
  let playing = false;
  let waiting = false; // for an answer
  let stale = false; // settings changed since the last question
  let owed = 0; // steps that were pressed for
  let epoch = 0; // of the run: answers to an earlier one are not heard
  let seeds = 0;
  let clock = 0;
  let near = true; // the explorer is in sight
  let changed = () => {};
  /** @type {Load | null} */
  let load = null;
  let before = now();
  let from = "";
  /** @type {Moment[]} */
  let history = [];
  /** @type {Mark[]} */
  let marks = [];
  /** @type {Answer} */
  let seen;

  const awake = () => playing && near && !document.hidden;
  const busy = () => awake() && !RESTS[model.get("speed")];
  const ask = () => {
    if (waiting) {
      stale = true;
      return;
    }
    waiting = true;
    team.ask({ epoch, load, settings: now(), steps: owed, budget: busy() ? BUDGET : 0 });
    load = null;
    owed = 0;
    stale = false;
  };
  const note = (/** @type {Answer} */ answer) => {
    history = grown(history, { step: answer.step, losses: answer.losses, modes: answer.modes });
    seen = answer;
    changed();
  };
  const team = trainer((answer) => {
    waiting = false;
    if (answer.epoch === epoch) {
      if (!answer.finite) play(false);
      note(answer);
    }
    if (busy() || stale || owed || load) ask();
  });
  const woken = () => {
    if (busy()) ask();
  };

  const begin = (/** @type {Float32Array | null} */ weights) => {
    epoch += 1;
    seeds = weights ? 0 : seeds + 1;
    load = { layers: model.get("layers"), weights, seed: seeds };
    history = [];
    marks = [];
    owed = 0;
    before = now();
    from = weights ? "the trained weights" : "random weights";
    note(runner()({ load, settings: before, epoch, steps: 0, budget: 0 })); // at once, so that the page never shows nothing
    ask();
  };
  const trained = () => {
    const weights = floats(model.get("weights"));
    /** @type {Shapes} */
    const { generator, discriminator } = model.get("layers");
    if (weights.length === countOf(generator) + countOf(discriminator)) begin(weights); // both have arrived
  };

  const step = () => {
    if (!seen.finite) return;
    owed += 1;
    ask();
  };
  const pace = () => {
    clearInterval(clock);
    const rest = RESTS[model.get("speed")];
    const tick = () => {
      if (awake()) step();
    };
    if (playing && rest) clock = window.setInterval(tick, rest);
    woken();
  };
  const play = (/** @type {boolean} */ on) => {
    if (on && !seen.finite) return;
    playing = on;
    pace();
    changed();
  };
  const turned = () => {
    const after = now();
    marks = marked(marks, { step: seen.step, time: performance.now(), before, after });
    before = after;
    ask();
  };

  const deaf = [
    listen(model, NAMES, turned),
    listen(model, ["weights", "layers"], trained),
    listen(model, ["speed"], pace),
  ];
  document.addEventListener("visibilitychange", woken);
  trained();
  return {
    /** What the picture shows. @type {() => Session} */
    read: () => ({ seen, history, marks, from, playing }),
    /** The picture in words needs these. */
    settings: now,
    /** Call `listener` whenever there is more to see. @type {(listener: () => void) => void} */
    onChange(listener) {
      changed = listener;
    },
    /** Train, or pause. */
    toggle: () => play(!playing),
    /** Train for one step. */
    step,
    /** Begin with other random weights. */
    restart() {
      play(false);
      begin(null);
    },
    /** Begin with the trained weights. */
    reset() {
      play(false);
      trained();
    },
    /** Say whether the explorer is in sight: it trains nowhere else. @type {(inSight: boolean) => void} */
    approach(inSight) {
      near = inSight;
      woken();
    },
    /** End it. */
    stop() {
      play(false);
      changed = () => {};
      epoch = -1;
      for (const undo of deaf) undo();
      document.removeEventListener("visibilitychange", woken);
      team.stop();
    },
  };
};
