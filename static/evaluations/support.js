// While a sentence of the output is pointed at or focused, the passage of the prompt that supports it is marked.

/** Brings a passage into the prompt's pane; the page stays where it is, and a pane that shows everything too. */
function show(passage) {
  const pane = passage.closest(".card");
  const place = passage.getBoundingClientRect();
  const view = pane.getBoundingClientRect();
  if (place.top < view.top) pane.scrollTop -= view.top - place.top + 16;
  else if (place.bottom > view.bottom) pane.scrollTop += place.bottom - view.bottom + 16;
}

for (const link of document.querySelectorAll("[data-supports]")) {
  const passage = document.getElementById(link.dataset.supports);
  const mark = (isActive) => {
    passage?.toggleAttribute("data-active", isActive);
    if (passage && isActive) show(passage);
  };
  link.addEventListener("pointerenter", () => mark(true));
  link.addEventListener("pointerleave", () => mark(document.activeElement === link));
  link.addEventListener("focus", () => mark(true));
  link.addEventListener("blur", () => mark(false));
}
