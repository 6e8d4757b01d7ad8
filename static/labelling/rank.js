/**
 * A ranking by keyboard: digits go to a candidate, up and down move it, Enter keeps the order as it stands.
 *
 * HTML it needs: ol[data-rank] of li[data-candidate][tabindex] with [data-place] and button[data-move]; a button
 * [data-rank-keep]. Nothing is ranked until somebody moved a candidate or said that the order is right.
 */
import { t } from "../js/words.js";

export function ranking(field, value) {
  const list = field.querySelector("[data-rank]");
  const keep = field.querySelector("[data-rank-keep]");
  const items = () => [...list.children];
  if (!list.children.length) return () => false;
  if (keep) keep.hidden = false;
  list.addEventListener("keydown", onKey);
  list.addEventListener("click", (event) => {
    const button = event.target.closest("[data-move]");
    if (button) move(button.closest("[data-candidate]"), Number(button.dataset.move), button);
  });
  keep?.addEventListener("click", write);
  value.onChange(arrange);
  arrange();
  return (digit, { isMarking }) => {
    const item = isMarking ? null : items()[Number(digit) - 1];
    item?.focus();
    return Boolean(item);
  };

  function onKey(event) {
    if (event.ctrlKey || event.metaKey || event.altKey || !event.target.matches("[data-candidate]")) return;
    const act = { ArrowUp: () => move(event.target, -1), ArrowDown: () => move(event.target, 1), Enter: write }[event.key];
    if (!act) return;
    event.preventDefault();
    event.stopPropagation();
    act();
  }

  function move(item, by, button) {
    const other = by < 0 ? item.previousElementSibling : item.nextElementSibling;
    if (other) by < 0 ? other.before(item) : other.after(item);
    (button || item).focus();
    write();
  }

  function write() {
    value.set(items().map((item) => item.dataset.candidate).join(" "));
    number();
  }

  function arrange() {
    const order = value.get().split(/\s+/).filter(Boolean);
    for (const key of order) {
      const item = items().find((one) => one.dataset.candidate === key);
      if (item) list.append(item);
    }
    for (const item of items()) if (order.length && !order.includes(item.dataset.candidate)) list.append(item);
    number();
  }

  function number() {
    items().forEach((item, place) => {
      item.querySelector("[data-place]").textContent = String(place + 1);
      item.setAttribute("aria-label", t("Place {n}", { n: place + 1 }));
    });
    field.toggleAttribute("data-kept", Boolean(value.get()));
  }
}
