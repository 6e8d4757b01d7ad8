/**
 * Passages of a text by character offsets.
 *
 * HTML it needs: elements with data-start="offset" that hold pieces of the text, in order. Offsets count characters
 * as Python does (code points), not UTF-16 units. Numbers behind a passage are drawn by CSS, so that the text of a
 * piece is always exactly the text.
 */
import { t } from "../js/words.js";

export const severities = { minor: t("minor"), major: t("major") };

const pieces = new WeakMap();

/** The pieces of a text, remembered as they were first found. */
export function piecesOf(root) {
  if (!pieces.has(root)) {
    const found = [...root.querySelectorAll("[data-start]")].map((element) => {
      const chars = Array.from(element.textContent);
      return { element, start: Number(element.dataset.start), end: Number(element.dataset.start) + chars.length, chars };
    });
    pieces.set(root, found);
  }
  return pieces.get(root);
}

/** The text between two offsets, with a space where pieces meet. */
export function textBetween(root, start, end) {
  const parts = piecesOf(root).map((piece) => {
    const from = Math.max(start, piece.start);
    const to = Math.min(end, piece.end);
    return to > from ? piece.chars.slice(from - piece.start, to - piece.start).join("") : "";
  });
  return parts.filter(Boolean).join(" ");
}

/** What is selected inside a text as {start, end} without blanks at its ends; null for nothing. */
export function selectedIn(root, range) {
  if (!range || range.collapsed || !root.contains(range.commonAncestorContainer)) {
    if (!range || range.collapsed || !range.intersectsNode(root)) return null;
  }
  let found = null;
  for (const piece of piecesOf(root)) {
    if (!range.intersectsNode(piece.element)) continue;
    const from = localOffset(piece.element, range.startContainer, range.startOffset, 0);
    const to = localOffset(piece.element, range.endContainer, range.endOffset, piece.chars.length);
    const [left, right] = trimmed(piece.chars, from, to);
    if (right <= left) continue;
    found = { start: found ? found.start : piece.start + left, end: piece.start + right };
  }
  return found;
}

function localOffset(element, node, offset, otherwise) {
  if (node !== element && !element.contains(node)) return otherwise;
  const before = document.createRange();
  before.selectNodeContents(element);
  before.setEnd(node, offset);
  return Array.from(before.toString()).length;
}

function trimmed(chars, from, to) {
  while (from < to && !chars[from].trim()) from += 1;
  while (to > from && !chars[to - 1].trim()) to -= 1;
  return [from, to];
}

/** Draws marks: [{number, start, end, kind, severity, isCurrent}]. The more severe mark is painted where they overlap. */
export function paint(root, marks) {
  for (const piece of piecesOf(root)) {
    const inside = marks.filter((mark) => mark.start < piece.end && mark.end > piece.start && mark.start < mark.end);
    piece.element.replaceChildren(...(inside.length ? drawn(piece, inside) : [piece.chars.join("")]));
  }
}

function drawn(piece, marks) {
  const cuts = new Set([piece.start, piece.end]);
  for (const mark of marks) {
    for (const cut of [mark.start, mark.end]) if (cut > piece.start && cut < piece.end) cuts.add(cut);
  }
  const places = [...cuts].sort((a, b) => a - b);
  const nodes = [];
  for (let i = 0; i + 1 < places.length; i += 1) {
    const [left, right] = [places[i], places[i + 1]];
    const text = piece.chars.slice(left - piece.start, right - piece.start).join("");
    const over = marks.filter((mark) => mark.start < right && mark.end > left).sort(byWeight);
    nodes.push(over.length ? marked(text, over[0]) : text);
    nodes.push(...marks.filter((mark) => mark.end === right || (mark.end > right && right === piece.end)).map(reference));
  }
  return nodes;
}

function byWeight(a, b) {
  return (b.isCurrent ? 1 : 0) - (a.isCurrent ? 1 : 0) || (b.severity === "major" ? 1 : 0) - (a.severity === "major" ? 1 : 0);
}

function marked(text, mark) {
  const element = document.createElement("mark");
  element.className = "cs-span";
  element.dataset.kind = mark.kind;
  if (mark.severity) element.dataset.severity = mark.severity;
  if (mark.isCurrent) element.setAttribute("aria-current", "true");
  element.textContent = text;
  return element;
}

function reference(mark) {
  const element = document.createElement("a");
  element.className = "cs-ref";
  element.dataset.kind = mark.kind;
  element.dataset.number = String(mark.number);
  element.href = `#error-${mark.number}`;
  const name = mark.kind === "evidence" ? t("Evidence for error {n}", { n: mark.number }) : t("Error {n}, {severity}", { n: mark.number, severity: severities[mark.severity] });
  element.setAttribute("aria-label", name);
  return element;
}

/** Selects the sentence before (-1) or after (1) the present selection in a text, and shows it. */
export function stepSentence(root, by) {
  const all = sentencesOf(root);
  if (!all.length) return;
  const range = getSelection().rangeCount ? getSelection().getRangeAt(0) : null;
  const now = range && root.contains(range.commonAncestorContainer) ? selectedIn(root, range) : null;
  const at = now ? all.findIndex((sentence) => sentence.start <= now.start && sentence.end > now.start) : by > 0 ? -1 : all.length;
  select(root, all[Math.min(Math.max(at + by, 0), all.length - 1)]);
}

function sentencesOf(root) {
  const segmenter = new Intl.Segmenter(document.documentElement.lang || "en", { granularity: "sentence" });
  return piecesOf(root).flatMap((piece) => {
    let start = piece.start;
    return [...segmenter.segment(piece.chars.join(""))].map(({ segment }) => {
      const sentence = { start, end: start + Array.from(segment).length };
      start = sentence.end;
      return sentence;
    });
  }).filter((sentence) => textBetween(root, sentence.start, sentence.end).trim());
}

/** Selects a passage in the browser's own selection and scrolls to it. */
export function select(root, passage) {
  const range = document.createRange();
  const [startNode, startOffset] = place(root, passage.start, false);
  const [endNode, endOffset] = place(root, passage.end, true);
  range.setStart(startNode, startOffset);
  range.setEnd(endNode, endOffset);
  getSelection().removeAllRanges();
  getSelection().addRange(range);
  startNode.parentElement?.scrollIntoView({ block: "nearest" });
}

/** The text node and offset of a character; ``isEnd``: a place between two pieces belongs to the first. */
function place(root, offset, isEnd) {
  const all = piecesOf(root);
  const piece = all.find((one) => (isEnd ? offset > one.start && offset <= one.end : offset >= one.start && offset < one.end)) || all.at(-1);
  let left = piece.chars.slice(0, Math.max(0, offset - piece.start)).join("").length;
  const walker = document.createTreeWalker(piece.element, NodeFilter.SHOW_TEXT);
  let node = walker.nextNode();
  while (node && left > node.length) {
    left -= node.length;
    node = walker.nextNode();
  }
  return node ? [node, left] : [piece.element, 0];
}
