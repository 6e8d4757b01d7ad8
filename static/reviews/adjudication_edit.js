// Settling a sample whose reviews differ: the workbench, and the choice of a text.
import { bench } from "../js/bench.js";
import { liveDiffs } from "../js/diff.js";
import { find } from "../js/find.js";
import { label } from "../labelling/label.js";

start();

function start() {
  const life = new AbortController();
  const form = document.getElementById("bench-form");
  const written = document.querySelector("[data-written]");
  const restart = () => {
    life.abort();
    start();
  };

  const { keyboard } = bench(form, { signal: life.signal, restart });
  liveDiffs();
  label(form, { ...keyboard, signal: life.signal });
  find(document.getElementById("source"), { signal: life.signal });
  // Whoever writes means what they write.
  written?.addEventListener("input", () => choose("written"));
  for (const choice of form.elements.choice) {
    choice.addEventListener("click", () => choice.value === "written" && write());
  }

  function write() {
    const field = form.querySelector("[data-label]");
    if (field) keyboard.activate(field);
    else written?.focus();
  }

  function choose(value) {
    const choice = [...form.elements.choice].find((one) => one.value === value);
    if (choice.checked) return;
    choice.checked = true;
    choice.dispatchEvent(new Event("change", { bubbles: true }));
  }
}
