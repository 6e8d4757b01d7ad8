/**
 * The rubric's form: folds a criterion once it is answered, moves on, and says what is still open.
 *
 * HTML it needs (templates/components/bench_criterion.html and criterion_answer.html make it):
 *   [data-criterion data-kind="levels|gate|count|points|text|spans"] with radio inputs or [data-answer] fields, a
 *   [data-unfold hidden] button, and where an answer asks for a note: input[data-asks] and a textarea in
 *   .cs-criterion-note
 * Options: keys (what keys.js returns), onChange({answered, total}) called at the start and after each answer.
 * After a digit the next open criterion becomes active; gate items wait, so that nobody answers two at once. A digit
 * pressed on an active count goes into its field.
 */

export function criteria(keyboard, onChange = () => {}) {
  const { signal } = keyboard;
  for (const criterion of keyboard.criteria()) {
    const button = criterion.querySelector("[data-unfold]");
    criterion.addEventListener("change", (event) => {
      if (event.target.type !== "radio") return;
      tell();
      // Chosen by pointer or arrow the criterion stays open: the person may still be looking.
      if (!event.isTrusted) moveOn(criterion, event.target);
    });
    criterion.addEventListener("input", (event) => {
      if (event.target.matches("[data-answer]")) tell();
    });
    button?.addEventListener("click", () => {
      unfold(criterion);
      keyboard.activate(criterion);
    });
  }
  document.addEventListener("keys:criterion", (event) => {
    for (const other of keyboard.criteria()) if (other !== event.target) fold(other);
    unfold(event.target);
    // Somebody who goes through the criteria by keyboard goes into the field; the focus of a reader stays.
    const home = document.activeElement?.closest("[data-criterion]");
    if (home && home !== event.target && !hasRadios(event.target)) fieldOf(event.target)?.focus();
  }, { signal });
  document.addEventListener("keydown", (event) => {
    if (!/^[0-9]$/.test(event.key) || event.ctrlKey || event.metaKey || event.altKey) return;
    const active = document.querySelector('[data-criterion][data-active][data-kind="count"], [data-criterion][data-active][data-kind="spans"]');
    const field = active && !hasRadios(active) ? fieldOf(active) : null;
    const isTyping = event.target.matches("input:not([type=radio], [type=checkbox]), textarea, select, [contenteditable]");
    // The digit itself follows the focus into the field.
    if (field && !isTyping && !document.querySelector("dialog[open]")) field.focus();
  }, { signal });
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

/** Whether anything is answered; words that may stay empty count as answered. */
export function isAnswered(criterion) {
  if (criterion.querySelector("input[type=radio]:checked")) return true;
  const fields = [...criterion.querySelectorAll("[data-answer]")];
  return fields.some((field) => (field.type === "checkbox" ? field.checked : field.value.trim() !== "" || "optional" in field.dataset));
}

/** What is answered, as the form sends it: a level, a number, "na"; undefined while open. */
export function answerOf(criterion) {
  const radio = criterion.querySelector("input[type=radio]:checked");
  if (radio) return radio.value;
  if (criterion.querySelector("input[type=checkbox][data-answer]:checked")) return "na";
  return criterion.querySelector("input[type=number][data-answer]")?.value || undefined;
}

function hasRadios(criterion) {
  return criterion.querySelector("input[type=radio]:not([data-digit='0'])") !== null;
}

function fieldOf(criterion) {
  return criterion.querySelector("[data-answer]:not([type=checkbox])");
}

function fold(criterion) {
  const button = criterion.querySelector("[data-unfold]");
  // What was typed stays in sight; only a chosen level folds.
  if (!button || !hasRadios(criterion) || !isAnswered(criterion) || criterion.dataset.state === "needs") return;
  criterion.dataset.folded = "";
  button.hidden = false;
}

function unfold(criterion) {
  delete criterion.dataset.folded;
}
