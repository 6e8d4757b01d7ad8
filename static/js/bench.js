/**
 * A workbench put together from its parts: autosave, lease, keys, criteria, one tab an item, handing in.
 * For reviewing, settling and grading.
 *
 * HTML it needs beyond what each part says:
 *   <div data-bench data-person="7">                   round everything; a page that is swapped in replaces it
 *   <div data-bench-notice hidden>...<p></p></div>     where refusals and losses are told, beside what was typed
 *   <span data-answered></span>                        optional: "2 of 4 scored"
 * Options: onAnswers({answered, total}) is called at the start and on each answer; signal ends the page's scripts
 * when another page takes its place; restart() starts them on the new one (without it pages are loaded).
 * Returns {saver, keyboard, holding, say}.
 */
import { autosave } from "./autosave.js";
import { criteria } from "./criteria.js";
import { freeze, handIn } from "./handin.js";
import { keys } from "./keys.js";
import { lease } from "./lease.js";
import { pace } from "./pace.js";
import { oneTab } from "./tabs.js";
import { t } from "./words.js";

const PATIENCE_MS = 1500;

export function bench(form, { onAnswers = () => {}, signal, restart } = {}) {
  const notice = document.querySelector("[data-bench-notice]");
  const counter = document.querySelector("[data-answered]");
  // Before the parts start: what autosave restores is told at once.
  document.addEventListener("lease:lost", (event) => say(event.detail.message), { signal });
  form.addEventListener("autosave:refused", (event) => say(event.detail.message));
  form.addEventListener("autosave:conflict", onConflict);
  form.addEventListener("autosave:restored", () =>
    say(t("What you wrote here before was not saved yet; it is back and being saved now.")),
  );
  const saver = autosave(form, { signal, isWaiting: true });
  const keyboard = keys(form, { signal });
  const holding = lease(document.querySelector("[data-lease]"), { signal });
  const tab = oneTab(form.dataset.autosaveKey, { signal, onGiven: give });
  const { handedIn } = pace(form.closest("[data-bench]"), { signal });
  const hand = handIn(form, { saver, holding, say, handedIn, signal, restart });
  criteria(keyboard, (counts) => {
    if (counter) counter.textContent = t("{answered} of {total} scored", counts);
    onAnswers(counts);
  });
  form.addEventListener("keys:save", () => saver.flush());
  form.addEventListener("submit", beforeSubmit, { capture: true });
  window.addEventListener("pageshow", () => holding.resume(), { signal });
  // Another form of the page takes the person to another item: that is no giving back either.
  for (const other of document.querySelectorAll("form[method=post]")) {
    if (other !== form) other.addEventListener("submit", () => holding.finish());
  }
  tab.isFirst.then((isFirst) => {
    if (signal?.aborted) return;
    if (isFirst) start();
    else standBy();
  });
  return { saver, keyboard, holding, say };

  function start() {
    saver.start();
    hand.start();
  }

  /** Another tab has this item: nothing is changed or sent from here until the person says so. */
  function standBy() {
    freeze(form);
    holding.finish();
    say(t("This is open in another tab. What you write there is kept; here nothing can be changed."), [
      [t("Work here instead"), () => tab.take().then(reload)],
    ]);
  }

  async function give() {
    await Promise.race([saver.flush(), sleep(PATIENCE_MS)]);
    saver.pause();
    freeze(form);
    holding.finish();
    say(t("You went on in another tab, with everything that was written here."), [[t("Work here again"), () => tab.take().then(reload)]]);
  }

  function onConflict(event) {
    const { message, version } = event.detail;
    say(message, [
      [t("Keep what stands here"), () => saver.insist(version).then(() => (notice.hidden = true))],
      [t("Load what was written there"), () => (saver.drop(), reload())],
    ]);
  }

  function reload() {
    holding.finish();
    location.reload();
  }

  /** What was typed in the last half second is saved first; then the form goes its way. */
  function beforeSubmit(event) {
    const button = event.submitter;
    if (button?.hasAttribute("hx-post") && !form.dataset.frozen) return;
    const isPlain = button?.hasAttribute("formaction") && !form.dataset.frozen;
    if (isPlain && (form.dataset.flushed || !saver.hasUnsaved())) return void holding.finish();
    event.preventDefault();
    event.stopImmediatePropagation();
    if (form.dataset.frozen) return;
    if (!button?.hasAttribute("formaction")) return void hand.send(button);
    if (saver.isCutOff()) return say(t("There is no connection. What you wrote is kept here; try again when it is back."));
    // Not before this event has ended: a form that is being submitted is not submitted again.
    Promise.all([Promise.race([saver.flush(), sleep(PATIENCE_MS)]), sleep(0)]).then(() => {
      form.dataset.flushed = "1";
      form.requestSubmit(button);
      delete form.dataset.flushed;
    });
  }

  /** message, and buttons: [[words, act], ...] */
  function say(message, choices = []) {
    const place = notice.querySelector("p");
    place.textContent = message;
    for (const [words, act] of choices) {
      const button = document.createElement("button");
      button.type = "button";
      button.className = "btn cs-btn cs-btn-compact";
      button.textContent = words;
      button.addEventListener("click", act);
      place.append(" ", button);
    }
    notice.hidden = false;
    notice.scrollIntoView({ block: "nearest" });
  }
}

function sleep(milliseconds) {
  return new Promise((resolve) => setTimeout(resolve, milliseconds));
}
