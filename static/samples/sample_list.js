/**
 * Ticking samples of the list: all on the page, a range, by keyboard.
 *
 * HTML it needs: <form data-bulk>; <input type="checkbox" form="bulk"> in each row; <label data-tick-all hidden> around
 * the box that ticks them all; <span data-ticked role="status"> that says how many are.
 * Keys on a box: up and down go to the next one, with Shift they carry its state along; Space ticks as everywhere; a
 * click with Shift ticks all between.
 */
const form = document.querySelector("[data-bulk]");
const boxes = form ? [...form.elements].filter((one) => one.name === "sample") : [];
const all = document.querySelector("[data-tick-all]");
const status = document.querySelector("[data-ticked]");
let last = null;

if (form && all) {
  all.hidden = false;
  all.firstElementChild.addEventListener("change", (event) => {
    for (const box of boxes) box.checked = event.target.checked;
    tell();
  });
  for (const box of boxes) {
    box.addEventListener("click", (event) => onClick(event, box));
    box.addEventListener("keydown", (event) => onKey(event, box));
  }
  tell();
}

function onClick(event, box) {
  if (event.shiftKey && last) {
    const [from, to] = [boxes.indexOf(last), boxes.indexOf(box)].sort((a, b) => a - b);
    for (const one of boxes.slice(from, to + 1)) one.checked = box.checked;
  }
  last = box;
  tell();
}

function onKey(event, box) {
  const by = { ArrowDown: 1, ArrowUp: -1 }[event.key];
  const next = by && boxes[boxes.indexOf(box) + by];
  if (!next) return;
  event.preventDefault();
  if (event.shiftKey) next.checked = box.checked;
  next.focus();
  tell();
}

function tell() {
  const n = boxes.filter((box) => box.checked).length;
  const box = all.firstElementChild;
  box.checked = n === boxes.length;
  box.indeterminate = n > 0 && n < boxes.length;
  status.textContent = n ? `${n} ticked` : "";
}
