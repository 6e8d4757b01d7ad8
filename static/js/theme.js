// Runs before the first paint: Tabler wants a definite theme, "auto" means what the system says.
const root = document.documentElement;
const dark = window.matchMedia("(prefers-color-scheme: dark)");
const apply = () => {
  const wanted = root.dataset.theme;
  root.dataset.bsTheme = wanted === "auto" ? (dark.matches ? "dark" : "light") : wanted;
};
apply();
dark.addEventListener("change", apply);
