// What every page needs beyond htmx: refusals swapped in place, confirmed buttons, forms sent once.
import { t } from "./words.js";
document.body.addEventListener("htmx:beforeSwap", (event) => {
  if (event.detail.xhr.status === 422) {
    event.detail.shouldSwap = true;
    event.detail.isError = false;
  }
});

// <button data-confirm="Sentence"> asks in a native dialog before its form is sent.
document.addEventListener("submit", (event) => {
  const question = event.submitter?.dataset.confirm;
  if (question && !event.submitter.dataset.confirmed) {
    event.preventDefault();
    confirmWith(question, event.submitter);
    return;
  }
  const form = event.target;
  if (form.method === "post" && !form.hasAttribute("data-many") && !form.hasAttribute("hx-post")) {
    if (form.dataset.sent) event.preventDefault();
    form.dataset.sent = "1";
  }
});
// Coming back by the Back button shows the form again: it may be sent again.
window.addEventListener("pageshow", () => {
  for (const form of document.querySelectorAll("form[data-sent]")) delete form.dataset.sent;
});

function confirmWith(question, button) {
  const dialog = document.getElementById("confirm");
  dialog.querySelector("[data-question]").textContent = question;
  dialog.querySelector("[data-yes]").textContent = button.textContent.trim();
  dialog.returnValue = "";
  dialog.showModal();
  dialog.addEventListener(
    "close",
    () => {
      if (dialog.returnValue === "yes") {
        button.dataset.confirmed = "1";
        button.form.requestSubmit(button);
        delete button.dataset.confirmed;
      } else {
        button.focus();
      }
    },
    { once: true },
  );
}

// <button data-copy="text"> copies and says so.
document.addEventListener("click", async (event) => {
  const button = event.target.closest("[data-copy]");
  if (!button) return;
  await navigator.clipboard.writeText(button.dataset.copy);
  button.textContent = t("Copied");
});
