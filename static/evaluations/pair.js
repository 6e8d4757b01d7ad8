// Comparing two outputs: 1, 2, 3 or the arrows choose, 4 to 9 and 0 say why, D shows or hides where they differ.
import { autosave } from "../js/autosave.js";
import { keys } from "../js/keys.js";
import { lease } from "../js/lease.js";
import { t } from "../js/words.js";

const form = document.querySelector("form[data-keys]");
const saving = autosave(form);
const keyboard = keys(form);
const holding = lease(document.querySelector("[data-lease]"));
const ARROWS = { ArrowLeft: "left", ArrowRight: "right", ArrowDown: "tie" };

keyboard.activate(form.querySelector("[data-criterion]"), { isFocused: true });
tell();

form.addEventListener("change", tell);
form.addEventListener("autosave:restored", tell);
form.addEventListener("autosave:refused", (event) => trouble(event.detail.message));
form.addEventListener("keys:blocked", () => trouble(document.querySelector("[data-why]").textContent));
form.addEventListener("submit", () => holding.finish());
for (const other of document.querySelectorAll("form[method=post]")) {
  if (other !== form) other.addEventListener("submit", () => holding.finish());
}
document.addEventListener("lease:lost", (event) => trouble(event.detail.message));
window.addEventListener("pageshow", () => holding.resume());
window.addEventListener("beforeunload", (event) => {
  if (saving.hasUnsaved() && !form.dataset.busy) event.preventDefault();
});

const marks = document.querySelector("[data-marks]");
marks.addEventListener("click", () => {
  const isOn = marks.getAttribute("aria-pressed") !== "true";
  marks.setAttribute("aria-pressed", String(isOn));
  document.querySelector("[data-pair]").toggleAttribute("data-plain", !isOn);
});

// Before keys.js moves between criteria by arrows: here there is one, and arrows choose.
document.addEventListener("keydown", onKey, { capture: true });

function onKey(event) {
  if (event.ctrlKey || event.metaKey || event.altKey || event.repeat || form.dataset.busy) return;
  if (event.target.matches("input:not([type=radio], [type=checkbox]), textarea, select")) return;
  if (document.querySelector("dialog[open], [popover]:popover-open")) return;
  const side = event.target.matches(".cs-pane") && event.key === "ArrowDown" ? null : ARROWS[event.key];
  const input = side ? form.querySelector(`[name=choice][value=${side}]`) : reason(event.key);
  if (!input) return;
  event.preventDefault();
  event.stopImmediatePropagation();
  input.checked = input.type === "radio" ? true : !input.checked;
  for (const name of ["input", "change"]) input.dispatchEvent(new Event(name, { bubbles: true }));
}

function reason(key) {
  if (!/^[04-9]$/.test(key) || document.querySelector("[data-bench]").dataset.singleKeys === "off") return null;
  return form.querySelector(`[data-reason="${key === "0" ? 10 : key}"]`);
}

function tell() {
  const chosen = form.querySelector("[name=choice]:checked");
  for (const side of document.querySelectorAll("[data-side]")) side.toggleAttribute("data-chosen", side.dataset.side === chosen?.value);
  document.querySelector("[data-why]").textContent = chosen ? t("Complete. You can undo it for some minutes.") : t("Choose one of the three.");
  form.querySelector("[data-hotkey-submit]").disabled = !chosen;
}

function trouble(words) {
  const place = document.querySelector("[data-trouble]");
  place.hidden = !words;
  place.querySelector("[data-trouble-text]").textContent = words;
}
