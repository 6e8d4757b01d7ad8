// The rubric editor: rows moved by Alt and arrows, and no typed text lost by leaving the page.
let hasChanges = false;

document.addEventListener("keydown", (event) => {
  if (!event.altKey || event.ctrlKey || event.metaKey || !["ArrowUp", "ArrowDown"].includes(event.key)) return;
  const row = event.target.closest("[data-level-edit]") || event.target.closest("[data-criterion-edit]");
  const button = row && row.querySelector(`[data-move="${event.key === "ArrowUp" ? "up" : "down"}"]`);
  if (!button || event.repeat) return;
  event.preventDefault();
  if (!button.disabled) button.click();
});

document.addEventListener("input", (event) => {
  if (event.target.closest("#rubric-form")) hasChanges = true;
});
document.addEventListener("click", (event) => {
  // A row that is added or moved is a change that is not stored either.
  if (event.target.closest("#rubric-form button[hx-post]")) hasChanges = true;
});
document.addEventListener("submit", () => {
  hasChanges = false;
});
window.addEventListener("beforeunload", (event) => {
  if (hasChanges) event.preventDefault();
});
