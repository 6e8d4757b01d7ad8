/**
 * The page of the next item, fetched while this one is being worked on.
 *
 * HTML it needs: data-prefetch-url on the form, a POST that holds the next item for this person and answers
 * {"url": "/.../edit/"}; in that page a [data-lease] with its seconds and where to give it back.
 */

const AFTER_MS = 250;
const ENOUGH_SECONDS = 120;

export function ahead(form, { token, signal }) {
  let page = null;
  let isTaken = false;
  window.addEventListener("pagehide", giveBack, { signal });
  return { start: () => setTimeout(() => fetchNext().catch(() => {}), AFTER_MS), taken };

  async function fetchNext() {
    if (signal?.aborted) return;
    const body = new URLSearchParams({ csrfmiddlewaretoken: token() });
    const answer = await fetch(form.dataset.prefetchUrl, { method: "POST", body, headers: { Accept: "application/json" }, signal });
    if (answer.status !== 200 || answer.redirected) return;
    const { url } = await answer.json();
    if (!url || new URL(url, location.href).pathname === location.pathname) return;
    const got = await fetch(url, { signal });
    if (!got.ok || got.redirected) return;
    const doc = new DOMParser().parseFromString(await got.text(), "text/html");
    if (!signal?.aborted) page = { doc, url, at: Date.now(), lease: doc.querySelector("[data-lease]") };
  }

  /** The page, if its lease still has time; it is then no longer this one's to give back. */
  function taken() {
    if (!page || !page.lease) return null;
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
