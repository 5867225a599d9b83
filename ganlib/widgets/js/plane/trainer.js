/** Where training happens: off the page's own thread, and on it where workers are forbidden. */

/** @import { Answer, Question } from "./engine.js" */

import { runner } from "./engine.js";

/**
 * @typedef {object} Trainer
 * @property {(question: Question) => void} ask
 * @property {() => void} stop
 */

/**
 * A trainer that answers, one question after the other, by calling `hear`.
 * @type {(hear: (answer: Answer) => void) => Trainer}
 */
export const trainer = (hear) => {
  /** @type {Worker | null} */
  let worker = null;
  /** @type {Question | null} */
  let asked = null;
  /** @type {ReturnType<typeof runner> | null} */
  let answer = null;
  let stopped = false;
  const here = () => {
    worker = null;
    answer ??= runner();
    const [question, respond] = [asked, answer];
    const turn = () => {
      if (question && !stopped) hear(respond(question));
    };
    setTimeout(turn); // the page draws and answers its reader first
  };
  try {
    worker = new Worker(new URL("./worker.js", import.meta.url), { type: "module" });
    worker.onmessage = ({ data }) => hear(data);
    worker.onerror = here;
  } catch {
    here();
  }
  return {
    ask(question) {
      asked = question;
      if (worker) worker.postMessage(question);
      else here();
    },
    stop() {
      stopped = true;
      worker?.terminate();
    },
  };
};
