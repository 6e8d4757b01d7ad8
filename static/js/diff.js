/**
 * Word differences in the browser; reviewapp/reviews/diffing.py does the same on the server.
 *
 * HTML that liveDiffs needs, for each editor:
 *   <textarea id="block-1">...</textarea>
 *   <p data-diff-for="block-1" data-diff-base="the text before" data-diff-skip="5">...</p>
 *       data-diff-skip: so many characters at the start (a heading) are left out while they stay the same
 *   <span data-diff-count-for="block-1" data-diff-against="revision 3"></span>      optional
 * While the editor is in an open <details> long unchanged stretches are cut; when it is closed all is shown.
 * A "diff:changed" event with {isChanged} is dispatched on the editor after each turn.
 */
import { t, tn } from "./words.js";

const WORDS = /\s+|[\p{L}\p{N}_]+|[^\p{L}\p{N}_\s]/gu;
const MAX_CELLS = 4_000_000;
const CONTEXT = 80;

/** Two texts -> [["same" | "out" | "in", text], ...] in reading order. */
export function diffWords(before, after) {
  const a = before.replaceAll("\r\n", "\n").match(WORDS) || [];
  const b = after.replaceAll("\r\n", "\n").match(WORDS) || [];
  let head = 0;
  while (head < a.length && head < b.length && a[head] === b[head]) head++;
  let tail = 0;
  while (tail < a.length - head && tail < b.length - head && a.at(-1 - tail) === b.at(-1 - tail)) tail++;
  const pieces = [["same", a.slice(0, head).join("")]];
  pieces.push(...middle(a.slice(head, a.length - tail), b.slice(head, b.length - tail)));
  pieces.push(["same", a.slice(a.length - tail).join("")]);
  return joined(bridged(pieces.filter(([, text]) => text)));
}

/** How many words of this kind the pieces hold. */
export function wordCount(pieces, kind) {
  const words = (text) => (text.match(/[\p{L}\p{N}_]+/gu) || []).length;
  return pieces.filter(([of]) => of === kind).reduce((sum, [, text]) => sum + words(text), 0);
}

/** Shows pieces in an element; long unchanged stretches are cut unless isWhole. Text only, never markup. */
export function renderDiff(place, pieces, { isWhole = false } = {}) {
  place.replaceChildren(
    ...pieces.map(([kind, text], position) => {
      if (kind === "same") return isWhole ? text : shortened(text, position > 0, position < pieces.length - 1);
      const node = document.createElement(kind === "in" ? "ins" : "del");
      node.className = kind === "in" ? "cs-ins" : "cs-del";
      node.textContent = text;
      return node;
    }),
  );
}

export function liveDiffs(root = document) {
  for (const place of root.querySelectorAll("[data-diff-for]")) liveDiff(root, place);
}

function liveDiff(root, place) {
  const editor = document.getElementById(place.dataset.diffFor);
  const count = root.querySelector(`[data-diff-count-for="${place.dataset.diffFor}"]`);
  const base = place.dataset.diffBase;
  let timer = 0;
  editor.addEventListener("input", () => {
    clearTimeout(timer);
    timer = setTimeout(update, 120);
  });
  editor.addEventListener("change", update);
  const details = editor.closest("details");
  details?.addEventListener("toggle", update);
  update();

  function update() {
    clearTimeout(timer);
    const skip = editor.value.startsWith(base.slice(0, place.dataset.diffSkip)) ? Number(place.dataset.diffSkip) || 0 : 0;
    const pieces = diffWords(base.slice(skip), editor.value.slice(skip));
    const isChanged = pieces.some(([kind]) => kind !== "same");
    renderDiff(place, pieces, { isWhole: !details?.open });
    if (count) count.textContent = isChanged ? changes(pieces, count.dataset.diffAgainst) : t("No change yet");
    editor.dispatchEvent(new CustomEvent("diff:changed", { detail: { isChanged }, bubbles: true }));
  }
}

function changes(pieces, against) {
  const into = wordCount(pieces, "in");
  return tn("Against {against}: {n} word in, {out} out", "Against {against}: {n} words in, {out} out", into, { against, out: wordCount(pieces, "out") });
}

/** Longest common subsequence of two lists of words; too long for a table: all out, all in. */
function middle(a, b) {
  if (!a.length || !b.length || (a.length + 1) * (b.length + 1) > MAX_CELLS) {
    return [["out", a.join("")], ["in", b.join("")]];
  }
  const width = b.length + 1;
  const longest = new Uint16Array((a.length + 1) * width);
  for (let i = a.length - 1; i >= 0; i--) {
    for (let j = b.length - 1; j >= 0; j--) {
      const below = longest[(i + 1) * width + j];
      const right = longest[i * width + j + 1];
      longest[i * width + j] = a[i] === b[j] ? longest[(i + 1) * width + j + 1] + 1 : Math.max(below, right);
    }
  }
  return walked(a, b, longest, width);
}

function walked(a, b, longest, width) {
  const pieces = [];
  let i = 0;
  let j = 0;
  while (i < a.length || j < b.length) {
    if (i < a.length && j < b.length && a[i] === b[j]) {
      pieces.push(["same", a[i]]);
      i++;
      j++;
    } else if (j >= b.length || (i < a.length && longest[(i + 1) * width + j] >= longest[i * width + j + 1])) {
      pieces.push(["out", a[i++]]);
    } else {
      pieces.push(["in", b[j++]]);
    }
  }
  return pieces;
}

/** A blank that stayed between two changes belongs to both: three short changes read as one. */
function bridged(pieces) {
  return pieces.flatMap(([kind, text], position) => {
    const isBetween = position > 0 && position < pieces.length - 1 && kind === "same" && !text.trim();
    const isChange = isBetween && pieces[position - 1][0] !== "same" && pieces[position + 1][0] !== "same";
    return isChange ? [["out", text], ["in", text]] : [[kind, text]];
  });
}

function joined(pieces) {
  const result = [];
  let out = "";
  let into = "";
  let same = "";
  const close = () => {
    if (out) result.push(["out", out]);
    if (into) result.push(["in", into]);
    out = into = "";
  };
  for (const [kind, text] of [...pieces, ["end", ""]]) {
    if (kind !== "same" && same) {
      result.push(["same", same]);
      same = "";
    }
    if (kind === "same" || kind === "end") close();
    if (kind === "same") same += text;
    if (kind === "out") out += text;
    if (kind === "in") into += text;
  }
  return result;
}

function shortened(text, hasBefore, hasAfter) {
  const room = (hasBefore ? CONTEXT : 0) + (hasAfter ? CONTEXT : 0);
  if (text.length <= room + CONTEXT) return text;
  const head = hasBefore ? text.slice(0, CONTEXT).replace(/\S*$/, "") : "";
  const tail = hasAfter ? text.slice(-CONTEXT).replace(/^\S*\s/, "") : "";
  return `${head}… ${tail}`;
}
