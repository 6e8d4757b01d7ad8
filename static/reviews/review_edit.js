// The review workbench: the shared parts, the edits of the completion, the findings.
import { along } from "../js/along.js";
import { bench } from "../js/bench.js";
import { liveDiffs } from "../js/diff.js";
import { find } from "../js/find.js";
import { label } from "../labelling/label.js";
import { evidence } from "./evidence.js";
import { t, tn } from "../js/words.js";

let life; // of the page that is shown now, whichever page's script shows the next one

start();

/** Starts the scripts of the page that is shown; they end when another takes its place. */
function start() {
  life?.abort();
  life = new AbortController();
  const { signal } = life;
  const form = document.getElementById("bench-form");
  const why = document.querySelector("[data-why]");
  const editors = [...form.querySelectorAll(".cs-block textarea")];
  const source = document.getElementById("source");
  const completion = document.getElementById("completion");
  let answers = { answered: 0, total: 0 };

  for (const editor of editors) editor.addEventListener("diff:changed", follow);
  liveDiffs();
  const { keyboard } = bench(form, {
    signal,
    restart: start,
    onAnswers: (counts) => {
      answers = counts;
      tell();
    },
  });
  if (document.querySelector("[data-mark-evidence]")) {
    const reading = along(source, completion, { signal });
    evidence(form, { sentence: reading.sentence, signal });
  }
  find(source, { signal });
  label(form, { ...keyboard, signal });
  // What was restored from this browser changes the blocks as typing does.
  for (const editor of editors) editor.dispatchEvent(new Event("change"));
  form.addEventListener("autosave:restored", () => editors.forEach((editor) => editor.dispatchEvent(new Event("change"))));
  form.addEventListener("input", tell);
  form.addEventListener("keys:blocked", () => why.scrollIntoView({ block: "nearest" }));
  form.addEventListener("handin:stored", (event) => stored(event.detail));
  prepareViews(completion);
  prepareBlocks();
  prepareJump(signal);

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
    const isChanged = form.querySelector("[data-block][data-changed]") !== null;
    const unproven = [...form.querySelectorAll("[data-criterion]")].filter(lacksNote).length;
    const isLabelled = form.querySelector("[data-label]") !== null;
    const parts = [];
    if (open) parts.push(isLabelled ? tn("{n} field", "{n} fields", open) : tn("{n} criterion", "{n} criteria", open));
    if (findings) parts.push(tn("{n} finding", "{n} findings", findings));
    const start = isChanged ? `${t("You changed the text, so this is a fix.")} ` : "";
    why.textContent = start + (parts.length ? t("Still open: {parts}.", { parts: parts.join(", ") }) : t("Nothing is open."));
    form.dataset.complete = answers.total && !open && !unproven ? "1" : "";
  }

  /** The decision that was sent while this page was shown is stored: it can be undone from here. */
  function stored(told) {
    const undo = document.querySelector("[data-undo]");
    if (told.undo && undo) {
      const fields = document.getElementById("undo-form").elements;
      fields.review.value = told.undo.review;
      undo.querySelector("[data-undo-words]").textContent = told.undo.words;
      undo.hidden = false;
    }
    if (!told.total) return;
    document.querySelector("[data-progress-words]").textContent = `${told.position} / ${told.total}`;
    const bar = document.querySelector(".cs-bench-progress progress");
    bar.value = told.position;
    bar.max = told.total;
  }
}

function lacksNote(criterion) {
  return criterion.querySelector("[data-asks]:checked") && !criterion.querySelector(".cs-criterion-note textarea")?.value.trim();
}

function prepareViews(pane) {
  const group = pane.querySelector("[data-view-switch]");
  if (!group) return; // labels have no diff
  group.hidden = false;
  const views = [...group.children].map((button) => button.dataset.viewOf);
  const set = (view) => {
    pane.dataset.view = view;
    const next = views[(views.indexOf(view) + 1) % views.length];
    for (const button of group.children) {
      button.setAttribute("aria-pressed", String(button.dataset.viewOf === view));
      // D always presses the view after the one that is shown.
      if (button.dataset.viewOf === next) button.dataset.hotkey = "d";
      else button.removeAttribute("data-hotkey");
    }
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
function prepareJump(signal) {
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
  signal.addEventListener("abort", () => watch.disconnect());
}
