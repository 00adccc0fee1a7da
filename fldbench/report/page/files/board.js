const boards = new Map($$("[data-table]").map((node) => [node.dataset.table, node]));

function usualColumns(heads) {
  return heads.slice(1).filter((head) => !("off" in head.dataset)).map((head) => head.dataset.name).join(",");
}

for (const [slug, node] of boards) {
  const board = $("[data-board]", node);
  for (const head of $$("thead th.off", board)) head.dataset.off = "";
  sortable(board, (name, direction) => {
    set("sort", direction === "none" ? "" : name);
    set("dir", direction, "ascending");
    drawBoard();
    say(direction === "none" ? "in the order of the ranks" : `sorted by ${name}, ${direction}`);
  });
  const methods = data.tables.find((one) => one.slug === slug).rows;
  rowsOf(board).forEach((row, i) => light(row, node, methods.indexOf(i)));
}

// A row lights its line in the figure below, and a line its row.
function light(row, node, method) {
  const line = $(`.ced [data-m="${method}"]`, node);
  if (!line) return;
  const turn = (on) => () => {
    line.classList.toggle("lit", on);
    if (on) line.parentNode.append(line);
  };
  row.addEventListener("mouseenter", turn(true));
  row.addEventListener("mouseleave", turn(false));
  line.addEventListener("mouseenter", turn(true));
  line.addEventListener("mouseleave", turn(false));
}

function drawBoard() {
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
  sort(board, params.get("sort") ?? "", params.get("sort") ? params.get("dir") ?? "ascending" : "none");
  const words = params.get("q") ?? "";
  if ($("#q").value !== words) $("#q").value = words;
  const [found, all] = filter(rowsOf(board), words, (row) => row.cells[0].textContent);
  $("#found").textContent = words ? `${found} of ${all} methods` : "";
  for (const body of board.tBodies) body.classList.toggle("gone", !$("tr:not(.part):not(.gone)", body));
  chooser(heads, shown);
}

function chooser(heads, shown) {
  const list = $("#column-list");
  const names = heads.map((head) => head.dataset.name).join(",");
  if (list.dataset.of !== names) {
    list.dataset.of = names;
    list.replaceChildren(
      ...heads.slice(1).map((head) => {
        const box = el("input", { type: "checkbox", value: head.dataset.name });
        box.addEventListener("change", () => {
          const wanted = $$("input", list).filter((one) => one.checked).map((one) => one.value).join(",");
          set("cols", wanted || "none", usualColumns(heads));
          drawBoard();
        });
        return el("label", {}, box, ` ${head.textContent}`);
      }),
    );
  }
  $$("input", list).forEach((box, i) => (box.checked = shown[i + 1]));
}

$("#q").addEventListener("input", () => {
  set("q", $("#q").value);
  drawBoard();
});
const menu = $("#columns");
document.addEventListener("click", (event) => {
  if (!menu.contains(event.target)) menu.open = false;
});
menu.addEventListener("keydown", (event) => {
  if (event.key === "Escape") {
    menu.open = false;
    $("summary", menu).focus();
  }
});
screens.board = drawBoard;
