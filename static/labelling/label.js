/**
 * The label form of a workbench: classes, searched classes, passages, rankings, all by keyboard.
 *
 * HTML it needs: templates/labelling/fields.html inside the form; for passages templates/labelling/source.html.
 * Every field is one form value (textarea[data-label-value], or radio buttons); this script writes it and lets the
 * workbench's parts (autosave, keys, criteria) do the rest. Options: meant(event), the usual key of what was pressed
 * ("" where bare keys are off); activate(field, options), which gives a field the frame (both from keys.js); signal ends everything when another page takes its place.
 *
 * Digits act on the field with the frame: they tick a class, go to a candidate, or give the selected words a type.
 * "/" goes to the search of the field.
 */
import { ranking } from "./rank.js";
import { search } from "./search.js";
import { spans } from "./spans.js";

export function label(form, { meant, activate, signal }) {
  const fields = [...form.querySelectorAll("[data-label]")];
  const digits = new Map();
  for (const field of fields) {
    // Fields that were hidden at the start are not known to the keys yet.
    field.addEventListener("focusin", () => activate(field, { isFocused: true }));
    const plain = field.querySelector("[data-label-plain]");
    if (plain) plain.hidden = true;
    const value = valueOf(field);
    if (field.querySelector("[data-label-check]")) digits.set(field, checks(field, value));
    else if (field.querySelector("[data-label-search]")) search(field, value);
    else if (field.dataset.label === "ranking") digits.set(field, ranking(field, value));
    else if (field.dataset.label === "spans") digits.set(field, spans(field, value, { signal }));
  }
  document.addEventListener("keydown", onKey, { signal, capture: true });
  // What comes back from this browser's store, or is taken from a suggestion, is shown as if it had been typed.
  form.addEventListener("autosave:restored", () => fields.forEach(refresh), { signal });
  form.addEventListener("click", (event) => {
    const button = event.target.closest("[data-suggested]");
    if (button) take(button);
  }, { signal });

  function take(button) {
    const field = document.getElementById(button.dataset.suggestedFor);
    const radio = [...field.querySelectorAll("input[type=radio][name]")].find((one) => one.value === button.dataset.suggested);
    if (radio) {
      radio.checked = true;
      radio.dispatchEvent(new Event("input", { bubbles: true }));
      radio.dispatchEvent(new Event("change", { bubbles: true }));
    } else {
      valueOf(field).set(button.dataset.suggested);
      refresh(field);
    }
    field.scrollIntoView({ block: "nearest" });
  }

  function onKey(event) {
    if (event.defaultPrevented || event.isComposing || event.repeat) return;
    if (event.ctrlKey || event.metaKey || event.altKey || form.dataset.busy) return;
    if (isTyping(event.target) || document.querySelector("dialog[open], [popover]:popover-open")) return;
    const key = meant(event);
    const active = document.querySelector("[data-label][data-active]");
    if (key === "/") return toSearch(event, active);
    if (!/^[1-9]$/.test(key)) return;
    // Words that are selected take a type, whichever field has the frame.
    const marking = fields.find((field) => field.dataset.label === "spans" && digits.get(field)(key, { isMarking: true }));
    if (marking || digits.get(active)?.(key, {})) {
      event.preventDefault();
      event.stopPropagation();
    }
  }

  function toSearch(event, active) {
    const place = active?.querySelector("[data-label-search] input") || form.querySelector("[data-label-search] input");
    if (!place) return;
    event.preventDefault();
    place.focus();
  }
}

function refresh(field) {
  field.querySelector("[data-label-value]")?.dispatchEvent(new Event("label:set"));
}

/** The one form value of a field: {get, set}; set tells the workbench as typing would. */
function valueOf(field) {
  const place = field.querySelector("[data-label-value]");
  return {
    get: () => place?.value.trim() || "",
    set: (text) => {
      if (place.value === text) return;
      place.value = text;
      place.dispatchEvent(new Event("input", { bubbles: true }));
      place.dispatchEvent(new Event("change", { bubbles: true }));
    },
    onChange: (act) => place?.addEventListener("label:set", act),
  };
}

/** Listed classes of which any number may be ticked; returns what a digit does. */
function checks(field, value) {
  const boxes = [...field.querySelectorAll("[data-label-check]")];
  const show = () => {
    const keys = value.get().split("\n");
    for (const box of boxes) box.checked = keys.includes(box.value);
  };
  const tell = () => value.set(boxes.filter((box) => box.checked).map((box) => box.value).join("\n"));
  for (const box of boxes) box.addEventListener("change", tell);
  value.onChange(show);
  show();
  return (digit, { isMarking }) => {
    const box = isMarking ? null : boxes.find((one) => one.dataset.checkDigit === digit);
    if (!box) return false;
    box.checked = !box.checked;
    tell();
    return true;
  };
}

function isTyping(target) {
  return target.matches("input:not([type=radio], [type=checkbox]), textarea, select, [contenteditable]");
}
