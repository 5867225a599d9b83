// What the book's own folds and questions do on a page. Without this script they still open, by a click on their title.

/**
 * All elements of a page that a selector names.
 * @template {HTMLElement} E
 * @param {string} selector
 * @param {ParentNode} [inside]
 * @returns {E[]}
 */
const all = (selector, inside = document) => /** @type {E[]} */ ([...inside.querySelectorAll(selector)]);

/** Open what hides the place that the address names, and go there. */
function reach() {
  const place = document.getElementById(decodeURIComponent(location.hash.slice(1)));
  if (!place?.closest("details:not([open])")) return;
  for (let fold = place.closest("details"); fold; fold = fold.parentElement?.closest("details") ?? null) {
    fold.open = true;
  }
  place.scrollIntoView();
}

/**
 * Say whether the chosen answer of a question is right, and open its answer.
 * @param {HTMLElement} question
 */
function judge(question) {
  const chosen = /** @type {HTMLInputElement | null} */ (question.querySelector("input:checked"));
  const verdict = question.querySelector(".verdict");
  const answer = question.querySelector("details");
  if (!chosen || !verdict || !answer) return;
  question.dataset.verdict = chosen.value;
  verdict.textContent = chosen.value === "right" ? "Yes." : "Not this one; see the answer.";
  answer.open = true;
}

/** What this device remembers, or nothing where it may not. */
function memory() {
  try {
    return window.localStorage;
  } catch {
    return null;
  }
}

function questions() {
  for (const question of all("fieldset.question")) {
    const key = `${location.pathname} ${question.dataset.question}`;
    const inputs = /** @type {HTMLInputElement[]} */ (all("input", question));
    const kept = inputs[Number(memory()?.getItem(key) ?? -1)];
    if (kept) {
      kept.checked = true;
      judge(question);
    }
    question.addEventListener("change", () => {
      judge(question);
      memory()?.setItem(key, String(inputs.findIndex((input) => input.checked)));
    });
  }
}

document.addEventListener("DOMContentLoaded", () => {
  questions();
  reach();
  addEventListener("hashchange", reach);
});

/** @type {HTMLDetailsElement[]} */
let opened = [];
addEventListener("beforeprint", () => {
  opened = all("article details:not([open])");
  for (const fold of opened) fold.open = true;
});
addEventListener("afterprint", () => {
  for (const fold of opened) fold.open = false;
});
