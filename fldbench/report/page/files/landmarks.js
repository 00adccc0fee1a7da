const FACE = 400; // px of the mean face's field
const LARGEST = 13; // px, the radius of the largest error

function drawLandmarks() {
  const one = table();
  const own = one.landmarks;
  const node = $("#landmark-table");
  node.tBodies[0].replaceChildren();
  $("#mean-face").replaceChildren();
  if (!own) {
    $("#landmark-note").textContent = UNKNOWN;
    return;
  }
  const known = (i) => (own.errors[i] ? i : -1);
  const usable = one.methods.filter((_, i) => own.errors[i]);
  let m = known(methodOf("m", -1));
  if (m < 0) m = one.methods.indexOf(usable[0]);
  const other = known(methodOf("n", -1));
  const alone = other < 0;
  choose("#landmark-method", usable, m);
  choose("#landmark-other", usable, other, true);
  const [a, b] = [one.methods[m], one.methods[other] ?? ""];
  const first = own.errors[m].map((error) => error ?? NaN);
  const second = alone ? first.map(() => NaN) : own.errors[other].map((error) => error ?? NaN);
  const value = alone ? first : first.map((error, i) => second[i] - error);
  const circles = meanFace(own, value, alone ? "%" : "points");
  const title = `${alone ? "Mean error of each" : "Difference at each"} landmark`;
  $("#landmark-title").textContent = title;
  const item = (kind, text) => el("li", {}, el("span", { class: `swatch ${kind}`, "aria-hidden": "true" }), text);
  $("#landmark-legend").replaceChildren(...(alone ? [item("s0", a)] : [item("s0", `${a} is better`), item("s1", `${b} is better`)]));
  $("#mean-face").setAttribute("aria-label", `${title}: ${a}${alone ? "" : ` and ${b}`}; the numbers are in the table`);
  const lines = own.names.map((name, i) => [name, number(first[i]), number(second[i]), signed(alone ? NaN : value[i])]);
  const rows = fillTable(node, [null, `${a}, %`, `${b}, %`, null], lines, [true, true, !alone, !alone]);
  rows.forEach((row, i) => light([row], circles[i]));
  sortAsKept(node, "l");
}

// Draws the values of the landmarks as circles on the mean face, and returns these.
function meanFace(own, values, unit) {
  const most = Math.max(...values.map((value) => Math.abs(value) || 0), 1e-9);
  const at = (i) => own.face[i].map((part) => 30 + part * (FACE - 60));
  const lines = own.edges.map(([i, j]) => el("line", { x1: at(i)[0], y1: at(i)[1], x2: at(j)[0], y2: at(j)[1] }));
  const circles = values.map((value, i) => {
    const [cx, cy] = at(i).map((part) => part.toFixed(1));
    if (Number.isNaN(value)) return el("circle", { cx, cy, r: 1.5, class: "none" });
    const text = `${own.names[i]}: ${unit === "%" ? number(value) : signed(value)} ${unit}`;
    const r = (LARGEST * Math.sqrt(Math.abs(value) / most)).toFixed(1);
    return el("circle", { cx, cy, r, class: value < 0 ? "worse" : "" }, el("title", {}, text));
  });
  $("#mean-face").append(...lines, ...circles);
  $("#landmark-note").textContent = `On the mean of the true faces; the area of a circle is the ${unit === "%" ? "error" : "difference"}, the largest ${number(most)} ${unit}.`;
  return circles;
}

if ($("#landmarks")) {
  sortable($("#landmark-table"), "l");
  screens.landmarks = drawLandmarks;
}
