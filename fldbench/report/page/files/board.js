const boards = new Map($$("[data-table]").map((node) => [node.dataset.table, node]));
const usualColumns = (heads) => heads.slice(1).filter((head) => !("off" in head.dataset)).map((head) => head.dataset.name).join(",");

for (const [slug, node] of boards) {
  const board = $("[data-board]", node);
  for (const head of $$("thead th.off", board)) head.dataset.off = "";
  sortable(board, "");
  const methods = data.tables.find((one) => one.slug === slug).rows;
  rowsOf(board).forEach((row, i) => {
    const line = $(`.ced [data-m="${methods.indexOf(i)}"]`, node);
    if (line) light([row, line], line, () => line.parentNode.append(line));
  });
}

// Pointing at any of the nodes lights one, such as the line of a row.
function light(nodes, target, also) {
  for (const node of nodes) {
    node.addEventListener("mouseenter", () => {
      target.classList.add("lit");
      also?.();
    });
    node.addEventListener("mouseleave", () => target.classList.remove("lit"));
  }
}

screens.board = () => {
  const node = boards.get(table().slug);
  for (const one of boards.values()) one.classList.toggle("open", one === node);
  const board = $("[data-board]", node);
  const heads = $$("thead th", board);
  const wanted = (params.get("cols") ?? usualColumns(heads)).split(",");
  const shown = heads.map((head, i) => i === 0 || wanted.includes(head.dataset.name));
  for (const row of board.rows) {
    if (!row.classList.contains("part")) [...row.cells].forEach((cell, i) => cell.classList.toggle("off", !shown[i]));
  }
  for (const cell of $$(".part th", board)) cell.colSpan = shown.filter(Boolean).length;
  sortAsKept(board, "");
  const words = params.get("q") ?? "";
  const [found, all] = filter(rowsOf(board), words, (row) => row.cells[0].textContent);
  $("#found").textContent = words ? `${found} of ${all} methods` : "";
  for (const body of board.tBodies) body.classList.toggle("gone", !$("tr:not(.part):not(.gone)", body));
  chooser(heads, shown);
};

function chooser(heads, shown) {
  const list = $("#column-list");
  const names = heads.map((head) => head.dataset.name).join(",");
  if (list.dataset.of !== names) {
    list.dataset.of = names;
    const box = (head) => el("label", {}, el("input", { type: "checkbox", value: head.dataset.name }), ` ${head.textContent}`);
    list.replaceChildren(...heads.slice(1).map(box));
    list.onchange = () => {
      const wanted = $$("input:checked", list).map((one) => one.value).join(",");
      set("cols", wanted || "none", usualColumns(heads));
      screens.board();
    };
  }
  $$("input", list).forEach((box, i) => (box.checked = shown[i + 1]));
}

const menu = $("#columns");
document.addEventListener("click", (event) => {
  if (!menu.contains(event.target)) menu.open = false;
});
menu.addEventListener("keydown", (event) => {
  if (event.key !== "Escape") return;
  menu.open = false;
  $("summary", menu).focus();
});
