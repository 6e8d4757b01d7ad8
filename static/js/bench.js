/**
 * A workbench put together from its parts: autosave, lease, keys, criteria. For reviewing, settling and grading.
 *
 * HTML it needs beyond what each part says:
 *   <div data-bench-notice hidden>...<p></p></div>     where refusals and losses are told, beside what was typed
 *   <span data-answered></span>                        optional: "2 of 4 scored"
 * Returns {saver, keyboard, holding, say}. onAnswers({answered, total}) is called at the start and on each answer.
 */
import { autosave } from "./autosave.js";
import { criteria } from "./criteria.js";
import { keys } from "./keys.js";
import { lease } from "./lease.js";

const PATIENCE_MS = 1500;

export function bench(form, { onAnswers = () => {} } = {}) {
  const notice = document.querySelector("[data-bench-notice]");
  const counter = document.querySelector("[data-answered]");
  // Before the parts start: what autosave restores is told at once.
  document.addEventListener("lease:lost", (event) => say(event.detail.message));
  form.addEventListener("autosave:refused", (event) => say(event.detail.message));
  form.addEventListener("autosave:restored", () =>
    say("What you wrote here before was not saved yet; it is back and being saved now."),
  );
  const saver = autosave(form);
  const keyboard = keys(form);
  const holding = lease(document.querySelector("[data-lease]"));
  criteria(keyboard, (counts) => {
    if (counter) counter.textContent = `${counts.answered} of ${counts.total} scored`;
    onAnswers(counts);
  });
  form.addEventListener("submit", beforeSubmit, { capture: true });
  window.addEventListener("pageshow", () => holding.resume());
  // Another form of the page takes the person to another item: that is no giving back either.
  for (const other of document.querySelectorAll("form[method=post]")) {
    if (other !== form) other.addEventListener("submit", () => holding.finish());
  }
  return { saver, keyboard, holding, say };

  /** What was typed in the last half second is saved first; then the form goes its way. */
  function beforeSubmit(event) {
    const button = event.submitter;
    if (button?.hasAttribute("hx-post")) return;
    if (!saver.hasUnsaved() || form.dataset.flushed) {
      holding.finish();
      return;
    }
    event.preventDefault();
    event.stopImmediatePropagation();
    const patience = new Promise((resolve) => setTimeout(resolve, PATIENCE_MS));
    Promise.race([saver.flush(), patience]).then(() => {
      form.dataset.flushed = "1";
      form.requestSubmit(button);
      delete form.dataset.flushed;
    });
  }

  function say(message) {
    notice.hidden = false;
    notice.querySelector("p").textContent = message;
    notice.scrollIntoView({ block: "nearest" });
  }
}
