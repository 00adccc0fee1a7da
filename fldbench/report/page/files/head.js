// Before anything is painted: hide what needs no place when scripts run, and take the theme of the last visit.
document.documentElement.classList.add("scripted");
try {
  const theme = localStorage.getItem("fldbench-theme");
  if (theme) document.documentElement.dataset.theme = theme;
} catch { /* a browser that keeps nothing for files */ }
