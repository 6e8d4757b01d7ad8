/**
 * Saves what changed in a form while a person works, and never loses it.
 *
 * HTML it needs:
 *   <form data-autosave-url="..." data-autosave-key="review:<uuid>">   key: unique per item and person
 *     {% csrf_token %} and fields with a name; [data-autosave-skip] on those that are not part of the draft
 *     data-draft-version="3": the draft that the page was made with
 *     optional data-draft-window="...": who wrote it; then the server is told which draft this page knows, and refuses
 *     to write over a newer one of another window
 *   <span data-autosave-status role="status" data-saved-at="ISO time, optional">
 *     ... <span data-autosave-text>Saved 14:02</span></span>
 *
 * It sends, 500 ms after the last keystroke, a form with csrfmiddlewaretoken and changes={"name": "value"}: only
 * what changed. The server answers 200 {"version": 4}, or 4xx with {"message": "a sentence"}: then it stops and says
 * so ("autosave:refused"); with {"conflict": true, "version": 5} the person is asked first ("autosave:conflict").
 * What is not confirmed waits in localStorage and is put back into the form when the page is opened again. So is what
 * was confirmed while the page was being loaded again: the server may have made it from the draft before.
 */
import { t } from "./words.js";

const PREFIX = "countersign:draft:";
const CONFIRMED = "countersign:confirmed:";
const WINDOW = "countersign:window";
const KEEP_DAYS = 14;
const RETRY_SECONDS = [1, 2, 5, 10, 30];

/** isWaiting: nothing is put back or sent before start() is called. */
export function autosave(form, { delay = 500, signal, isWaiting = false } = {}) {
  const storeKey = PREFIX + form.dataset.autosaveKey;
  const confirmedKey = CONFIRMED + form.dataset.autosaveKey;
  const status = document.querySelector("[data-autosave-status]");
  const isCompared = "draftWindow" in form.dataset;
  const here = windowName();
  let version = Number(form.dataset.draftVersion) || 0;
  let pending = {};
  let sending = null;
  let timer = 0;
  let failures = 0;
  let refused = "";
  let inFlight = Promise.resolve(true);
  let isPaused = false; // handed in: also where start() comes after that
  let left = leftBehind(); // by an earlier page; what is typed before start() is not mixed up with it

  forgetOld();
  showTime(status?.dataset.savedAt);
  form.addEventListener("input", note, { signal });
  form.addEventListener("change", note, { signal });
  document.addEventListener("visibilitychange", () => (document.hidden ? beacon() : flush()), { signal });
  window.addEventListener("pagehide", beacon, { signal });
  window.addEventListener("online", () => flush(), { signal });
  window.addEventListener("pageshow", (event) => event.persisted && flush(), { signal });
  signal?.addEventListener("abort", () => clearTimeout(timer));
  if (!isWaiting) restore();

  return {
    flush,
    start,
    pause: () => (isPaused = true),
    resume,
    finish,
    insist,
    drop,
    isStopped: () => refused !== "",
    isCutOff: () => failures > 0,
    hasUnsaved: () => Object.keys(unsaved()).length > 0,
    settled: () => inFlight,
  };

  function start() {
    isWaiting = false;
    restore();
    if (Object.keys(pending).length) schedule(0);
  }

  function resume() {
    isPaused = false;
    schedule(delay);
  }

  /** The form went to the server as a whole: nothing of the draft needs to be kept or sent any more. */
  function finish() {
    clearTimeout(timer);
    isPaused = true;
    left = {};
    pending = {};
    sending = null;
    keep();
    remember({});
  }

  /** The person wants what stands here, whatever another window wrote. */
  function insist(known) {
    version = known;
    refused = "";
    return flush();
  }

  /** The person wants what the other window wrote; the page is then loaded again. */
  function drop() {
    finish();
  }

  function note(event) {
    const field = event.target;
    if (!field.name || field.closest("[data-autosave-skip]") || field.type === "hidden") return;
    if (valueOf(field) === sending?.[field.name] && !(field.name in pending)) return;
    pending[field.name] = valueOf(field);
    keep();
    schedule(delay);
  }

  function schedule(wait) {
    clearTimeout(timer);
    timer = setTimeout(flush, wait);
  }

  /** Sends what waits; resolves to true when the server has everything. */
  async function flush() {
    clearTimeout(timer);
    if (isWaiting || isPaused || signal?.aborted) return false;
    if (sending) return inFlight.then(flush);
    if (refused) return false;
    if (!Object.keys(pending).length) return true;
    sending = pending;
    pending = {};
    show(t("Saving"), "wait");
    inFlight = send();
    return inFlight;
  }

  async function send() {
    let answer = null;
    try {
      answer = await fetch(form.dataset.autosaveUrl, {
        method: "POST",
        body: body(sending),
        headers: { Accept: "application/json" },
        signal: AbortSignal.timeout(15000),
      });
    } catch (error) {
      answer = null; // offline, or no answer in time: the same to the person
    }
    if (!sending) return true; // handed in as a whole meanwhile
    const kept = sending;
    sending = null;
    if (answer?.ok && !answer.redirected) return confirmed(answer, kept);
    pending = { ...kept, ...pending };
    if (answer?.redirected) return refuse({ message: t("You are signed out. Sign in in another tab and write on here.") });
    if (answer && answer.status >= 400 && answer.status < 500) return refuse(await answer.json().catch(() => ({})));
    show(t("Not saved, retrying. Kept in this browser"), "unknown");
    schedule(1000 * RETRY_SECONDS[Math.min(failures++, RETRY_SECONDS.length - 1)]);
    return false;
  }

  async function confirmed(answer, changes) {
    failures = 0;
    const told = await answer.json().catch(() => ({}));
    version = told.version ?? version;
    const known = Object.entries(changes).map(([name, value]) => [name, { value, version }]);
    remember({ ...read(sessionStorage, confirmedKey), ...Object.fromEntries(known) });
    keep();
    if (Object.keys(pending).length) schedule(delay);
    else showTime(new Date().toISOString());
    return true;
  }

  function refuse(told) {
    refused = told.message || t("The server refused the draft.");
    show(t("Not saved"), "fail");
    const detail = { message: refused, version: told.version };
    const name = told.conflict ? "autosave:conflict" : "autosave:refused";
    form.dispatchEvent(new CustomEvent(name, { detail, bubbles: true }));
    return false;
  }

  /** The page may be gone before an answer comes, so what is sent here stays in localStorage until confirmed. */
  function beacon() {
    const waiting = unsaved();
    if (refused || isWaiting || isPaused || !Object.keys(waiting).length) return;
    navigator.sendBeacon(form.dataset.autosaveUrl, body(waiting));
  }

  function body(changes) {
    const data = new FormData();
    data.set("csrfmiddlewaretoken", form.elements.csrfmiddlewaretoken.value);
    data.set("changes", JSON.stringify(changes));
    if (isCompared) {
      data.set("version", String(version));
      data.set("window", here);
    }
    return data;
  }

  function unsaved() {
    return { ...(left.changes || {}), ...(sending || {}), ...pending };
  }

  function keep() {
    const waiting = unsaved();
    try {
      if (Object.keys(waiting).length) {
        localStorage.setItem(storeKey, JSON.stringify({ at: Date.now(), changes: waiting, version, window: here }));
      } else {
        localStorage.removeItem(storeKey);
      }
    } catch (error) {
      // No room or no permission: the server still gets every change.
    }
  }

  /** What was not confirmed, and what was confirmed after the server had made this page. */
  function leftBehind() {
    const waiting = read(localStorage, storeKey);
    const made = Number(form.dataset.draftVersion) || 0;
    const later = Object.entries(read(sessionStorage, confirmedKey)).filter(([, known]) => known.version > made);
    remember({});
    if (!later.length) return waiting;
    const missed = Object.fromEntries(later.map(([name, known]) => [name, known.value]));
    return { window: here, ...waiting, changes: { ...missed, ...waiting.changes } };
  }

  /** What the server has of this window, by field: {value, version}. */
  function remember(known) {
    try {
      if (Object.keys(known).length) sessionStorage.setItem(confirmedKey, JSON.stringify(known));
      else sessionStorage.removeItem(confirmedKey);
    } catch (error) {
      // No room or no permission: only a page that is loaded amid a save would have needed it.
    }
  }

  function restore() {
    const kept = left;
    left = {};
    if (!kept.changes) return;
    const changes = Object.fromEntries(Object.entries(kept.changes).filter(([name]) => !(name in pending)));
    for (const [name, value] of Object.entries(changes)) setValue(form, name, value);
    pending = { ...changes, ...pending };
    // Written upon an older draft: the server compares, unless this very window wrote the newer one.
    if (isCompared && kept.window !== here && kept.window !== form.dataset.draftWindow) version = kept.version ?? version;
    form.dispatchEvent(new CustomEvent("autosave:restored", { detail: { changes }, bubbles: true }));
    schedule(0);
  }

  function showTime(iso) {
    if (!iso) return;
    const time = new Date(iso).toLocaleTimeString([], { hour: "2-digit", minute: "2-digit", hour12: false });
    show(t("Saved {time}", { time }), "pass");
  }

  function show(text, state) {
    if (!status) return;
    status.dataset.state = state;
    const place = status.querySelector("[data-autosave-text]") || status;
    if (place.textContent !== text) place.textContent = text;
  }
}

/** Puts fields into the draft that waits in this browser for a form: {name: value}. */
export function keepForLater(autosaveKey, changes) {
  try {
    const entry = { at: Date.now(), changes, window: windowName(), version: 0 };
    localStorage.setItem(PREFIX + autosaveKey, JSON.stringify(entry));
  } catch (error) {
    // No room or no permission: the page shows what was sent.
  }
}

/** A random name; also where the browser has no secure context. */
export function randomName() {
  return Array.from(crypto.getRandomValues(new Uint8Array(12)), (byte) => byte.toString(16).padStart(2, "0")).join("");
}

/** This tab, across its reloads. */
function windowName() {
  try {
    const name = sessionStorage.getItem(WINDOW) || randomName();
    sessionStorage.setItem(WINDOW, name);
    return name;
  } catch (error) {
    return randomName();
  }
}

function valueOf(field) {
  return field.type === "checkbox" && !field.checked ? "" : field.value;
}

function setValue(form, name, value) {
  // namedItem() would also find what has the name as its id
  for (const field of [...form.elements].filter((one) => one.name === name)) {
    if (field.type === "radio" || field.type === "checkbox") field.checked = value === field.value;
    else field.value = value;
  }
}

function read(storage, key) {
  try {
    return JSON.parse(storage.getItem(key)) || {};
  } catch (error) {
    return {};
  }
}

function forgetOld() {
  const oldest = Date.now() - KEEP_DAYS * 86400000;
  try {
    for (const key of Object.keys(localStorage)) {
      if (key.startsWith(PREFIX) && !(read(localStorage, key).at > oldest)) localStorage.removeItem(key);
    }
  } catch (error) {
    // localStorage may be forbidden; nothing to forget then.
  }
}
