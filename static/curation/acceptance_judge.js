/**
 * Judging an acceptance sample by keyboard. Without this script the same page is a plain form.
 *
 * HTML it needs: [data-key="1"] to be clicked by that key (a <summary> opens its panel); details[data-defect] with
 * form[data-judge] and its inputs words, field, start and note; [data-field] around each text. Words that are selected when the panel opens
 * are put into the form with the place where they begin, counted in characters as Python counts them.
 *
 * A key is ignored while somebody types, with a modifier held, when it repeats, and once the page is leaving.
 */
const form = document.querySelector("form[data-judge]");
const panel = form.closest("[data-defect]");
let isLeaving = false;

document.addEventListener("keydown", (event) => {
  if (event.defaultPrevented || event.repeat || event.ctrlKey || event.metaKey || event.altKey) return;
  if (event.key === "Escape" && panel.open) return close();
  if (isTyping(event.target) || isLeaving || document.querySelector("dialog[open]")) return;
  const key = event.key.length === 1 ? event.key.toLowerCase() : event.key;
  const place = document.querySelector(`[data-key="${CSS.escape(key)}"]`);
  if (!place) return;
  event.preventDefault();
  if (place.tagName === "SUMMARY" && panel.open) form.elements.note.focus();
  else place.click();
});
document.addEventListener("submit", () => (isLeaving = true));
window.addEventListener("pageshow", () => (isLeaving = false));
// the selection is gone once the panel has the focus
panel.querySelector("summary").addEventListener("pointerdown", take);
panel.querySelector("summary").addEventListener("click", take);
panel.addEventListener("toggle", () => panel.open && form.elements.note.focus());
if (panel.open) form.elements.note.focus();

function take() {
  const selection = getSelection();
  if (!selection.rangeCount || selection.isCollapsed) return;
  const range = selection.getRangeAt(0);
  const start = range.startContainer.parentElement?.closest("[data-field]");
  const end = range.endContainer.parentElement?.closest("[data-field]");
  if (!start || start !== end) return;
  const before = document.createRange();
  before.setStart(start, 0);
  before.setEnd(range.startContainer, range.startOffset);
  form.elements.words.value = range.toString();
  form.elements.field.value = start.dataset.field;
  form.elements.start.value = [...before.toString()].length;
}

function close() {
  panel.open = false;
  panel.querySelector("summary").focus();
}

function isTyping(target) {
  return target.isContentEditable || ["INPUT", "TEXTAREA", "SELECT"].includes(target.tagName);
}
