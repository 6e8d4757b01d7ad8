/**
 * Shows another workbench page in place of this one, without loading it: its [data-bench] replaces this one's.
 *
 * The page's scripts end by the signal they were started with and start again by restart(). Only a page that runs
 * the same scripts is shown; for any other, and when something is missing, false is returned and the page is to be
 * loaded. Nothing of a page runs by being parsed: scripts and handlers in it stay dead.
 */

let shown = location.pathname;

/** doc: a parsed page; url: its address. */
export function show(doc, url, restart) {
  const fresh = doc.querySelector("[data-bench]");
  const now = document.querySelector("[data-bench]");
  if (!fresh || !now || scriptsOf(doc) !== scriptsOf(document)) return false;
  now.replaceWith(document.adoptNode(fresh));
  document.title = doc.title;
  const to = new URL(url, location.href);
  if (to.href !== location.href) history.pushState({}, "", to);
  shown = to.pathname;
  window.htmx?.process(fresh);
  restart();
  announce(fresh);
  return true;
}

/** The same from the text of a page. */
export function showText(text, url, restart) {
  return show(new DOMParser().parseFromString(text, "text/html"), url, restart);
}

/** Whoever hears the page rather than sees it is told that it is another item: its heading has the focus. */
function announce(bench) {
  const problem = bench.querySelector("[role=alert]:not([hidden])");
  const heading = problem || bench.querySelector("h1");
  if (!heading || document.activeElement !== document.body) return;
  heading.tabIndex = -1;
  heading.focus({ preventScroll: true });
}

function scriptsOf(doc) {
  return [...doc.querySelectorAll("script[type=module]")].map((script) => script.getAttribute("src")).join(" ");
}

// Back and Forward lead to pages that were shown in place: they are loaded anew.
window.addEventListener("popstate", () => location.pathname !== shown && location.reload());
