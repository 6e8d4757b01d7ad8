/**
 * Passages of text on the page as Range objects, without changing the page: what is read, found and pointed out.
 *
 * Pointing out uses the CSS Custom Highlight API (::highlight(name) in the stylesheet): marks, offsets and the
 * selection stay as they are. Without it the browser's own selection shows one passage.
 */

const SKIP = ".cs-ref, .cs-del, .cs-speaker, .visually-hidden";

/** The visible text of an element: {text, nodes: [{node, start}]}; numbers of marks and deletions are left out. */
export function textOf(root) {
  const walker = document.createTreeWalker(root, NodeFilter.SHOW_TEXT, (node) =>
    node.parentElement.closest(SKIP) ? NodeFilter.FILTER_REJECT : NodeFilter.FILTER_ACCEPT,
  );
  const nodes = [];
  let text = "";
  while (walker.nextNode()) {
    nodes.push({ node: walker.currentNode, start: text.length });
    text += walker.currentNode.data;
  }
  return { text, nodes };
}

/** text[start:end] of what textOf gave, as a Range. */
export function rangeOf({ nodes }, start, end) {
  const range = document.createRange();
  const at = (offset, isEnd) => {
    const found = nodes.findLast((one) => (isEnd ? one.start < offset : one.start <= offset)) || nodes[0];
    return [found.node, Math.min(offset - found.start, found.node.length)];
  };
  range.setStart(...at(start, false));
  range.setEnd(...at(end, true));
  return range;
}

/** Sentences of an element as [{text, range}]; a line break ends one too. */
export function sentencesOf(root) {
  const whole = textOf(root);
  if (!whole.nodes.length) return [];
  const segmenter = new Intl.Segmenter(document.documentElement.lang || "en", { granularity: "sentence" });
  const found = [];
  for (const line of whole.text.matchAll(/[^\n]+/g)) {
    for (const { segment, index } of segmenter.segment(line[0])) {
      const text = segment.trim();
      if (!/[\p{L}\p{N}]/u.test(text)) continue;
      const start = line.index + index + segment.indexOf(text);
      found.push({ text, range: rangeOf(whole, start, start + text.length) });
    }
  }
  return found;
}

/** Points passages out under a name; an empty list takes them away. */
export function highlight(name, ranges) {
  if (!globalThis.CSS?.highlights) {
    if (ranges[0]) select(ranges[0]);
    return;
  }
  if (ranges.length) CSS.highlights.set(name, new Highlight(...ranges));
  else CSS.highlights.delete(name);
}

export function select(range) {
  getSelection().removeAllRanges();
  getSelection().addRange(range);
}

/** Scrolls whatever scrolls so that a passage or element is in sight, a third from the top. */
export function reveal(passage) {
  const element = passage.startContainer ? passage.startContainer.parentElement : passage;
  const box = passage.getBoundingClientRect();
  let scroller = element;
  while (scroller && (scroller.scrollHeight <= scroller.clientHeight || !/auto|scroll/.test(getComputedStyle(scroller).overflowY))) {
    scroller = scroller.parentElement;
  }
  const isPage = !scroller || scroller === document.body || scroller === document.documentElement;
  const frame = isPage ? { top: 0, bottom: innerHeight } : scroller.getBoundingClientRect();
  if (box.top >= frame.top + 40 && box.bottom <= frame.bottom - 10) return;
  const by = box.top - frame.top - (frame.bottom - frame.top) / 3;
  (isPage ? window : scroller).scrollBy({ top: by });
}
