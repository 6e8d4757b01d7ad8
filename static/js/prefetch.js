/**
 * The page of the next item, fetched while this one is being worked on.
 *
 * HTML it needs: data-prefetch-url on the form, a POST that holds the next item for this person for a short time and
 * answers {"url": "/.../edit/"}, or 204 when there is none; in that page a [data-lease] with its seconds and where to
 * give it back. Asked again every minute and a half it is held longer, as long as this page is looked at.
 */

const AFTER_MS = 250;
const AGAIN_MS = 90000;
const ENOUGH_SECONDS = 20;

export function ahead(form, { token, signal }) {
  let page = null;
  let isTaken = false;
  const turns = [];
  window.addEventListener("pagehide", giveBack, { signal });
  signal?.addEventListener("abort", () => turns.forEach(clearInterval));
  return { start, taken };

  function start() {
    const fetched = () => fetchNext().catch(() => {}); // without it the next page is loaded as ever
    turns.push(setTimeout(fetched, AFTER_MS), setInterval(() => document.hidden || fetched(), AGAIN_MS));
  }

  async function fetchNext() {
    if (signal?.aborted) return;
    const body = new URLSearchParams({ csrfmiddlewaretoken: token() });
    const answer = await fetch(form.dataset.prefetchUrl, { method: "POST", body, headers: { Accept: "application/json" }, signal });
    if (answer.status !== 200 || answer.redirected) return void (page = null);
    const { url } = await answer.json();
    if (new URL(url, location.href).pathname === location.pathname) return;
    if (page?.url === url) {
      page.at = Date.now();
      return;
    }
    const got = await fetch(url, { headers: { Purpose: "prefetch" }, signal });
    if (!got.ok || got.redirected) return void (page = null);
    const doc = new DOMParser().parseFromString(await got.text(), "text/html");
    if (!signal?.aborted) page = { doc, url, at: Date.now(), lease: doc.querySelector("[data-lease]") };
  }

  /** The page, if its lease still has time; it is then no longer this one's to give back. */
  function taken() {
    if (!page?.lease) return null;
    const left = Number(page.lease.dataset.leaseSeconds) - Math.round((Date.now() - page.at) / 1000);
    if (left < ENOUGH_SECONDS) return null;
    page.lease.dataset.leaseSeconds = String(left);
    isTaken = true;
    return page;
  }

  function giveBack() {
    if (!page?.lease || isTaken) return;
    const body = new FormData();
    body.set("csrfmiddlewaretoken", token());
    navigator.sendBeacon(page.lease.dataset.leaseLeave, body);
  }
}
