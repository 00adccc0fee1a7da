const FACE = 400; // px of the mean face's field
const LARGEST = 13; // px, the radius of the largest error

function drawLandmarks() {
  const one = table();
  const own = one.landmarks;
  $("#landmark-table").tBodies[0].replaceChildren();
  $("#mean-face").replaceChildren();
  if (!own) {
    $("#landmark-note").textContent = "The true points of this protocol are not known here; see Provenance for how to get them.";
    return;
  }
  const usable = one.methods.map((_, i) => i).filter((i) => own.errors[i]);
  const choices = methodChoices(one.methods).filter(([i]) => own.errors[Number(i)]);
  let m = methodOf("m", usable[0]);
  if (!own.errors[m]) m = usable[0];
  let other = methodOf("n", -1);
  if (other >= 0 && !own.errors[other]) other = -1;
  fill($("#landmark-method"), choices, String(m));
  fill($("#landmark-other"), [["-1", "none"], ...choices], String(other));
  const first = own.errors[m];
  const second = other < 0 ? null : own.errors[other];
  const value = first.map((error, i) => (second === null ? error : error === null || second[i] === null ? null : second[i] - error));
  const most = Math.max(...value.map((one) => Math.abs(one ?? 0)), 1e-9);
  const at = (i) => own.face[i].map((part) => 30 + part * (FACE - 60));
  const circles = [];
  const marks = own.names.map((name, i) => {
    const [x, y] = at(i);
    if (value[i] === null) return el("circle", { cx: x, cy: y, r: 1.5, class: "none" });
    const text = `${name}: ${second === null ? `${number(value[i])} %` : `${signed(value[i])} points`}`;
    const kind = value[i] < 0 ? "worse" : "";
    circles[i] = el("circle", { cx: x.toFixed(1), cy: y.toFixed(1), r: (LARGEST * Math.sqrt(Math.abs(value[i]) / most)).toFixed(1), class: kind }, el("title", {}, text));
    return circles[i];
  });
  const lines = own.edges.map(([i, j]) => el("line", { x1: at(i)[0], y1: at(i)[1], x2: at(j)[0], y2: at(j)[1] }));
  $("#mean-face").append(...lines, ...marks);
  const [nameA, nameB] = [one.methods[m], second === null ? "" : one.methods[other]];
  $("#landmark-title").textContent = second === null ? "Mean error of each landmark" : "Difference at each landmark";
  $("#landmark-note").textContent = `On the mean of the true faces; the area of a circle is the ${second === null ? "error" : "difference"}, the largest ${number(most)} ${second === null ? "%" : "points"}.`;
  const item = (kind, text) => el("li", {}, el("span", { class: `swatch ${kind}`, "aria-hidden": "true" }), text);
  $("#landmark-legend").replaceChildren(...(second === null ? [item("s0", nameA)] : [item("s0", `${nameA} is better`), item("s1", `${nameB} is better`)]));
  $("#mean-face").setAttribute("aria-label", `${$("#landmark-title").textContent}: ${nameA}${second === null ? "" : ` and ${nameB}`}; the numbers are in the table`);
  landmarkRows(own, first, second, value, [nameA, nameB], circles);
}

function landmarkRows(own, first, second, value, names, circles) {
  const node = $("#landmark-table");
  const heads = $$("thead th", node);
  heads[1].firstElementChild.textContent = `${names[0]}, %`;
  heads[2].firstElementChild.textContent = `${names[1]}, %`;
  for (const head of heads.slice(2)) head.classList.toggle("off", second === null);
  const off = second === null ? { class: "off" } : {};
  const rows = own.names.map((name, i) => {
    const row = el("tr", {}, el("th", { scope: "row" }, name), el("td", {}, number(first[i] ?? NaN)));
    row.append(el("td", off, number(second?.[i] ?? NaN)), el("td", off, signed(second === null ? NaN : (value[i] ?? NaN))));
    row.place = i;
    row.addEventListener("mouseenter", () => circles[i]?.classList.add("lit"));
    row.addEventListener("mouseleave", () => circles[i]?.classList.remove("lit"));
    return row;
  });
  node.tBodies[0].replaceChildren(...rows);
  sort(node, params.get("lsort") ?? "", params.get("lsort") ? params.get("ldir") ?? "ascending" : "none");
}

if ($("#landmarks")) {
  const choose = (key, select) => {
    set(key, table().methods[Number(select.value)] ?? "");
    drawLandmarks();
  };
  sortable($("#landmark-table"), (name, direction) => {
    set("lsort", direction === "none" ? "" : name);
    set("ldir", direction, "ascending");
    sort($("#landmark-table"), name, direction);
  });
  $("#landmark-method").addEventListener("change", () => choose("m", $("#landmark-method")));
  $("#landmark-other").addEventListener("change", () => choose("n", $("#landmark-other")));
  screens.landmarks = drawLandmarks;
}
