// The review workbench: the shared parts, the edits of the completion, the findings.
import { bench } from "../js/bench.js";
import { liveDiffs } from "../js/diff.js";

const form = document.getElementById("bench-form");
const why = document.querySelector("[data-why]");
const editors = [...form.querySelectorAll(".cs-block textarea")];
let answers = { answered: 0, total: 0 };

for (const editor of editors) editor.addEventListener("diff:changed", follow);
liveDiffs();
bench(form, {
  onAnswers: (counts) => {
    answers = counts;
    tell();
  },
});
// What was restored from this browser changes the blocks as typing does.
for (const editor of editors) editor.dispatchEvent(new Event("change"));
form.addEventListener("keys:blocked", () => why.scrollIntoView({ block: "nearest" }));

prepareViews();
prepareBlocks();
prepareJump();

function follow(event) {
  const block = event.target.closest("[data-block]");
  const isChanged = event.detail.isChanged;
  block.toggleAttribute("data-changed", isChanged);
  if (isChanged) block.dataset.state = "edited";
  else delete block.dataset.state;
  block.querySelector("[data-block-clean]").textContent = event.target.value;
  const isAnyChanged = form.querySelector("[data-block][data-changed]") !== null;
  const accept = document.querySelector("[data-accept]");
  accept.textContent = isAnyChanged ? accept.dataset.fixWords : accept.dataset.acceptWords;
  document.querySelector("[data-if-changed]").hidden = !isAnyChanged;
  tell();
}

function tell() {
  const open = answers.total - answers.answered;
  const findings = form.querySelectorAll("[data-hotkey=n]").length;
  const parts = [];
  if (open) parts.push(`${open} ${open === 1 ? "criterion" : "criteria"}`);
  if (findings) parts.push(`${findings} ${findings === 1 ? "finding" : "findings"}`);
  const isChanged = form.querySelector("[data-block][data-changed]") !== null;
  const start = isChanged ? "You changed the text, so this is a fix. " : "";
  why.textContent = start + (parts.length ? `Still open: ${parts.join(", ")}.` : "Nothing is open.");
}

function prepareViews() {
  const pane = document.getElementById("completion");
  const group = pane.querySelector("[data-view-switch]");
  group.hidden = false;
  const set = (view) => {
    pane.dataset.view = view;
    for (const button of group.children) button.setAttribute("aria-pressed", String(button.dataset.viewOf === view));
    // D always presses the view that is not shown.
    for (const button of group.children) button.toggleAttribute("data-hotkey", false);
    group.querySelector(`[data-view-of=${view === "diff" ? "clean" : "diff"}]`).dataset.hotkey = "d";
  };
  for (const button of group.children) button.addEventListener("click", () => set(button.dataset.viewOf));
  set("diff");
}

function prepareBlocks() {
  for (const link of document.querySelectorAll("[data-open-block]")) {
    link.addEventListener("click", (event) => {
      event.preventDefault();
      const details = document.getElementById(link.dataset.openBlock)?.querySelector("details");
      if (!details) return;
      details.open = true;
      details.querySelector("textarea").focus();
    });
  }
  // A number in the text leads to its card; whichever card has the focus, its words are framed.
  for (const ref of document.querySelectorAll(".cs-ref[href^='#finding-']")) {
    const card = document.querySelector(ref.getAttribute("href"));
    if (!card) continue;
    ref.addEventListener("click", (event) => {
      event.preventDefault();
      card.focus();
    });
    card.addEventListener("focusin", () => {
      for (const other of document.querySelectorAll(".cs-span[aria-current]")) other.removeAttribute("aria-current");
      ref.previousElementSibling?.setAttribute("aria-current", "true");
      ref.scrollIntoView({ block: "nearest" });
    });
  }
}

/** On a narrow screen the tab of the part in view is marked. */
function prepareJump() {
  const links = [...document.querySelectorAll(".cs-jump a")];
  const watch = new IntersectionObserver(
    (entries) => {
      for (const entry of entries.filter((one) => one.isIntersecting)) {
        for (const link of links) {
          if (link.hash === `#${entry.target.id}`) link.setAttribute("aria-current", "true");
          else link.removeAttribute("aria-current");
        }
      }
    },
    { rootMargin: "-30% 0px -60% 0px" },
  );
  for (const link of links) watch.observe(document.querySelector(link.hash));
}
