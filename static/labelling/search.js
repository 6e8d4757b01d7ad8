/**
 * Classes by search as one types: the server searches, so that ten thousand stay quick.
 *
 * HTML it needs: [data-label-search data-search-url data-field] with input[role=combobox] and ul[role=listbox];
 * ul[data-label-chosen]; in a tree also [data-tree]: then Right opens what is below a class, Left goes back up.
 * Arrows walk through what was found, Enter takes it, Escape closes. Taken classes stand as chips with a button.
 */
import { t } from "../js/words.js";

const WAIT_MS = 120;

export function search(field, value) {
  const box = field.querySelector("[data-label-search]");
  const input = box.querySelector("input");
  const list = box.querySelector("ul");
  const chosen = field.querySelector("[data-label-chosen]");
  const said = field.querySelector("[data-search-said]");
  const isMany = field.dataset.label === "classes";
  const isTree = "tree" in box.dataset;
  const trail = []; // keys of the classes that were opened, root first
  let timer = 0;
  let asked = 0;
  let at = -1;
  let found = [];

  for (const chip of [...chosen.children]) giveButton(chip);
  input.addEventListener("input", () => {
    trail.length = 0;
    clearTimeout(timer);
    timer = setTimeout(ask, WAIT_MS);
  });
  input.addEventListener("focus", ask);
  input.addEventListener("blur", () => setTimeout(() => !box.contains(document.activeElement) && close(), 150));
  input.addEventListener("keydown", onKey);
  list.addEventListener("pointerdown", (event) => event.preventDefault());
  list.addEventListener("click", (event) => {
    const row = event.target.closest("[role=option]");
    if (row) take(found[Number(row.dataset.at)]);
  });
  value.onChange(() => {
    const keys = value.get().split("\n");
    for (const chip of [...chosen.children]) if (!keys.includes(chip.dataset.key)) chip.remove();
    for (const key of keys) if (key && !chipOf(key)) chosen.append(chip(key, key));
  });

  async function ask() {
    const mine = (asked += 1);
    const wanted = new URLSearchParams({ field: box.dataset.field, q: input.value });
    if (isTree && (trail.length || !input.value.trim())) wanted.set("parent", trail.at(-1) || "");
    let answer = null;
    try {
      const response = await fetch(`${box.dataset.searchUrl}?${wanted}`, { headers: { Accept: "application/json" } });
      answer = response.ok ? await response.json() : null;
    } catch (error) {
      answer = null; // offline: said below
    }
    if (mine !== asked) return; // a later question was asked meanwhile
    if (!answer) return tell(t("The classes cannot be searched without a connection."));
    found = answer.classes;
    show(answer.shown);
  }

  function show(most) {
    at = found.length ? 0 : -1;
    list.replaceChildren(...found.map(option));
    list.hidden = !found.length || document.activeElement !== input;
    input.setAttribute("aria-expanded", String(!list.hidden));
    point();
    if (!found.length) tell(t("No class holds all these words."));
    else tell(found.length === most ? t("The first {most} classes. Type more to narrow down.", { most }) : t("{n} found.", { n: found.length }));
  }

  function option(one, place) {
    const row = document.createElement("li");
    row.role = "option";
    row.id = `${list.id}-${place}`;
    row.dataset.at = String(place);
    const name = document.createElement("b");
    name.textContent = one.name;
    const more = document.createElement("span");
    more.textContent = [one.key, one.path.slice(0, -1).join(" > "), one.about].filter(Boolean).join(" · ");
    row.append(name, more);
    if (isTree && !one.leaf) row.dataset.below = "";
    return row;
  }

  function point() {
    [...list.children].forEach((row, place) => row.setAttribute("aria-selected", String(place === at)));
    if (at < 0) input.removeAttribute("aria-activedescendant");
    else {
      input.setAttribute("aria-activedescendant", list.children[at].id);
      list.children[at].scrollIntoView({ block: "nearest" });
    }
  }

  function onKey(event) {
    if (event.isComposing || event.ctrlKey || event.metaKey || event.altKey) return;
    const act = {
      ArrowDown: () => step(1),
      ArrowUp: () => step(-1),
      Enter: () => (at >= 0 && !list.hidden ? take(found[at]) : undefined),
      ArrowRight: isTree && at >= 0 && !found[at].leaf && isAtEnd() ? () => open(found[at].key) : null,
      ArrowLeft: isTree && trail.length ? () => (trail.pop(), ask()) : null,
      Backspace: isMany && !input.value && chosen.lastElementChild ? () => chosen.lastElementChild.querySelector("button").focus() : null,
    }[event.key];
    if (!act) return;
    event.preventDefault();
    event.stopPropagation();
    act();
  }

  function isAtEnd() {
    return input.selectionStart === input.value.length;
  }

  function step(by) {
    if (list.hidden) return ask();
    at = Math.min(Math.max(at + by, 0), found.length - 1);
    point();
  }

  function open(key) {
    trail.push(key);
    input.value = "";
    ask();
  }

  function take(one) {
    if (!one) return;
    if (!isMany) chosen.replaceChildren();
    if (!chipOf(one.key)) chosen.append(chip(one.key, one.path.join(" > ")));
    input.value = "";
    trail.length = 0;
    close();
    write();
    tell(t("{name} is chosen.", { name: one.name }));
    if (!isMany) input.blur();
  }

  function close() {
    list.hidden = true;
    input.setAttribute("aria-expanded", "false");
  }

  function chip(key, words) {
    const made = document.createElement("li");
    made.className = "cs-chip";
    made.dataset.key = key;
    const text = document.createElement("span");
    text.textContent = words;
    made.append(text);
    giveButton(made);
    return made;
  }

  function giveButton(made) {
    const button = document.createElement("button");
    button.type = "button";
    button.className = "cs-chip-remove";
    button.textContent = "×";
    button.setAttribute("aria-label", t("Remove {name}", { name: made.firstElementChild.textContent }));
    button.addEventListener("click", () => {
      made.remove();
      write();
      input.focus();
    });
    made.append(button);
  }

  function chipOf(key) {
    return [...chosen.children].find((one) => one.dataset.key === key);
  }

  function write() {
    value.set([...chosen.children].map((one) => one.dataset.key).join("\n"));
  }

  function tell(words) {
    said.textContent = words;
  }
}
