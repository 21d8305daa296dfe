// Before anything is painted: the chosen theme, or that of the system.
"use strict";
(() => {
  let chosen = null;
  try { chosen = localStorage.getItem("peregrine-theme"); } catch { /* kept for this page only */ }
  if (chosen === "light" || chosen === "dark") document.documentElement.dataset.theme = chosen;
})();
