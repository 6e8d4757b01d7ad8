/**
 * Forms that were handed in, kept in the browser until the server has answered.
 *
 * A form is written to localStorage, then posted; without an answer (no connection, a server that starts again) it
 * is posted again, with the same idempotency key, until there is one. A tab that is closed meanwhile leaves it for
 * the next workbench page of the same person. The server stores a form once however often it comes.
 */

const PREFIX = "countersign:outbox:";
const RETRY_SECONDS = [1, 2, 5, 10, 30];
const TIMEOUT_MS = 30000;
const underWay = new Set();

/** What a form with this button would send, ready to be kept: {key, url, body, at, name, page, draft}. */
export function packed(form, button, person) {
  const data = new FormData(form);
  if (button?.name) data.set(button.name, button.value);
  return {
    key: `${PREFIX}${person}:${form.dataset.autosaveKey}`,
    url: form.action,
    body: new URLSearchParams(data).toString(),
    at: Date.now(),
    name: document.title,
    page: location.pathname,
    item: form.dataset.autosaveKey,
    draft: draftOf(form),
  };
}

function draftOf(form) {
  const fields = [...form.elements].filter((field) => field.name && field.type !== "hidden" && !field.closest("[data-autosave-skip]"));
  const given = fields.filter((field) => field.tagName !== "BUTTON" && (field.checked || !["radio", "checkbox"].includes(field.type)));
  return Object.fromEntries(given.map((field) => [field.name, field.value]));
}

/** Keeps a packet that is about to be posted: a tab that is closed now leaves it, this page does not send it twice. */
export function hold(packet) {
  put(packet);
  underWay.add(packet.key);
}

/**
 * Posts a packet until the server answers; resolves to the Response. onWaiting(answer or null) is told each failure.
 * token: a function that gives the CSRF token of the page as it is then.
 */
export async function deliver(packet, { token, onWaiting = () => {} }) {
  hold(packet);
  try {
    for (let tries = 0; ; tries++) {
      const answer = await posted(packet, token());
      if (answer && answer.status < 500) {
        remove(packet.key);
        return answer;
      }
      onWaiting(answer);
      await pause(1000 * RETRY_SECONDS[Math.min(tries, RETRY_SECONDS.length - 1)]);
    }
  } finally {
    underWay.delete(packet.key);
  }
}

/** The packet of this form that an earlier page could not send; null when there is none, or it is on its way. */
export function keptFor(form, person) {
  const key = `${PREFIX}${person}:${form.dataset.autosaveKey}`;
  return underWay.has(key) ? null : read(key);
}

/** Sends what closed tabs of this person left. told({packet, answer}) is called for each that was answered. */
export async function deliverLeft(person, { token, except, told }) {
  for (const key of keysOf(person)) {
    if (key === except || underWay.has(key)) continue;
    const packet = read(key);
    if (packet) deliver(packet, { token }).then((answer) => told({ packet, answer }));
  }
}

async function posted(packet, token) {
  const body = new URLSearchParams(packet.body);
  body.set("csrfmiddlewaretoken", token);
  try {
    return await fetch(packet.url, {
      method: "POST",
      body,
      headers: { Accept: "application/json" },
      signal: AbortSignal.timeout(TIMEOUT_MS),
    });
  } catch (error) {
    return null; // no connection, or no answer in time
  }
}

/** Waits, at most until the connection returns. */
function pause(milliseconds) {
  return new Promise((resolve) => {
    const done = () => {
      clearTimeout(timer);
      window.removeEventListener("online", done);
      resolve();
    };
    const timer = setTimeout(done, milliseconds);
    window.addEventListener("online", done);
  });
}

function keysOf(person) {
  try {
    return Object.keys(localStorage).filter((key) => key.startsWith(`${PREFIX}${person}:`));
  } catch (error) {
    return [];
  }
}

function read(key) {
  try {
    const packet = JSON.parse(localStorage.getItem(key));
    return packet?.url && packet.body ? { ...packet, key } : null;
  } catch (error) {
    return null;
  }
}

function put(packet) {
  try {
    localStorage.setItem(packet.key, JSON.stringify(packet));
  } catch (error) {
    // No room or no permission: it is sent as long as this page is open.
  }
}

function remove(key) {
  try {
    localStorage.removeItem(key);
  } catch (error) {
    // As above.
  }
}
