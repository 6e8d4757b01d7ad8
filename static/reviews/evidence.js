/**
 * Evidence in two steps: mark a passage, then score.
 *
 * The marked passage waits (it is shown above the criteria) until a level that asks for one is chosen; it then stands
 * in that criterion's note. Marked while such a level is already chosen, it goes there at once.
 */
import { highlight } from "../js/passages.js";
import { t } from "../js/words.js";

export function evidence(form, { sentence, signal }) {
  const button = document.querySelector("[data-mark-evidence]");
  const place = document.querySelector("[data-marked]");
  if (!button || !place) return;
  let marked = "";
  // Pressing the button must not take the selection away.
  button.addEventListener("pointerdown", (event) => event.preventDefault());
  button.addEventListener("click", mark);
  form.addEventListener("change", (event) => {
    if (marked && event.target.matches("[data-asks=evidence]:checked")) fill(event.target.closest("[data-criterion]"));
  });
  signal?.addEventListener("abort", () => highlight("cs-evidence", []));

  function mark() {
    const picked = passage();
    if (!picked) return show(t("Select a passage first, or choose a sentence by , and ."));
    highlight("cs-evidence", [picked.range]);
    marked = `“${picked.text}”${picked.where}`;
    const active = form.querySelector("[data-criterion][data-active]");
    const waiting = [active, ...form.querySelectorAll("[data-criterion]")].find((one) => one && lacks(one));
    if (waiting) fill(waiting);
    else show(t("Marked: {marked} It goes to the next level you choose that needs a passage.", { marked }));
  }

  function passage() {
    const selection = getSelection();
    const range = selection.rangeCount && !selection.isCollapsed ? selection.getRangeAt(0).cloneRange() : sentence()?.range;
    const text = range?.toString().replace(/\s+/g, " ").trim();
    if (!text || !form.contains(range.commonAncestorContainer)) return null;
    const start = range.startContainer.parentElement;
    const turn = start.closest("[id^=turn-]");
    return { range, text, where: turn ? ` (prompt, ${turn.id.replace("turn-", "")})` : "" };
  }

  function lacks(criterion) {
    const note = noteOf(criterion);
    return note && !note.value.trim() && criterion.querySelector("[data-asks=evidence]:checked");
  }

  function fill(criterion) {
    const note = noteOf(criterion);
    if (!note) return;
    note.value = note.value.trim() ? `${note.value.trim()}\n${marked}` : marked;
    note.dispatchEvent(new Event("input", { bubbles: true }));
    marked = "";
    show("");
  }

  function noteOf(criterion) {
    return criterion.querySelector(".cs-criterion-note textarea");
  }

  function show(words) {
    place.textContent = words;
    place.hidden = !words;
  }
}
