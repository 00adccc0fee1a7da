screens.provenance = () => {
  const rows = rowsOf($("#records"));
  const here = rows.filter((row) => params.has("all") || row.dataset.slug === table().slug);
  for (const row of rows) row.classList.add("gone");
  const text = (row) => [...row.cells].slice(0, 9).map((cell) => cell.textContent).join(" ");
  const [found, all] = filter(here, params.get("pq") ?? "", text);
  $("#records-found").textContent = `${found} of ${all} records`;
  sortAsKept($("#records"), "p");
};
sortable($("#records"), "p");

const csvs = {
  board: () => csvOf($("[data-board]", boards.get(table().slug))),
  deciding: () => csvOf($("#deciding")),
  faces: facesCsv,
  landmarks: () => csvOf($("#landmark-table")),
  records: () => csvOf($("#records")),
};
for (const button of $$("button[data-csv]")) {
  const name = button.dataset.csv;
  const own = csvs[name] ?? (() => csvOf($("table", button.closest(".panel"))));
  button.addEventListener("click", () => download(`fldbench-${name}-${table().slug}.csv`, own()));
}
for (const link of $$("nav a")) {
  link.addEventListener("click", (event) => {
    if (event.ctrlKey || event.metaKey || event.shiftKey) return;
    event.preventDefault();
    open(link.hash.slice(1));
  });
}
const theme = $("#theme");
theme.value = document.documentElement.dataset.theme ?? "";
theme.addEventListener("change", () => {
  if (theme.value) document.documentElement.dataset.theme = theme.value;
  else delete document.documentElement.dataset.theme;
  try {
    if (theme.value) localStorage.setItem("fldbench-theme", theme.value);
    else localStorage.removeItem("fldbench-theme");
  } catch { /* a browser that keeps nothing for files */ }
  show();
});
matchMedia("(prefers-color-scheme: dark)").addEventListener("change", show);
let width = innerWidth;
addEventListener("resize", () => {
  if (innerWidth !== width) show();
  width = innerWidth;
});
addEventListener("popstate", () => {
  read();
  show();
});
read();
show();
