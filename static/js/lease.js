/**
 * Holds a lease while a person works on the page, shows its time, and gives it back on leaving.
 *
 * HTML it needs:
 *   <span data-lease data-lease-renew="url" data-lease-leave="url" data-lease-seconds="1320">
 *     ... <span data-lease-text>22 min left</span></span>
 *   and a csrfmiddlewaretoken field somewhere on the page.
 *
 * Once a minute, when the page is visible and somebody used it since, it posts to data-lease-renew, which answers
 * {"seconds": 1800}, or 409 with {"message": "..."}: then "lease:lost" is dispatched on document with the message.
 * On leaving it posts to data-lease-leave, which shortens the lease to a minute: a reload renews it in time.
 */
import { t } from "./words.js";

const SIGNS_OF_LIFE = ["keydown", "pointerdown", "wheel", "scroll", "touchstart"];
const LOW_MINUTES = 5;

export function lease(place, { everySeconds = 60, signal } = {}) {
  const text = place.querySelector("[data-lease-text]") || place;
  let endsAt = Date.now() + 1000 * Number(place.dataset.leaseSeconds);
  let isUsed = true;
  let isLost = false;
  let isLeaving = true;

  for (const name of SIGNS_OF_LIFE) {
    document.addEventListener(name, () => (isUsed = true), { passive: true, capture: true, signal });
  }
  document.addEventListener("visibilitychange", () => document.hidden || renew(), { signal });
  window.addEventListener("pageshow", (event) => event.persisted && renew(), { signal });
  window.addEventListener("pagehide", leave, { signal });
  const turns = [setInterval(() => isUsed && !document.hidden && renew(), 1000 * everySeconds), setInterval(show, 5000)];
  // After a reload: the page before this one has shortened the lease, or is just doing so.
  if (place.dataset.leaseSeconds < 300) renew();
  else turns.push(setTimeout(renew, 15000));
  signal?.addEventListener("abort", () => turns.forEach(clearInterval));
  show();

  return {
    renew,
    /** Call when the item is handed in: leaving the page is then no giving back. */
    finish: () => (isLeaving = false),
    resume: () => (isLeaving = true),
  };

  async function renew() {
    if (isLost || !isLeaving || signal?.aborted) return; // handed in: there is nothing left to hold
    isUsed = false;
    try {
      const answer = await fetch(place.dataset.leaseRenew, { method: "POST", body: token() });
      const told = await answer.json();
      if (answer.ok) endsAt = Date.now() + 1000 * told.seconds;
      else if (answer.status === 409) lose(told.message);
    } catch (error) {
      isUsed = true; // no network: try again at the next turn, the time on the page keeps running down
    }
    show();
  }

  function lose(message) {
    isLost = true;
    document.dispatchEvent(new CustomEvent("lease:lost", { detail: { message } }));
  }

  function leave() {
    if (isLeaving && !isLost) navigator.sendBeacon(place.dataset.leaseLeave, token());
  }

  function show() {
    const minutes = Math.ceil((endsAt - Date.now()) / 60000);
    const isOver = isLost || minutes <= 0;
    text.textContent = isOver ? t("Lease ended") : t("{minutes} min left", { minutes });
    place.dataset.state = isOver || minutes <= LOW_MINUTES ? "unknown" : "wait";
  }
}

function token() {
  const data = new FormData();
  data.set("csrfmiddlewaretoken", document.querySelector("[name=csrfmiddlewaretoken]").value);
  return data;
}
