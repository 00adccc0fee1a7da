// Tables that can be sorted by a button in each heading, and written as CSV as they are shown.
const valueOf = (cell) => cell?.dataset.v ?? cell?.textContent.trim() ?? "";
const numberIn = (text) => Number.parseFloat(text.replace(/^† /, "").replace("−", "-"));
const isNumber = (text) => /^(† )?[-+−]?\.?\d/.test(text);
const isNothing = (text) => text === "" || text === "-" || text === "–";

// Buttons in the headings sort a table; with a prefix, the state keeps how.
function sortable(node, prefix) {
  for (const head of $$("thead th:not([data-only-here])", node)) {
    const button = el("button", { type: "button" }, ...head.childNodes);
    head.replaceChildren(button);
    button.addEventListener("click", () => {
      const next = { ascending: "descending", descending: "none" };
      const direction = next[head.getAttribute("aria-sort")] ?? "ascending";
      const { name } = head.dataset;
      if (prefix !== undefined) {
        set(`${prefix}sort`, direction === "none" ? "" : name);
        set(`${prefix}dir`, direction === "descending" ? direction : "");
      }
      sort(node, name, direction);
      say(direction === "none" ? "in the first order" : `sorted by ${name}, ${direction}`);
    });
  }
  for (const body of node.tBodies) [...body.rows].forEach((row, i) => (row.place = i));
}

function sortAsKept(node, prefix) {
  const name = params.get(`${prefix}sort`);
  sort(node, name, name ? (params.get(`${prefix}dir`) ?? "ascending") : "none");
}

// Fills a table with texts, the name of each row first; null keeps a heading.
function fillTable(node, heads, lines, shown) {
  const off = (i) => (shown[i] ? {} : { class: "off" });
  $$("thead th", node).forEach((head, i) => {
    head.classList.toggle("off", !shown[i]);
    if (heads[i] !== null) head.firstElementChild.textContent = heads[i];
  });
  const rows = lines.map((texts, place) => {
    const cells = texts.map((text, i) => (i ? el("td", off(i), text) : el("th", { scope: "row" }, text)));
    return Object.assign(el("tr", {}, ...cells), { place });
  });
  node.tBodies[0].replaceChildren(...rows);
  return rows;
}

// Sorts the rows of each part on their own, so that what is not ranked stays below what is; stable, and nothing last.
function sort(node, name, direction) {
  const heads = $$("thead th", node);
  const column = heads.findIndex((head) => head.dataset.name === name);
  for (const head of heads) head.removeAttribute("aria-sort");
  if (column >= 0 && direction !== "none") heads[column].setAttribute("aria-sort", direction);
  const turn = direction === "descending" ? -1 : 1;
  for (const body of node.tBodies) {
    const rows = [...body.rows].sort((a, b) => a.place - b.place);
    if (column >= 0 && direction !== "none") {
      const values = new Map(rows.map((row) => [row, row.classList.contains("part") ? null : valueOf(row.cells[column])]));
      const numeric = [...values.values()].every((text) => text === null || isNothing(text) || isNumber(text));
      rows.sort((a, b) => compareCells(values.get(a), values.get(b), numeric, turn));
    }
    body.append(...rows);
  }
}

function compareCells(a, b, numeric, turn) {
  if (a === null || b === null) return (b === null) - (a === null);
  if (isNothing(a) || isNothing(b)) return isNothing(a) - isNothing(b);
  return turn * (numeric ? numberIn(a) - numberIn(b) : a.localeCompare(b, "en", { numeric: true }));
}

// A cell that a spreadsheet would take as a formula begins with an apostrophe, as in the files of the command.
function csvCell(text) {
  const plain = text.replace(/^−/, "-");
  const safe = /^\s*[=+\-@＝＋－＠]/.test(plain) && !/^[-+]?[\d.]+(e[-+]?\d+)?$/i.test(plain) ? `'${plain}` : plain;
  return /[",\n]/.test(safe) ? `"${safe.replaceAll('"', '""')}"` : safe;
}

function csvOf(node) {
  const shown = $$("thead th", node).map((head) => !head.classList.contains("off") && !("onlyHere" in head.dataset));
  const names = $$("thead th", node).map((head) => head.dataset.name);
  const parts = [...node.tBodies].length > 1;
  const lines = [[...names.filter((_, i) => shown[i]), ...(parts ? ["part"] : [])]];
  for (const body of node.tBodies) {
    const part = $(".part", body)?.textContent.trim() || "ranked";
    for (const row of body.rows) {
      if (row.classList.contains("part") || row.classList.contains("gone")) continue;
      const cells = [...row.cells].filter((_, i) => shown[i]).map((cell) => (isNothing(valueOf(cell)) ? "" : valueOf(cell)));
      lines.push([...cells, ...(parts ? [part] : [])]);
    }
  }
  return csvText(lines);
}

const csvText = (lines) => lines.map((cells) => `${cells.map(csvCell).join(",")}\n`).join("");

function download(name, text) {
  const link = el("a", { href: URL.createObjectURL(new Blob([text], { type: "text/csv" })), download: name });
  link.click();
  setTimeout(() => URL.revokeObjectURL(link.href), 1000);
  say(`${name} was downloaded`);
}

// Shows the rows that hold every word; returns how many of how many.
function filter(rows, words, textOf) {
  const wanted = words.toLowerCase().split(/\s+/).filter(Boolean);
  let found = 0;
  for (const row of rows) {
    const text = textOf(row).toLowerCase();
    const fits = wanted.every((word) => text.includes(word));
    row.classList.toggle("gone", !fits);
    found += fits;
  }
  return [found, rows.length];
}

const rowsOf = (node) => $$("tbody tr:not(.part)", node);
