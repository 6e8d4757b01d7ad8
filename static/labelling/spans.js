/**
 * Passages with types, overlapping or not, and relations between them; by pointer or by keyboard alone.
 *
 * HTML it needs: [data-label-source] with pieces [data-start="offset"] that hold nothing but their text; in the field
 * [data-span-type] buttons, [data-span-start], ul[data-span-list], [data-span-none], [data-span-said] and, where there
 * are relations, [data-relations] with three selects and a button, and ul[data-relation-list].
 * Offsets count characters as Python does (code points). The value is {"spans": [...], "relations": [...]}.
 *
 * By keyboard: M goes into the text; left and right go by words, up and down by turns, with Shift they select; a
 * digit gives the selection its type; Escape leaves.
 */
import { t } from "../js/words.js";

export function spans(field, value, { signal }) {
  const source = document.querySelector("[data-label-source]");
  const buttons = [...field.querySelectorAll("[data-span-type]")];
  const names = new Map(buttons.map((button) => [button.dataset.spanType, button.firstChild.textContent.trim()]));
  const tones = new Map(buttons.map((button) => [button.dataset.spanType, button.dataset.tone]));
  const list = field.querySelector("[data-span-list]");
  const none = field.querySelector("[data-span-none]");
  const joining = field.querySelector("[data-relations]");
  if (!source) return () => false;
  const pieces = [...source.querySelectorAll("[data-start]")].map((element) => {
    const chars = Array.from(element.textContent);
    const start = Number(element.dataset.start);
    return { element, chars, start, end: start + chars.length };
  });
  const words = pieces.flatMap(wordsOf);
  let state = read();
  let anchor = 0;
  let head = 0;
  let last = null;

  for (const button of buttons) {
    button.addEventListener("pointerdown", (event) => event.preventDefault()); // the selection stays
    button.addEventListener("click", () => mark(button.dataset.spanType));
  }
  field.querySelector("[data-span-start]")?.addEventListener("click", enter);
  source.addEventListener("keydown", onKey);
  document.addEventListener("selectionchange", remember, { signal });
  field.querySelector("[data-relation-add]")?.addEventListener("click", join);
  value.onChange(() => {
    state = read();
    draw();
  });
  draw();
  return (digit, { isMarking }) => {
    const button = isMarking && selected() ? buttons.find((one) => one.dataset.spanDigit === digit) : null;
    if (button) mark(button.dataset.spanType);
    return Boolean(button);
  };

  function read() {
    try {
      const given = JSON.parse(value.get() || "{}");
      return { spans: given.spans || [], relations: given.relations || [] };
    } catch (error) {
      return { spans: [], relations: [] };
    }
  }

  function write(words) {
    value.set(state.spans.length ? JSON.stringify(state) : "");
    draw();
    field.querySelector("[data-span-said]").textContent = words;
  }

  // ---- what is selected

  function remember() {
    const selection = getSelection();
    if (!selection.rangeCount) return;
    const range = selection.getRangeAt(0);
    if (source.contains(range.startContainer)) last = selection.isCollapsed ? null : range.cloneRange();
  }

  function selected() {
    if (!last || !last.intersectsNode(source)) return null;
    let found = null;
    for (const piece of pieces) {
      if (!last.intersectsNode(piece.element)) continue;
      let from = offsetIn(piece.element, last.startContainer, last.startOffset, 0);
      let to = offsetIn(piece.element, last.endContainer, last.endOffset, piece.chars.length);
      while (from < to && !piece.chars[from].trim()) from += 1;
      while (to > from && !piece.chars[to - 1].trim()) to -= 1;
      if (to > from) found = { start: found ? found.start : piece.start + from, end: piece.start + to };
    }
    return found;
  }

  function mark(type) {
    const passage = selected();
    if (!passage) {
      field.querySelector("[data-span-said]").textContent = t("Select words of the prompt first.");
      return enter();
    }
    const isThere = state.spans.some((one) => one.type === type && one.start === passage.start && one.end === passage.end);
    if (!isThere) state.spans.push({ type, ...passage });
    write(`${textAt(passage)}: ${names.get(type)}.`);
    if (document.activeElement === source) show();
    else getSelection().removeAllRanges();
    last = document.activeElement === source ? last : null;
  }

  // ---- by keyboard

  function enter() {
    source.focus();
    show();
  }

  function onKey(event) {
    if (event.target !== source || event.ctrlKey || event.metaKey || event.altKey) return;
    const act = {
      ArrowRight: () => go(head + 1, event.shiftKey),
      ArrowLeft: () => go(head - 1, event.shiftKey),
      ArrowDown: () => go(turnFrom(1), event.shiftKey),
      ArrowUp: () => go(turnFrom(-1), event.shiftKey),
      Home: () => go(0, event.shiftKey),
      End: () => go(words.length - 1, event.shiftKey),
      Escape: leave,
    }[event.key];
    if (!act) return;
    event.preventDefault();
    event.stopPropagation();
    act();
  }

  function go(to, isSelecting) {
    head = Math.min(Math.max(to, 0), words.length - 1);
    if (!isSelecting) anchor = head;
    show();
  }

  function turnFrom(by) {
    const at = pieces.indexOf(words[head].piece);
    const next = pieces[Math.min(Math.max(at + by, 0), pieces.length - 1)];
    return words.findIndex((word) => word.piece === next);
  }

  function show() {
    if (!words.length) return;
    const [left, right] = [words[Math.min(anchor, head)], words[Math.max(anchor, head)]];
    const range = document.createRange();
    range.setStart(...placeOf(left.piece, left.start, false));
    range.setEnd(...placeOf(right.piece, right.end, true));
    getSelection().removeAllRanges();
    getSelection().addRange(range);
    last = range.cloneRange();
    words[head].piece.element.scrollIntoView({ block: "nearest" });
    field.querySelector("[data-span-said]").textContent = t("“{text}” selected", { text: textAt({ start: left.start, end: right.end }) });
  }

  function leave() {
    getSelection().removeAllRanges();
    last = null;
    source.blur();
    field.querySelector("[data-span-start]")?.focus();
  }

  // ---- what is shown

  function draw() {
    for (const piece of pieces) piece.element.replaceChildren(...painted(piece));
    none.hidden = state.spans.length > 0;
    list.replaceChildren(...state.spans.map(row));
    if (joining) drawRelations();
  }

  function painted(piece) {
    const inside = state.spans.filter((one) => one.start < piece.end && one.end > piece.start);
    const cuts = new Set([piece.start, piece.end]);
    for (const one of inside) for (const cut of [one.start, one.end]) if (cut > piece.start && cut < piece.end) cuts.add(cut);
    const places = [...cuts].sort((a, b) => a - b);
    return places.slice(0, -1).map((left, place) => {
      const right = places[place + 1];
      const text = document.createTextNode(piece.chars.slice(left - piece.start, right - piece.start).join(""));
      const over = inside.filter((one) => one.start < right && one.end > left);
      // One mark inside the other: each draws its own line, so that overlapping passages all show.
      return over.reduce((inner, one, depth) => {
        const element = document.createElement("mark");
        element.className = "cs-label-mark";
        element.dataset.tone = String(Number(tones.get(one.type) || 0) % 8);
        element.dataset.depth = String(Math.min(depth, 3));
        if (one.end <= right) element.dataset.ends = names.get(one.type) || one.type;
        element.append(inner);
        return element;
      }, text);
    });
  }

  function row(one, place) {
    const item = document.createElement("li");
    const number = document.createElement("span");
    number.className = "cs-ref";
    number.textContent = String(place + 1);
    const said = document.createElement("span");
    const type = document.createElement("b");
    type.textContent = names.get(one.type) || one.type;
    said.append(type, ` “${shortened(textAt(one))}”`);
    item.append(number, said, remover(t("Remove passage {n}", { n: place + 1 }), () => {
      state.spans.splice(place, 1);
      state.relations = state.relations
        .filter((r) => r.from !== place + 1 && r.to !== place + 1)
        .map((r) => ({ ...r, from: r.from - (r.from > place + 1), to: r.to - (r.to > place + 1) }));
      write(t("Passage {n} is removed.", { n: place + 1 }));
    }));
    return item;
  }

  function remover(words, act) {
    const button = document.createElement("button");
    button.type = "button";
    button.className = "btn cs-btn-quiet cs-btn-compact";
    button.textContent = t("Remove");
    button.setAttribute("aria-label", words);
    button.addEventListener("click", () => {
      act();
      (list.querySelector("button") || field.querySelector("[data-span-start]"))?.focus();
    });
    return button;
  }

  // ---- relations

  function drawRelations() {
    joining.hidden = state.spans.length < 2;
    for (const side of ["from", "to"]) {
      const select = joining.querySelector(`[data-relation-${side}]`);
      const before = select.value;
      select.replaceChildren(...state.spans.map((one, place) => {
        const option = new Option(`${place + 1}: ${shortened(textAt(one))}`, String(place + 1));
        return option;
      }));
      if (before && Number(before) <= state.spans.length) select.value = before;
    }
    const kinds = new Map([...joining.querySelectorAll("[data-relation-type] option")].map((one) => [one.value, one.text]));
    field.querySelector("[data-relation-list]").replaceChildren(...state.relations.map((one, place) => {
      const item = document.createElement("li");
      const said = document.createElement("span");
      said.textContent = `${one.from} ${kinds.get(one.type) || one.type} ${one.to}`;
      item.append(document.createElement("span"), said, remover(t("Remove relation {n}", { n: place + 1 }), () => {
        state.relations.splice(place, 1);
        write(t("The relation is removed."));
      }));
      return item;
    }));
  }

  function join() {
    const kind = joining.querySelector("[data-relation-type]").selectedOptions[0];
    const [from, to] = ["from", "to"].map((side) => Number(joining.querySelector(`[data-relation-${side}]`).value));
    const fits = (place, allowed) => !allowed || allowed.split(" ").includes(state.spans[place - 1].type);
    const said = field.querySelector("[data-span-said]");
    if (from === to || !fits(from, kind.dataset.from) || !fits(to, kind.dataset.to)) {
      said.textContent = t("“{name}” does not join these two passages.", { name: kind.text });
      said.classList.remove("visually-hidden");
      return;
    }
    said.classList.add("visually-hidden");
    if (!state.relations.some((one) => one.type === kind.value && one.from === from && one.to === to)) {
      state.relations.push({ type: kind.value, from, to });
    }
    write("Joined.");
  }

  // ---- places

  function textAt({ start, end }) {
    return pieces
      .map((piece) => piece.chars.slice(Math.max(0, start - piece.start), Math.max(0, end - piece.start)).join(""))
      .filter(Boolean)
      .join(" ");
  }
}

function wordsOf(piece) {
  const segmenter = new Intl.Segmenter(document.documentElement.lang || "en", { granularity: "word" });
  let start = piece.start;
  const found = [];
  for (const { segment, isWordLike } of segmenter.segment(piece.chars.join(""))) {
    const end = start + Array.from(segment).length;
    if (isWordLike) found.push({ piece, start, end });
    start = end;
  }
  return found;
}

function offsetIn(element, node, offset, otherwise) {
  if (node !== element && !element.contains(node)) return otherwise;
  const before = document.createRange();
  before.selectNodeContents(element);
  before.setEnd(node, offset);
  return Array.from(before.toString()).length;
}

/** The text node and offset of a character; ``isEnd``: a place between two nodes belongs to the first. */
function placeOf(piece, offset, isEnd) {
  let left = piece.chars.slice(0, offset - piece.start).join("").length;
  const walker = document.createTreeWalker(piece.element, NodeFilter.SHOW_TEXT);
  let node = walker.nextNode();
  while (node && (left > node.length || (!isEnd && left === node.length && node.length))) {
    const next = walker.nextNode();
    if (!next) break;
    left -= node.length;
    node = next;
  }
  return [node, left];
}

function shortened(text) {
  return text.length > 60 ? `${text.slice(0, 57)} …` : text;
}
