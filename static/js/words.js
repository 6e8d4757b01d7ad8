/**
 * Texts of the scripts in the reader's language. They stand in English where they are used, and the page brings the
 * catalogue as data: <script id="words" type="application/json">{"English": "translation", "One": ["one", "many"]}.
 *
 * t("{n} of {total} scored", { n, total })             one text, its {names} filled
 * tn("{n} item", "{n} items", n, { since })            a counted one; {n} is filled by itself
 */
const page = document.getElementById("words");
const words = page ? JSON.parse(page.textContent) : {};
const language = document.documentElement.lang || "en";

export function t(text, values = {}) {
  return filled(only(words[text]) ?? text, values);
}

export function tn(one, many, n, values = {}) {
  const forms = words[one] ?? [one, many];
  const form = new Intl.PluralRules(language).select(n) === "one" ? forms[0] : forms[1];
  return filled(form, { n, ...values });
}

/** A text may be counted in one place and plain in another; the plain one is the form of one. */
function only(found) {
  return Array.isArray(found) ? found[0] : found;
}

function filled(text, values) {
  return text.replace(/\{(\w+)\}/g, (place, name) => (name in values ? String(values[name]) : place));
}
