/**
 * Everything in a workbench by keyboard.
 *
 * HTML it needs, all optional but the form:
 *   <form data-keys>                                the form that Ctrl+Enter submits
 *   <button type="submit" data-hotkey-submit>       by this button (a disabled one is not pressed)
 *   [data-criterion] with <input type="radio" data-digit="4">      digits choose a level of the active criterion,
 *                                                   arrows up and down move between criteria (with Alt also out of
 *                                                   a text); an input may also have data-letter="y", which then
 *                                                   wins over a hotkey
 *   [data-hotkey="g"]                               a bare key that clicks it; of several with one key the next
 *                                                   after the one used last (blocks to edit, findings to visit)
 *   <dialog data-cheatsheet>                        opened by "?" and by [data-cheatsheet-open]; in it
 *                                                   <input type="checkbox" data-keys-toggle> turns bare keys off
 *                                                   for this browser (WCAG 2.1.4)
 *   [data-bench data-keymap='{"review": {"f": "x"}}' data-single-keys="off"]     the person's own keys: pages are
 *                                                   written with the usual ones, each is pressed as its own; <kbd>
 *                                                   that show one are told to show the own
 *
 * A bare key is ignored while somebody types, while a dialog is open, with a modifier held, and while the next
 * page loads (form[data-busy]), so that a held key never decides an item nobody has seen. Events:
 * "keys:criterion" on the criterion that became active, "keys:save" on the form for Ctrl+S.
 */

const OFF = "countersign:single-keys";
const TEXT_TYPES = new Set(["text", "search", "number", "email", "url", "password", "tel", "date", "file"]);

export function keys(form, { signal } = {}) {
  const cheatsheet = document.querySelector("dialog[data-cheatsheet]");
  const bench = form.closest("[data-bench]");
  const own = ownKeys(form, bench);
  const usual = new Map([...own].map(([key, mine]) => [mine, key]));
  const lastUsed = new Map();

  document.addEventListener("keydown", onKey, { signal });
  form.addEventListener("submit", (event) => {
    if (!event.submitter?.hasAttribute("hx-post")) form.dataset.busy = "1";
  });
  window.addEventListener("pageshow", () => delete form.dataset.busy, { signal });
  for (const criterion of criteria()) {
    criterion.addEventListener("focusin", () => activate(criterion, { isFocused: true }));
  }
  document.querySelector("[data-cheatsheet-open]")?.addEventListener("click", () => cheatsheet.showModal());
  prepareToggle();
  showOwn(bench, own);

  return { activate, criteria, meant, signal, next: () => step(1) };

  function onKey(event) {
    if (event.defaultPrevented || event.isComposing) return;
    const hasModifier = event.ctrlKey || event.metaKey;
    if (event.altKey) return hasModifier ? undefined : onAltArrow(event);
    if (hasModifier) return onModified(event);
    if (event.key === "Escape" && isTyping(event.target)) return leaveText(event);
    if (isTyping(event.target) || openDialog() || form.dataset.busy) return;
    if (event.key === "ArrowDown" || event.key === "ArrowUp") return onArrow(event);
    if (event.repeat) return;
    if (event.key === "?" && areOn()) return showCheatsheet(event);
    const key = meant(event);
    if (/^[0-9]$/.test(key)) return choose(event, `[data-digit="${key}"]`);
    if (key) return onLetter(event, key);
  }

  /** The usual key of what was pressed, or "" where no bare key counts: turned off, or moved elsewhere. */
  function meant(event) {
    if (event.key.length !== 1 || event.key === " " || !areOn() || bench?.dataset.singleKeys === "off") return "";
    const pressed = event.key.toLowerCase();
    return usual.get(pressed) ?? (own.has(pressed) ? "" : pressed);
  }

  function onModified(event) {
    if (event.key === "Enter") return submit(event);
    if (event.key.toLowerCase() === "s" && !event.shiftKey) {
      event.preventDefault();
      form.dispatchEvent(new CustomEvent("keys:save", { bubbles: true }));
    }
    const isUndo = event.key.toLowerCase() === "z" && !event.shiftKey && !event.repeat;
    if (isUndo && !isTyping(event.target) && !openDialog() && !form.dataset.busy) onLetter(event, "u");
  }

  function onAltArrow(event) {
    if ((event.key !== "ArrowDown" && event.key !== "ArrowUp") || !criteria().length || openDialog()) return;
    if (event.target.tagName === "SELECT" || form.dataset.busy) return;
    event.preventDefault();
    step(event.key === "ArrowDown" ? 1 : -1);
  }

  function submit(event) {
    event.preventDefault();
    if (event.repeat || form.dataset.busy || openDialog()) return;
    const button = form.querySelector("[data-hotkey-submit]") || document.querySelector("[data-hotkey-submit]");
    if (button && !button.disabled) form.requestSubmit(button);
    else form.dispatchEvent(new CustomEvent("keys:blocked", { bubbles: true }));
  }

  function leaveText(event) {
    const home = event.target.closest("[data-criterion]") || active();
    event.target.blur();
    if (home) activate(home);
  }

  function onArrow(event) {
    // On a pane that scrolls the arrows scroll; elsewhere they move between criteria.
    if (event.target.matches("[data-scroll]") || !criteria().length || event.shiftKey) return;
    if (event.target.matches("select, summary, a")) return;
    event.preventDefault();
    step(event.key === "ArrowDown" ? 1 : -1);
  }

  function onLetter(event, letter) {
    if (choose(event, `[data-letter="${CSS.escape(letter)}"]`)) return;
    const places = [...document.querySelectorAll(`[data-hotkey="${CSS.escape(letter)}"]`)].filter(isUsable);
    if (!places.length) return;
    event.preventDefault();
    const place = places[(places.indexOf(lastUsed.get(letter)) + 1) % places.length];
    lastUsed.set(letter, place);
    const before = document.activeElement;
    place.click();
    if (place.tagName === "SUMMARY") place.parentElement.querySelector("textarea")?.focus();
    else if (place.tagName !== "BUTTON" && document.activeElement === before) place.focus();
  }

  function choose(event, selector) {
    const input = active()?.querySelector(`input[type=radio]${selector}:not(:disabled)`);
    if (!input) return false;
    event.preventDefault();
    input.checked = true;
    input.dispatchEvent(new Event("input", { bubbles: true }));
    input.dispatchEvent(new Event("change", { bubbles: true }));
    return true;
  }

  function step(by) {
    const all = criteria();
    const at = all.indexOf(active());
    const next = all[Math.min(Math.max(at + by, 0), all.length - 1)];
    if (next) activate(next);
  }

  function activate(criterion, { isFocused = false } = {}) {
    if (criterion !== active()) {
      for (const other of criteria()) delete other.dataset.active;
      criterion.dataset.active = "";
      criterion.dispatchEvent(new CustomEvent("keys:criterion", { bubbles: true }));
    }
    if (isFocused) return;
    const input = criterion.querySelector("input[type=radio]:checked") || criterion.querySelector("input[type=radio]");
    input?.focus({ preventScroll: true });
    criterion.scrollIntoView({ block: "nearest" });
  }

  function active() {
    return document.querySelector("[data-criterion][data-active]");
  }

  function criteria() {
    return [...document.querySelectorAll("[data-criterion]:not([data-criterion] [data-criterion])")].filter(isUsable);
  }

  function showCheatsheet(event) {
    if (!cheatsheet) return;
    event.preventDefault();
    cheatsheet.showModal();
  }

  function prepareToggle() {
    const toggle = cheatsheet?.querySelector("[data-keys-toggle]");
    if (!toggle) return;
    toggle.checked = areOn();
    toggle.addEventListener("change", () => localStorage.setItem(OFF, toggle.checked ? "on" : "off"));
  }
}

/** The person's own keys on this kind of page: usual key -> own key. */
function ownKeys(form, bench) {
  const kind = (form.dataset.autosaveKey || "").split(":")[0];
  try {
    return new Map(Object.entries(JSON.parse(bench?.dataset.keymap || "{}")[kind] || {}));
  } catch (error) {
    return new Map();
  }
}

/** Every <kbd> that shows a usual key shows the own one. */
function showOwn(bench, own) {
  if (!own.size) return;
  for (const kbd of bench.querySelectorAll("kbd")) {
    const mine = own.get(kbd.textContent.trim().toLowerCase());
    if (mine) kbd.textContent = mine.toUpperCase();
  }
}

function areOn() {
  try {
    return localStorage.getItem(OFF) !== "off";
  } catch (error) {
    return true;
  }
}

function isTyping(target) {
  if (target.tagName === "INPUT") return TEXT_TYPES.has(target.type);
  return target.tagName === "TEXTAREA" || target.tagName === "SELECT" || target.isContentEditable;
}

function openDialog() {
  return document.querySelector("dialog[open], [popover][role=dialog]:popover-open");
}

function isUsable(element) {
  return !element.disabled && element.getClientRects().length > 0;
}
