/**
 * Reading a text along its source: from a sentence of the completion or output to the turns that say it.
 *
 * HTML it needs (templates/components/bench_along.html makes it):
 *   source: an element with [id^=turn-] > .cs-said; target: an element with the text, in parts given by `parts`
 *   <button data-along="-1">, <button data-along="1">      sentence before, sentence after
 *   <button data-along="where">                            to the best-matching turn, again to the next best
 *   <span data-along-status role="status"></span>
 * A click into the text chooses the sentence under it; selected words are looked for as they are. Returns {sentence()}: the chosen one, {text, range} or null.
 */
import { bestTurns } from "./align.js";
import { highlight, reveal, sentencesOf, textOf } from "./passages.js";
import { t } from "./words.js";

export function along(source, target, { parts = ".cs-block-text, .cs-block-clean, .cs-live-text, .cs-said", signal } = {}) {
  const status = document.querySelector("[data-along-status]");
  const turns = [...source.querySelectorAll("[id^=turn-]")];
  const said = turns.map((turn) => textOf(turn.querySelector(".cs-said") || turn).text);
  let chosen = null;
  let best = [];
  let at = -1;

  for (const button of document.querySelectorAll("[data-along]")) {
    const by = button.dataset.along;
    button.addEventListener("click", () => (by === "where" ? where() : step(Number(by))));
  }
  target.addEventListener("click", onClick);
  signal?.addEventListener("abort", () => highlight("cs-sentence", []));
  return { sentence: () => chosen };

  function sentences() {
    const shown = [...target.querySelectorAll(parts)].filter((part) => part.getClientRects().length);
    return shown.flatMap(sentencesOf);
  }

  function step(by) {
    const all = sentences();
    if (!all.length) return;
    const now = chosen ? all.findIndex((one) => one.text === chosen.text && isSame(one.range, chosen.range)) : -1;
    const next = now < 0 ? (by > 0 ? 0 : all.length - 1) : Math.min(Math.max(now + by, 0), all.length - 1);
    choose(all[next]);
    reveal(chosen.range);
    if (best.length) where();
  }

  function onClick(event) {
    const selection = getSelection();
    if (!selection.isCollapsed || !selection.focusNode || event.target.closest("textarea, button, summary, a")) return;
    const hit = sentences().find(({ range }) => range.isPointInRange(selection.focusNode, selection.focusOffset));
    if (hit) choose(hit);
  }

  function choose(sentence) {
    chosen = sentence;
    at = -1;
    best = bestTurns(sentence.text, said);
    highlight("cs-sentence", [sentence.range]);
    for (const turn of turns) delete turn.dataset.matched;
    best.forEach(({ index }, place) => (turns[index].dataset.matched = String(place + 1)));
    tell();
  }

  function where() {
    const picked = selected();
    if (picked && picked.text !== chosen?.text) choose(picked);
    if (!chosen) return void step(1);
    if (!best.length) return;
    at = (at + 1) % best.length;
    for (const turn of turns) turn.removeAttribute("aria-current");
    turns[best[at].index].setAttribute("aria-current", "true");
    reveal(turns[best[at].index]);
    tell();
  }

  function selected() {
    const selection = getSelection();
    if (!selection.rangeCount || selection.isCollapsed) return null;
    const range = selection.getRangeAt(0).cloneRange();
    const text = range.toString().trim();
    return text && target.contains(range.commonAncestorContainer) ? { text, range } : null;
  }

  function tell() {
    if (!status) return;
    const numbers = best.map(({ index }) => turns[index].id.replace("turn-", ""));
    if (!numbers.length) status.textContent = t("No part of the source shares its words.");
    else status.textContent = t("Closest: {numbers}", { numbers: numbers.map((number, place) => (place === at ? t("{number} (shown)", { number }) : number)).join(", ") });
  }
}

function isSame(a, b) {
  return a.startContainer === b.startContainer && a.startOffset === b.startOffset;
}
