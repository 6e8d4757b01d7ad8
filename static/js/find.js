/**
 * Searching in the source of a workbench.
 *
 * HTML it needs (templates/components/bench_find.html makes it):
 *   <input type="search" data-find data-hotkey="/">      without a name: it is no part of the form
 *   <span data-find-count role="status"></span>
 * Enter goes to the first match and leaves the box; then N and Shift+N step while the focus is in the source,
 * Escape ends the search. Letters in any case, any white space between words.
 */
import { highlight, rangeOf, reveal, textOf } from "./passages.js";
import { t } from "./words.js";

/** hasStepKeys: N steps; without (where N means something else) Enter in the box does and the box keeps the focus. */
export function find(source, { signal, hasStepKeys = true } = {}) {
  const box = document.querySelector("[data-find]");
  const count = document.querySelector("[data-find-count]");
  if (!box || !source) return;
  const place = source.querySelector("[data-scroll]") || source;
  let matches = [];
  let at = -1;

  box.addEventListener("input", () => search());
  box.addEventListener("keydown", (event) => {
    if (event.key === "Escape") end(event);
    if (event.key !== "Enter") return;
    event.preventDefault();
    step(event.shiftKey ? -1 : 1);
    if (matches.length && hasStepKeys) place.focus({ preventScroll: true });
  });
  document.addEventListener("keydown", onKey, { capture: true, signal });
  signal?.addEventListener("abort", clear);

  function onKey(event) {
    if (!matches.length || event.ctrlKey || event.metaKey || event.altKey) return;
    if (!source.contains(document.activeElement) || document.activeElement.matches("input, textarea")) return;
    if (event.key === "Escape") return end(event);
    if (!hasStepKeys || event.key.toLowerCase() !== "n") return;
    event.preventDefault();
    step(event.key === "N" ? -1 : 1);
  }

  function search() {
    const words = box.value.trim();
    matches = words ? found(place, words) : [];
    at = -1;
    highlight("cs-found", matches);
    highlight("cs-found-now", []);
    tell(words);
    if (matches.length) step(1);
  }

  function step(by) {
    if (!matches.length) return;
    at = (at + by + matches.length) % matches.length;
    highlight("cs-found-now", [matches[at]]);
    reveal(matches[at]);
    tell(box.value.trim());
  }

  function tell(words) {
    count.textContent = !words ? "" : matches.length ? t("{n} of {total}", { n: at + 1, total: matches.length }) : t("not found");
  }

  function end(event) {
    event.preventDefault();
    event.stopPropagation();
    box.value = "";
    search();
    place.focus({ preventScroll: true });
  }

  function clear() {
    highlight("cs-found", []);
    highlight("cs-found-now", []);
  }
}

/** Every place of these words in the turns of the source, as ranges. */
function found(place, words) {
  const pattern = words.split(/\s+/).map((word) => word.replace(/[\\^$.*+?()[\]{}|/-]/g, "\\$&")).join("\\s+");
  const wanted = new RegExp(pattern, "giu");
  const parts = [...place.querySelectorAll(".cs-said")];
  return (parts.length ? parts : [place]).flatMap((part) => {
    const whole = textOf(part);
    return [...whole.text.matchAll(wanted)].map((match) => rangeOf(whole, match.index, match.index + match[0].length));
  });
}
