/** What the worker does: it answers each question with a look at the players, after training them. */

import { runner } from "./engine.js";

const answer = runner();
self.onmessage = ({ data }) => self.postMessage(answer(data));
