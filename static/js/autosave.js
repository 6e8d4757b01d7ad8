/**
 * Saves what changed in a form while a person works, and never loses it.
 *
 * HTML it needs:
 *   <form data-autosave-url="..." data-autosave-key="review:<uuid>">   key: unique per item and person
 *     {% csrf_token %} and fields with a name; [data-autosave-skip] on those that are not part of the draft
 *   <span data-autosave-status role="status" data-saved-at="ISO time, optional">
 *     ... <span data-autosave-text>Saved 14:02</span></span>
 *
 * It sends, 500 ms after the last keystroke, a form with csrfmiddlewaretoken and changes={"name": "value"}: only
 * what changed. The server answers 200, or 4xx with {"message": "a sentence"}: then it stops and says so.
 * What is not confirmed waits in localStorage and is put back into the form when the page is opened again.
 */

const PREFIX = "countersign:draft:";
const KEEP_DAYS = 14;
const RETRY_SECONDS = [1, 2, 5, 10, 30];

export function autosave(form, { delay = 500 } = {}) {
  const storeKey = PREFIX + form.dataset.autosaveKey;
  const status = document.querySelector("[data-autosave-status]");
  let pending = {};
  let sending = null;
  let timer = 0;
  let failures = 0;
  let refused = "";
  let inFlight = Promise.resolve(true);

  forgetOld();
  showTime(status?.dataset.savedAt);
  restore();

  form.addEventListener("input", note);
  form.addEventListener("change", note);
  document.addEventListener("visibilitychange", () => (document.hidden ? beacon() : flush()));
  window.addEventListener("pagehide", beacon);
  window.addEventListener("online", () => flush());
  window.addEventListener("pageshow", (event) => event.persisted && flush());

  return { flush, hasUnsaved: () => Object.keys(unsaved()).length > 0 };

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
    if (sending) return inFlight.then(flush);
    if (refused) return false;
    if (!Object.keys(pending).length) return true;
    sending = pending;
    pending = {};
    show("Saving", "wait");
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
    const kept = sending;
    sending = null;
    if (answer?.ok) return confirmed();
    pending = { ...kept, ...pending };
    if (answer && answer.status >= 400 && answer.status < 500) return refuse(answer);
    show("Not saved, retrying", "unknown");
    schedule(1000 * RETRY_SECONDS[Math.min(failures++, RETRY_SECONDS.length - 1)]);
    return false;
  }

  function confirmed() {
    failures = 0;
    keep();
    if (Object.keys(pending).length) schedule(delay);
    else showTime(new Date().toISOString());
    return true;
  }

  async function refuse(answer) {
    const told = await answer.json().catch(() => ({}));
    refused = told.message || "The server refused the draft.";
    show("Not saved", "fail");
    form.dispatchEvent(new CustomEvent("autosave:refused", { detail: { message: refused }, bubbles: true }));
    return false;
  }

  /** The page may be gone before an answer comes, so what is sent here stays in localStorage until confirmed. */
  function beacon() {
    const waiting = unsaved();
    if (!refused && Object.keys(waiting).length) navigator.sendBeacon(form.dataset.autosaveUrl, body(waiting));
  }

  function body(changes) {
    const data = new FormData();
    data.set("csrfmiddlewaretoken", form.elements.csrfmiddlewaretoken.value);
    data.set("changes", JSON.stringify(changes));
    return data;
  }

  function unsaved() {
    return { ...(sending || {}), ...pending };
  }

  function keep() {
    const waiting = unsaved();
    try {
      if (Object.keys(waiting).length) {
        localStorage.setItem(storeKey, JSON.stringify({ at: Date.now(), changes: waiting }));
      } else {
        localStorage.removeItem(storeKey);
      }
    } catch (error) {
      // No room or no permission: the server still gets every change.
    }
  }

  function restore() {
    const { changes } = stored(storeKey);
    if (!changes) return;
    for (const [name, value] of Object.entries(changes)) setValue(form, name, value);
    pending = changes;
    form.dispatchEvent(new CustomEvent("autosave:restored", { detail: { changes }, bubbles: true }));
    schedule(0);
  }

  function showTime(iso) {
    if (!iso) return;
    const time = new Date(iso).toLocaleTimeString([], { hour: "2-digit", minute: "2-digit", hour12: false });
    show(`Saved ${time}`, "pass");
  }

  function show(text, state) {
    if (!status) return;
    status.dataset.state = state;
    const place = status.querySelector("[data-autosave-text]") || status;
    if (place.textContent !== text) place.textContent = text;
  }
}

function valueOf(field) {
  return field.type === "checkbox" && !field.checked ? "" : field.value;
}

function setValue(form, name, value) {
  const field = form.elements.namedItem(name);
  if (!field) return;
  if (field instanceof RadioNodeList || field.type !== "checkbox") field.value = value;
  else field.checked = value === field.value;
}

function stored(key) {
  try {
    return JSON.parse(localStorage.getItem(key)) || {};
  } catch (error) {
    return {};
  }
}

function forgetOld() {
  const oldest = Date.now() - KEEP_DAYS * 86400000;
  try {
    for (const key of Object.keys(localStorage)) {
      if (key.startsWith(PREFIX) && !(stored(key).at > oldest)) localStorage.removeItem(key);
    }
  } catch (error) {
    // localStorage may be forbidden; nothing to forget then.
  }
}
