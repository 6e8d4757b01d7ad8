/**
 * The rubric's form: folds a criterion once it is answered, moves on, and says what is still open.
 *
 * HTML it needs (templates/components/bench_criterion.html makes it):
 *   [data-criterion data-kind="levels|gate"] with radio inputs, a [data-unfold hidden] button, and where a level
 *   asks for a note: input[data-asks] and a textarea in .cs-criterion-note
 * Options: keys (what keys.js returns), onChange({answered, total}) called at the start and after each answer.
 * After a digit the next open criterion becomes active; gate items wait, so that nobody answers two at once.
 */

export function criteria(keyboard, onChange = () => {}) {
  for (const criterion of keyboard.criteria()) {
    const button = criterion.querySelector("[data-unfold]");
    criterion.addEventListener("change", (event) => {
      if (event.target.type !== "radio") return;
      tell();
      // Chosen by pointer or arrow the criterion stays open: the person may still be looking.
      if (!event.isTrusted) moveOn(criterion, event.target);
    });
    button?.addEventListener("click", () => {
      unfold(criterion);
      keyboard.activate(criterion);
    });
  }
  document.addEventListener("keys:criterion", (event) => {
    for (const other of keyboard.criteria()) if (other !== event.target) fold(other);
    unfold(event.target);
  }, { signal: keyboard.signal });
  const first = keyboard.criteria().find((criterion) => !isAnswered(criterion));
  for (const criterion of keyboard.criteria()) if (criterion !== first) fold(criterion);
  // The first open one takes digits at once; the focus stays where the reader has it.
  if (first) keyboard.activate(first, { isFocused: true });
  tell();

  function moveOn(criterion, input) {
    if (input.dataset.asks) {
      criterion.querySelector(".cs-criterion-note textarea")?.focus();
      return;
    }
    const all = keyboard.criteria();
    const next = all.slice(all.indexOf(criterion) + 1).find((other) => !isAnswered(other));
    if (next && criterion.dataset.kind !== "gate") keyboard.activate(next);
  }

  function tell() {
    const all = keyboard.criteria();
    onChange({ answered: all.filter(isAnswered).length, total: all.length });
  }
}

export function isAnswered(criterion) {
  return criterion.querySelector("input[type=radio]:checked") !== null;
}

function fold(criterion) {
  const button = criterion.querySelector("[data-unfold]");
  if (!button || !isAnswered(criterion) || criterion.dataset.state === "needs") return;
  criterion.dataset.folded = "";
  button.hidden = false;
}

function unfold(criterion) {
  delete criterion.dataset.folded;
}
