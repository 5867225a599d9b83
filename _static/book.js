// What the book's own folds and questions do on a page. Without this script they still open, by a click on their title.

/** Open every fold around an element. */
function unfold(element) {
  for (let fold = element?.closest("details"); fold; fold = fold.parentElement.closest("details")) fold.open = true;
}

/** Open what hides the place that the address names, and go there. */
function reach() {
  const place = document.getElementById(decodeURIComponent(location.hash.slice(1)));
  if (!place?.closest("details:not([open])")) return;
  unfold(place);
  place.scrollIntoView();
}

/** Say whether the chosen answer of a question is right, and open its answer. */
function judge(question) {
  const chosen = question.querySelector("input:checked");
  if (!chosen) return;
  question.dataset.verdict = chosen.value;
  question.querySelector(".verdict").textContent = chosen.value === "right" ? "Yes." : "Not this one; see the answer.";
  question.querySelector("details").open = true;
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
  for (const question of document.querySelectorAll("fieldset.question")) {
    const key = `${location.pathname} ${question.dataset.question}`;
    const inputs = [...question.querySelectorAll("input")];
    const kept = memory()?.getItem(key);
    if (inputs[kept]) {
      inputs[kept].checked = true;
      judge(question);
    }
    question.addEventListener("change", () => {
      judge(question);
      memory()?.setItem(key, inputs.findIndex((input) => input.checked));
    });
  }
}

document.addEventListener("DOMContentLoaded", () => {
  questions();
  reach();
  addEventListener("hashchange", reach);
});

let opened = [];
addEventListener("beforeprint", () => {
  opened = [...document.querySelectorAll("article details:not([open])")];
  for (const fold of opened) fold.open = true;
});
addEventListener("afterprint", () => {
  for (const fold of opened) fold.open = false;
});
