/** Dark or light: the reader's choice, else the system's. Loaded before the first paint, so not a module. */

(() => {
  const root = document.documentElement;
  const stored = localStorage.getItem("theme");
  if (stored) root.dataset.theme = stored;

  document.addEventListener("DOMContentLoaded", () => {
    const button = document.querySelector("[data-theme-toggle]");
    button.hidden = false;
    button.addEventListener("click", () => {
      const systemLight = matchMedia("(prefers-color-scheme: light)").matches;
      const light = root.dataset.theme ? root.dataset.theme === "light" : systemLight;
      root.dataset.theme = light ? "dark" : "light";
      localStorage.setItem("theme", root.dataset.theme);
      document.dispatchEvent(new Event("themechange"));
    });
  });
})();
