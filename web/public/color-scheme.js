// Sets the colour scheme before the first paint; a file, because the page's policy allows no inline scripts.
(function () {
  var kept;
  try {
    kept = localStorage.getItem("mantine-color-scheme-value");
  } catch {
    kept = null;
  }
  var dark = kept === "dark" || (kept !== "light" && matchMedia("(prefers-color-scheme: dark)").matches);
  document.documentElement.setAttribute("data-mantine-color-scheme", dark ? "dark" : "light");
})();
