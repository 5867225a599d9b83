/** A walk through the latent space of a generator that runs in the page. */

/** @import { Maker } from "./kit/controls.js" */
/** @import { State } from "./latent/walk.js" */

import { button, choice, slider } from "./kit/controls.js";
import { explorer } from "./kit/explorer.js";
import { follow, put } from "./kit/model.js";
import { shown } from "./kit/numbers.js";
import { height, paint } from "./latent/drawing.js";
import { numbers } from "./latent/walk.js";

export { numbers };

/** @type {(state: State) => string} */
const tell = (state) => {
  const { net, alpha, way, first, second, start, end, move1, move2 } = state;
  const found = numbers(state);
  const latents = `latent ${first} to latent ${second}`;
  const place = {
    arc: `on the arc from ${latents}`,
    line: `on the straight line from ${latents}`,
    stay: `with latent ${first} kept`,
  }[way];
  const moves = [move1, move2].map((by, i) => by && `${shown(by, 1)} along direction ${i + 1}`).filter(Boolean);
  const moved = moves.length ? `, moved by ${moves.join(" and ")}` : "";
  const code = net.classes.length ? ` and the code ${shown(1 - alpha)} of ${start} and ${shown(alpha)} of ${end}` : "";
  return (
    `At α = ${shown(alpha)}, ${place}${moved}, z has the length ${shown(found.length)}${code}. The mean pixel is ` +
    `${shown(found.mean, 3)}, and here the picture changes by ${shown(found.change)} per unit of α (root mean square).`
  );
};

/**
 * The class at one end of the walk: offered only where the net knows classes.
 * @type {(name: string, label: string) => Maker}
 */
const classes = (name, label) => (model) => {
  /** @type {string[]} */
  const names = model.get("net").classes;
  if (!names.length) return { node: new Text(), stop() {} };
  return choice(name, { label, options: Object.fromEntries(names.map((each) => [each, each])) })(model);
};

/**
 * How the latent goes; only with classes there is a walk on which it stays.
 * @type {Maker}
 */
const way = (model) => {
  const ways = { arc: "along the arc", line: "along the straight line" };
  const options = model.get("net").classes.length ? { stay: "stays where it is", ...ways } : ways;
  return choice("way", { label: "the latent goes", options })(model);
};

/**
 * A button that takes another latent for one end of the walk.
 * @type {(name: "first" | "second", label: string) => Maker}
 */
const another = (name, label) => (model) => {
  const take = () => put(model, { [name]: Math.max(model.get("first"), model.get("second")) + 1 });
  const { node } = button(label, take)();
  const stop = follow(model, ["way"], () => {
    node.hidden = name === "second" && model.get("way") === "stay";
  });
  return { node, stop };
};

/** @type {(i: 1 | 2) => Maker} */
const direction = (i) => slider(`move${i}`, { label: `along direction ${i}`, min: -4, max: 4, step: 0.1, digits: 1 });

export default explorer({
  title: "A walk through the generator's latent space",
  names: ["net", "alpha", "way", "first", "second", "start", "end", "move1", "move2"],
  controls: [
    slider("alpha", { label: "α, part of the way", min: 0, max: 1, step: 0.01 }),
    way,
    direction(1),
    direction(2),
    classes("start", "class at α = 0"),
    classes("end", "class at α = 1"),
    another("first", "New first latent"),
    another("second", "New last latent"),
  ],
  height,
  paint,
  tell,
});
