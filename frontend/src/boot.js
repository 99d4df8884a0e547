// Sets the theme before the first paint; keep in step with lib/state/theme.svelte.ts.
(function () {
  let chosen;
  try {
    chosen = localStorage.getItem('cozygen.theme');
  } catch {
    chosen = null;
  }
  const dark = chosen === 'dark' || (chosen !== 'light' && matchMedia('(prefers-color-scheme: dark)').matches);
  document.documentElement.dataset.theme = dark ? 'dark' : 'light';
})();
