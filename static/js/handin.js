/**
 * Handing an item in: through a broken connection, once, and on to the next item.
 *
 * HTML it needs:
 *   the form with its idempotency_key; [data-autosave-text] in the header for what is going on
 *   optional data-prefetch-url on the form: a POST that answers {"url": "..."}, the page of the item after this one
 *
 * The server answers {"next": "/url/", "is_item": true} when it stored the form (is_item: the next page is another
 * item's), or the page again with what is missing, or a redirect. Without an answer the form waits in the browser
 * (outbox.js) and is sent again. The next page is fetched ahead, and shown in place of this one at once when nothing
 * can be in doubt; the answer follows. When it is no, the page comes back as it was sent, with the reason.
 */
import { keepForLater } from "./autosave.js";
import { deliver, deliverLeft, hold, keptFor, packed } from "./outbox.js";
import { ahead } from "./prefetch.js";
import { show, showText } from "./swap.js";
import { t } from "./words.js";

const SAVING_MS = 1500;
const PAGE_MS = 30000;
const PAGE_TRIES = 5;

let behind = Promise.resolve(); // what was handed in and not yet answered, in order

export function handIn(form, { saver, holding, say, handedIn = () => {}, signal, restart }) {
  const person = form.closest("[data-bench]")?.dataset.person || "";
  const state = document.querySelector("[data-autosave-text]");
  const next = restart && form.dataset.prefetchUrl ? ahead(form, { token, signal }) : null;

  return { send, start };

  /** Called once this tab is known to be the only one: what an earlier page could not send goes out. */
  function start() {
    const kept = keptFor(form, person);
    if (kept) {
      begin();
      say(t("You handed this in before the connection broke. It is being sent now."));
      deliver(kept, { token, onWaiting: waiting }).then((answer) => follow(answer));
    }
    deliverLeft(person, { token, except: kept?.key, told: left });
    next?.start();
  }

  async function send(button) {
    if (form.dataset.busy) return;
    begin();
    const packet = packed(form, button, person);
    const page = isSure(button) ? next?.taken() : null;
    if (button?.matches("[name=decision], [data-hotkey-submit]")) handedIn();
    hold(packet);
    const saved = Promise.race([saver.settled(), sleep(SAVING_MS)]); // a draft that comes after its form is refused
    if (page) return goOn(packet, page, button, saved);
    await Promise.all([behind, saved]);
    state.textContent = t("Sending");
    follow(await deliver(packet, { token, onWaiting: waiting }), button);
  }

  /** No answer can be anything but yes: everything is answered, saved words are the server's, the lease runs. */
  function isSure(button) {
    return Boolean(button?.matches("[data-hotkey-submit]")) && !saver.isCutOff() && !saver.isStopped() &&
      form.dataset.complete === "1" && document.querySelector("[data-lease]")?.dataset.state === "wait";
  }

  /** The next page now, the answer later; the form is on its way before anything is painted. */
  function goOn(packet, page, button, saved) {
    packet.body += "&ahead=1";
    const answered = Promise.all([behind, saved]).then(() => deliver(packet, { token, onWaiting: waitingBehind }));
    saver.finish();
    if (!show(page.doc, page.url, restart)) return void answered.then((answer) => follow(answer, button));
    // What comes after it goes out in any case.
    behind = answered.then((answer) => afterwards(answer, packet, page, restart)).catch(console.error);
  }

  function begin() {
    form.dataset.busy = "1";
    saver.pause();
    holding.finish();
  }

  function waiting(answer) {
    if (form.dataset.frozen) return;
    freeze(form);
    const why = answer ? t("The server does not answer properly.") : t("There is no connection.");
    state.textContent = t("Not sent, retrying");
    say(t("{why} Your decision is kept in this browser and is sent when it is back. You can leave this page open, or close it and come back.", { why }));
  }

  async function follow(answer, button) {
    if (answer.redirected && answer.url.includes("/sign-in/")) {
      return again(t("You are signed out. Sign in in another tab, then send this once more. What you wrote is kept."));
    }
    if (answer.ok && isJson(answer)) return goOnTo(await answer.json());
    if (answer.redirected) return goTo(answer.url);
    if (answer.status === 403) return again(t("The server did not take this page. Reload it; what you wrote is kept."));
    if (answer.status === 404) return again(t("This is not yours any more. What you wrote is still here: copy what you need."));
    if (!(restart && showText(await answer.text(), location.href, restart))) sendPlainly(button);
  }

  /** The next item in place of this one; any other page is loaded. */
  async function goOnTo(told) {
    const text = restart && told.is_item ? await whole(told.next, () => (state.textContent = t("Stored. Waiting for the next sample"))) : "";
    saver.finish();
    if (!text || !showText(text, told.next, restart)) location.assign(told.next);
  }

  function goTo(url) {
    saver.finish();
    location.assign(url);
  }

  /** A page that cannot be shown in place is loaded: the form goes once more, with the same key. */
  function sendPlainly(button) {
    if (button?.name) {
      const field = document.createElement("input");
      Object.assign(field, { type: "hidden", name: button.name, value: button.value });
      form.append(field);
    }
    HTMLFormElement.prototype.submit.call(form);
  }

  function again(message) {
    delete form.dataset.busy;
    delete form.dataset.frozen;
    saver.resume();
    holding.resume();
    state.textContent = t("Not sent");
    say(message);
  }

  function left({ packet, answer }) {
    if (answer.ok && !answer.url.includes("/sign-in/")) return say(t("What you handed in before the connection broke was sent: {name}.", { name: packet.name }));
    say(t("What you handed in before could not be taken any more: {name}. Open it again to see why; what you wrote is kept.", { name: packet.name }));
  }
}

/** Typing and choosing do nothing in a frozen form; reading, scrolling and leaving do. */
export function freeze(form) {
  if (form.dataset.frozen) return;
  form.dataset.frozen = "1";
  form.dataset.busy = "1";
  const stop = (event) => form.dataset.frozen && changes(event.target) && event.preventDefault();
  for (const name of ["beforeinput", "click", "pointerdown"]) form.addEventListener(name, stop, { capture: true });
}

function changes(target) {
  if (target.closest("[data-bench-notice]")) return false;
  return target.matches("input, textarea, select, label, label *, button:not([popovertarget]), button *");
}

/** The token of whichever page is shown now. */
function token() {
  return document.querySelector("[name=csrfmiddlewaretoken]").value;
}

function isJson(answer) {
  return (answer.headers.get("content-type") || "").startsWith("application/json");
}

function waitingBehind() {
  const state = document.querySelector("[data-autosave-text]");
  if (state) state.textContent = t("Last decision not sent, retrying");
}

/** The item handed in last has its answer: yes brings Undo and the count up to date, no brings its page back. */
async function afterwards(answer, packet, page, restart) {
  const form = document.querySelector("form[data-keys]");
  const isHere = location.pathname === new URL(page.url, location.href).pathname;
  if (answer.ok && isJson(answer)) {
    const told = await answer.json();
    const isNext = new URL(told.next, location.href).pathname === new URL(page.url, location.href).pathname;
    if (isHere && isNext) form?.dispatchEvent(new CustomEvent("handin:stored", { detail: told, bubbles: true }));
    else if (isHere) location.assign(told.next);
    return;
  }
  // Not stored: its page as it was sent, with the reason. What was begun on this one is saved or waits in the browser.
  keepForLater(packet.item, packet.draft);
  if (answer.redirected || !showText(await answer.text(), packet.page, restart)) location.assign(packet.page);
}

/**
 * A page's text; a server that ends half way through sending it is asked again, and onWaiting is told.
 * "" when there is no such page.
 */
async function whole(url, onWaiting) {
  for (let tries = 0; tries < PAGE_TRIES; tries++) {
    try {
      const answer = await fetch(url, { signal: AbortSignal.timeout(PAGE_MS) });
      if (answer.status < 500) return answer.ok && !answer.redirected ? await answer.text() : "";
    } catch (error) {
      // no connection, or it broke off
    }
    onWaiting();
    await sleep(1000 * 2 ** tries);
  }
  return "";
}

function sleep(milliseconds) {
  return new Promise((resolve) => setTimeout(resolve, milliseconds));
}
