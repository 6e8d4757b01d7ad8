// The grading workbench: marks errors with their evidence, and says what is missing before a grade can be locked.
import { along } from "../js/along.js";
import { autosave } from "../js/autosave.js";
import { answerOf, criteria, isAnswered } from "../js/criteria.js";
import { find } from "../js/find.js";
import { freeze, handIn } from "../js/handin.js";
import { keys } from "../js/keys.js";
import { lease } from "../js/lease.js";
import { pace } from "../js/pace.js";
import { oneTab } from "../js/tabs.js";
import { paint, select, selectedIn, severities, stepSentence, textBetween } from "./spans.js";
import { t, tn } from "../js/words.js";

const form = document.querySelector("form[data-keys]");
const field = form.querySelector("[data-spans]");
const texts = { output: document.querySelector('[data-text="output"]'), prompt: document.querySelector('[data-text="prompt"]') };
const list = document.querySelector("[data-errors]");
const card = document.getElementById("error-card");
// First: it puts back what an earlier page could not send.
// A change of mind after the reveal is neither leased nor saved on the way.
const saving = form.dataset.autosaveUrl ? autosave(form) : {
  start() {}, pause() {}, resume() {}, finish() {}, flush: async () => true, settled: async () => true,
  hasUnsaved: () => false, isCutOff: () => false, isStopped: () => false,
};
let errors = read();
let current = -1;
let lastRange = null;

const keyboard = keys(form);
const leased = document.querySelector("[data-lease]");
const holding = leased ? lease(leased) : { finish: () => {}, resume: () => {} };
criteria(keyboard, () => tell());
draw();
along(document.getElementById("source"), texts.output);
find(document.getElementById("source"), { hasStepKeys: false });

// ---- one tab an output; what is handed in outlives the connection

const { handedIn } = pace(form.closest("[data-bench]"));
const hand = handIn(form, { saver: saving, holding, say: trouble, handedIn });
const tab = oneTab(form.dataset.autosaveKey, {
  onGiven: async () => {
    await saving.flush();
    saving.pause();
    standBy(t("You went on in another tab, with everything that was marked here."));
  },
});
form.addEventListener("autosave:restored", () => {
  errors = read();
  draw();
});
tab.isFirst.then((isFirst) => {
  if (!isFirst) return standBy(t("This output is open in another tab. Go on there, or close that tab and load this one again."));
  saving.start();
  hand.start();
});

function standBy(message) {
  freeze(form);
  holding.finish();
  trouble(message);
}

// ---- marking

function mark() {
  const range = usedRange();
  const inOutput = range && selectedIn(texts.output, range);
  const inPrompt = range && !inOutput && selectedIn(texts.prompt, range);
  if (inOutput) add({ start: inOutput.start, end: inOutput.end });
  else if (inPrompt) linkOrOmission(inPrompt);
  else trouble(t("Select a passage first: of the output for an error, of the prompt for its evidence."));
}

function usedRange() {
  const selection = getSelection();
  if (selection.rangeCount && !selection.isCollapsed) return selection.getRangeAt(0);
  return lastRange;
}

function add(passage, more = {}) {
  trouble("");
  const criterion = criterionForNew();
  const value = form.querySelector(`[data-criterion="${criterion}"] input:checked`)?.value;
  const isGate = form.querySelector(`[data-criterion="${criterion}"]`)?.dataset.kind === "gate";
  errors.push({
    criterion,
    severity: isGate || value === "1" ? "major" : "minor",
    start: passage.start,
    end: passage.end,
    source_start: null,
    source_end: null,
    is_absent_from_source: false,
    error_type: "",
    ...more,
  });
  current = errors.length - 1;
  changed();
}

/** A new error goes to a criterion that still lacks evidence, the active one first; before any answer, to the
 * critical criterion of levels, where most errors belong. */
function criterionForNew() {
  const all = keyboard.criteria();
  const active = form.querySelector("[data-criterion][data-active]");
  const lacking = all.filter(lacksEvidence);
  if (lacking.length) return (lacking.includes(active) ? active : lacking[0]).dataset.criterion;
  const levels = all.filter((criterion) => criterion.dataset.kind === "levels");
  const spans = all.find((criterion) => criterion.dataset.kind === "spans");
  const usual = spans || levels.find((criterion) => "critical" in criterion.dataset) || levels[0] || all[0];
  const chosen = active && active.dataset.kind === "levels" && isAnswered(active) ? active : usual;
  return chosen.dataset.criterion;
}

function linkOrOmission(passage) {
  const error = errors[current];
  if (error && !isShown(error)) {
    Object.assign(error, { source_start: passage.start, source_end: passage.end, is_absent_from_source: false });
    trouble("");
    changed();
  } else {
    // A passage of the prompt without an error that waits for it: the output leaves it out.
    add({ start: 0, end: 0 }, { source_start: passage.start, source_end: passage.end, error_type: "omission" });
  }
}

/** Whether an error is proved by a kind of evidence that its criterion accepts; the server judges the same way. */
function isShown(error) {
  const accepted = form.querySelector(`[data-criterion="${error.criterion}"]`)?.dataset.evidenceKinds?.split(" ") || ["output", "source", "absent"];
  const hasPassage = error.end > error.start;
  if (hasPassage && !accepted.includes("output")) return false;
  if (!accepted.includes("source") && !accepted.includes("absent")) return hasPassage;
  if (error.source_start !== null) return accepted.includes("source");
  return error.is_absent_from_source && hasPassage && accepted.includes("absent");
}

function toggleAbsent() {
  const error = errors[current];
  if (!error) return trouble(t("Open an error first; then say that the prompt has nothing about it."));
  if (error.start === error.end) return trouble(t("An omission needs the passage of the prompt that was left out."));
  error.is_absent_from_source = !error.is_absent_from_source;
  if (error.is_absent_from_source) Object.assign(error, { source_start: null, source_end: null });
  changed();
}

function toggleSeverity() {
  const error = errors[current];
  if (!error) return;
  error.severity = error.severity === "major" ? "minor" : "major";
  changed();
}

function jump() {
  const error = errors[current];
  if (!error) return;
  const range = usedRange();
  const isAtOutput = range && selectedIn(texts.output, range);
  if (error.source_start !== null && (isAtOutput || error.start === error.end || !range)) {
    select(texts.prompt, { start: error.source_start, end: error.source_end });
  } else if (error.end > error.start) {
    select(texts.output, error);
  }
}

// ---- keeping and drawing

function read() {
  try {
    const values = JSON.parse(field.value || "[]");
    return Array.isArray(values) ? values : [];
  } catch (error) {
    return [];
  }
}

function changed() {
  field.value = JSON.stringify(errors);
  field.dispatchEvent(new Event("input", { bubbles: true }));
  draw();
}

function draw() {
  if (current >= errors.length) current = errors.length - 1;
  const numbered = errors.map((error, index) => ({ ...error, number: index + 1, isCurrent: index === current }));
  paint(texts.output, numbered.map((error) => ({ ...error, kind: "error" })));
  const linked = numbered.filter((error) => error.source_start !== null);
  paint(texts.prompt, linked.map((error) => ({
    number: error.number, start: error.source_start, end: error.source_end, kind: "evidence", isCurrent: false,
  })));
  list.replaceChildren(...errors.map(row));
  document.querySelector("[data-errors-none]").hidden = errors.length > 0;
  tell();
}

function row(error, index) {
  const item = card.content.firstElementChild.cloneNode(true);
  const part = (name) => item.querySelector(`[data-${name}]`);
  item.id = `error-${index + 1}`;
  if (index === current) item.setAttribute("aria-current", "true");
  const reference = part("error-number");
  reference.dataset.number = String(index + 1);
  reference.setAttribute("aria-label", t("Open error {n}", { n: index + 1 }));
  for (const select of item.querySelectorAll("[data-field]")) {
    select.value = error[select.dataset.field];
    select.addEventListener("change", () => {
      errors[index][select.dataset.field] = select.value;
      changed();
      list.children[index]?.querySelector(`[data-field="${select.dataset.field}"]`)?.focus();
    });
  }
  const kind = item.querySelector('[data-field="error_type"]');
  const criterion = item.querySelector('[data-field="criterion"]');
  part("error-name").textContent = (error.error_type ? kind : criterion).selectedOptions[0]?.textContent || t("Error");
  part("error-severity").textContent = error.severity;
  part("error-excerpt").textContent = error.end > error.start ? textBetween(texts.output, error.start, error.end) : t("left out of the output");
  evidence(part("error-evidence"), error, index);
  part("error-needs").hidden = isShown(error);
  part("absent").hidden = isShown(error) || error.start === error.end;
  part("unlink").hidden = !isShown(error);
  part("absent").addEventListener("click", () => { current = index; toggleAbsent(); });
  part("unlink").addEventListener("click", () => {
    Object.assign(errors[index], { source_start: null, source_end: null, is_absent_from_source: false });
    current = index;
    changed();
  });
  part("remove").addEventListener("click", () => {
    errors.splice(index, 1);
    current = -1;
    changed();
  });
  for (const opener of [reference, item.querySelector(".cs-error-head")]) {
    opener.addEventListener("click", (event) => {
      event.preventDefault();
      open(index);
    });
  }
  return item;
}

function evidence(button, error, index) {
  const shown = isShown(error);
  button.dataset.state = shown ? "evidence" : "unknown";
  button.replaceChildren(document.getElementById(shown ? "chip-evidence" : "chip-needs").content.cloneNode(true));
  const words = !shown ? t("Evidence missing") : error.is_absent_from_source ? t("not in the prompt") : placeOf(error.source_start);
  button.querySelector("span").textContent = words;
  button.addEventListener("click", () => {
    current = index;
    draw();
    if (error.source_start !== null) select(texts.prompt, { start: error.source_start, end: error.source_end });
  });
}

function placeOf(offset) {
  const turns = [...texts.prompt.querySelectorAll("[data-start]")];
  const turn = turns.findLast((element) => Number(element.dataset.start) <= offset)?.closest("[id^=turn-]");
  return turn ? turn.id.replace("-", " ") : "prompt";
}

function open(index) {
  current = index;
  draw();
  document.getElementById(`error-${index + 1}`)?.scrollIntoView({ block: "nearest" });
}

// ---- what is missing

function chosen(criterion) {
  return answerOf(criterion);
}

function lacksEvidence(criterion) {
  const asking = criterion.dataset.evidenceValues.split(" ").filter(Boolean);
  return asking.includes(chosen(criterion)) && !errors.some((error) => error.criterion === criterion.dataset.criterion);
}

function tell() {
  const all = keyboard.criteria();
  for (const criterion of all) chips(criterion);
  const open = all.filter((criterion) => !isAnswered(criterion)).length;
  const lacking = all.filter(lacksEvidence).length;
  const unlinked = errors.filter((error) => !isShown(error)).length;
  const missing = [
    open && tn("{n} criterion", "{n} criteria", open),
    lacking && tn("{n} passage", "{n} passages", lacking),
    unlinked && tn("{n} link into the prompt", "{n} links into the prompt", unlinked),
  ];
  const words = missing.filter(Boolean).join(", ");
  document.querySelector("[data-why]").textContent = words
    ? t("To lock: {words}.", { words })
    : document.querySelector("[data-why]").dataset.complete || t("Complete. You can undo a locked grade for some minutes.");
  form.querySelector("[data-hotkey-submit]").disabled = Boolean(words) || form.dataset.lost === "1";
  for (const place of document.querySelectorAll("[data-answered]")) place.textContent = t("{n} of {total}", { n: all.length - open, total: all.length });
}

function chips(criterion) {
  const place = criterion.querySelector("[data-evidence]");
  const lacks = lacksEvidence(criterion);
  criterion.toggleAttribute("data-needs", lacks);
  const parts = [];
  errors.forEach((error, index) => {
    if (error.criterion !== criterion.dataset.criterion) return;
    const chip = document.createElement("span");
    chip.className = "cs-chip";
    chip.dataset.state = isShown(error) ? "fail" : "unknown";
    chip.textContent = t("Error {n}, {severity}", { n: index + 1, severity: severities[error.severity] });
    parts.push(chip);
  });
  if (lacks) {
    const words = document.getElementById("chip-needs").content.cloneNode(true);
    words.querySelector("span").textContent = t("Evidence needed: select the passage and press F.");
    parts.push(words);
  }
  place.replaceChildren(...parts);
  place.hidden = !parts.length;
}

function trouble(words) {
  const place = document.querySelector("[data-trouble]");
  place.hidden = !words;
  place.querySelector("[data-trouble-text]").textContent = words;
}

// ---- keys and events

const markButton = document.querySelector("[data-mark]");
// Pressing the button must not take the selection away.
markButton.addEventListener("pointerdown", (event) => event.preventDefault());
markButton.addEventListener("click", mark);
document.querySelector("[data-show-keys]").addEventListener("click", () => document.querySelector("[data-cheatsheet]").showModal());

document.addEventListener("selectionchange", () => {
  const selection = getSelection();
  if (!selection.rangeCount || selection.isCollapsed) return;
  const range = selection.getRangeAt(0);
  if (texts.output.contains(range.startContainer) || texts.prompt.contains(range.startContainer)) lastRange = range.cloneRange();
});

document.addEventListener("click", (event) => {
  const reference = event.target.closest(".cs-ref[data-number]");
  if (!reference || list.contains(reference)) return;
  event.preventDefault();
  open(Number(reference.dataset.number) - 1);
});

document.addEventListener("keydown", (event) => {
  if (event.defaultPrevented || event.ctrlKey || event.metaKey || event.altKey || form.dataset.busy) return;
  if (event.target.matches("input:not([type=radio]), textarea, select") || document.querySelector("dialog[open]")) return;
  const inPrompt = document.activeElement.closest?.("#source") || (lastRange && texts.prompt.contains(lastRange.startContainer) && !document.activeElement.closest?.("#output"));
  const act = {
    ",": () => stepSentence(inPrompt ? texts.prompt : texts.output, -1),
    ".": () => stepSentence(inPrompt ? texts.prompt : texts.output, 1),
    a: toggleAbsent,
    m: toggleSeverity,
    j: jump,
  }[keyboard.meant(event)];
  if (!act) return;
  event.preventDefault();
  act();
});

form.addEventListener("autosave:refused", (event) => trouble(event.detail.message));
form.addEventListener("keys:blocked", () => trouble(document.querySelector("[data-why]").textContent));
form.addEventListener("submit", (event) => {
  event.preventDefault();
  event.stopImmediatePropagation();
  if (!form.dataset.frozen) hand.send(event.submitter);
}, { capture: true });
document.addEventListener("lease:lost", (event) => {
  form.dataset.lost = "1";
  trouble(event.detail.message);
  tell();
});
window.addEventListener("pageshow", () => holding.resume());
window.addEventListener("beforeunload", (event) => {
  if (saving.hasUnsaved() && !form.dataset.busy) event.preventDefault();
});
