/** What the curves show: points of a run, and marks where a setting was changed. */

/** @import { Settings } from "./engine.js" */

import { SETTINGS, settingInWords } from "./words.js";

/**
 * @typedef {{ step: number, losses: number[], modes: number }} Moment A point of the curves.
 * @typedef {{ step: number, time: number, before: Settings, words: string }} Mark
 */

const KEPT = 360; // points of a curve; above that, neighbours are joined
const QUICK = 1500; // milliseconds within which changes make one mark

/**
 * The history with one more moment, which replaces a last one of the same step.
 * @type {(history: Moment[], moment: Moment) => Moment[]}
 */
export const grown = (history, moment) => {
  const last = history[history.length - 1];
  const all = [...(last?.step === moment.step ? history.slice(0, -1) : history), moment];
  if (all.length <= KEPT) return all;
  return all.flatMap((at, i) => {
    const next = all[i + 1] ?? at;
    return i % 2 ? [] : [{ ...next, losses: at.losses.map((loss, j) => (loss + next.losses[j]) / 2) }];
  });
};

/**
 * The marks after a change of settings. Changes in quick succession, or at one step, make one mark; where together they
 * change nothing they make none.
 * @type {(marks: Mark[], change: { step: number, time: number, before: Settings, after: Settings }) => Mark[]}
 */
export const marked = (marks, { step, time, before, after }) => {
  const last = marks[marks.length - 1];
  const joined = last && (last.step === step || time - last.time < QUICK);
  const base = joined ? last.before : before;
  const kept = joined ? marks.slice(0, -1) : marks;
  const other = SETTINGS.filter(({ name }) => after[name] !== base[name]);
  const words = other.map(({ name, symbol }) => `${symbol} → ${settingInWords(after[name])}`);
  if (!words.length) return kept;
  return [...kept, { step, time, before: base, words: words.length > 1 ? `${words.length} changes` : words[0] }];
};
