// A changed choice shows at once what the first rows become; without scripts "Show again" does the same.
const form = document.querySelector("form[data-map]");

form?.addEventListener("change", () => {
  const values = new URLSearchParams(new FormData(form));
  values.delete("csrfmiddlewaretoken");
  window.htmx.ajax("GET", `${form.dataset.map}?${values}`, { target: "#drafts", select: "#drafts", swap: "outerHTML" });
});
