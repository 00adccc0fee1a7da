function drawProvenance() {
  const words = params.get("pq") ?? "";
  if ($("#pq").value !== words) $("#pq").value = words;
  $("#all-protocols").checked = params.has("all");
  const rows = rowsOf($("#records"));
  const here = rows.filter((row) => params.has("all") || row.dataset.slug === table().slug);
  for (const row of rows) row.classList.add("gone");
  const [found, all] = filter(here, words, (row) => [...row.cells].slice(0, 9).map((cell) => cell.textContent).join(" "));
  $("#records-found").textContent = `${found} of ${all} records`;
  sort($("#records"), params.get("psort") ?? "", params.get("psort") ? params.get("pdir") ?? "ascending" : "none");
}

sortable($("#records"), (name, direction) => {
  set("psort", direction === "none" ? "" : name);
  set("pdir", direction, "ascending");
  sort($("#records"), name, direction);
});
$("#pq").addEventListener("input", () => {
  set("pq", $("#pq").value);
  drawProvenance();
});
$("#all-protocols").addEventListener("change", (event) => {
  set("all", event.target.checked ? "1" : "");
  drawProvenance();
});
screens.provenance = drawProvenance;

const csvs = {
  board: () => csvOf($("[data-board]", boards.get(table().slug))),
  deciding: () => csvOf($("#deciding")),
  faces: () => facesCsv(),
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
$("#table")?.addEventListener("change", (event) => {
  set("t", event.target.value, data.tables[0].slug);
  show();
});

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
