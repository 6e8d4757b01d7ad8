/**
 * A person's own pace, and the word that a break would help. Both stay in this browser.
 *
 * HTML it needs (templates/bench.html makes it):
 *   [data-bench data-person data-break-minutes="50" data-break-items="0"]     0: never
 *   <div data-break hidden><p></p> ... <button data-break-later></button></div>
 *   <p data-pace hidden></p>                                                   optional, for instance in the list of keys
 * A sitting begins anew after ten minutes without an item. Returns {handedIn}, to be called for each item.
 */
import { t, tn } from "./words.js";

const PREFIX = "countersign:pace:";
const PAUSE_MS = 600000;
const LAST = 20;
const LATER_MS = 600000;

export function pace(bench, { signal } = {}) {
  const key = PREFIX + bench.dataset.person;
  const place = bench.querySelector("[data-break]");
  const opened = Date.now();
  let sitting = read(key);
  if (!sitting || opened - sitting.last > PAUSE_MS) sitting = { since: opened, last: opened, items: 0, seconds: [], quietUntil: 0 };
  keep();
  tell();
  place?.querySelector("[data-break-later]").addEventListener("click", () => {
    sitting.quietUntil = Date.now() + LATER_MS;
    place.hidden = true;
    keep();
  });
  const turn = setInterval(propose, 30000);
  signal?.addEventListener("abort", () => clearInterval(turn));
  propose();
  return { handedIn };

  function handedIn() {
    sitting.items += 1;
    sitting.seconds = [...sitting.seconds, Math.min(3600, Math.round((Date.now() - opened) / 1000))].slice(-LAST);
    sitting.last = Date.now();
    keep();
  }

  function propose() {
    const minutes = Math.floor((Date.now() - sitting.since) / 60000);
    const wanted = Number(bench.dataset.breakMinutes);
    const most = Number(bench.dataset.breakItems);
    const isDue = (wanted && minutes >= wanted) || (most && sitting.items >= most);
    if (!place || !isDue || Date.now() < sitting.quietUntil || !place.hidden) return;
    place.querySelector("p").textContent = tn("You have been at it for {minutes} min and {n} item. A short break helps; what you wrote is saved.", "You have been at it for {minutes} min and {n} items. A short break helps; what you wrote is saved.", sitting.items, { minutes });
    place.hidden = false;
  }

  function tell() {
    const shown = bench.querySelector("[data-pace]");
    if (!shown || !sitting.seconds.length) return;
    const sorted = [...sitting.seconds].sort((a, b) => a - b);
    const since = new Date(sitting.since).toLocaleTimeString([], { hour: "2-digit", minute: "2-digit", hour12: false });
    shown.textContent = t("Your pace: {seconds} s an item (median of the last {last}), {items} since {since}. Only you see this; it stays in this browser.", {
      seconds: sorted[Math.floor(sorted.length / 2)],
      last: sorted.length,
      items: sitting.items,
      since,
    });
    shown.hidden = false;
  }

  function keep() {
    try {
      localStorage.setItem(key, JSON.stringify(sitting));
    } catch (error) {
      // Without storage there is no word about breaks.
    }
  }
}

function read(key) {
  try {
    return JSON.parse(localStorage.getItem(key));
  } catch (error) {
    return null;
  }
}
