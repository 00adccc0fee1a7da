const DECIDING = 12; // faces in the table
const PICTURES = 6; // faces drawn below it
const TICKS = [0.1, 0.2, 0.5, 1, 2, 5, 10, 20, 50, 100, 200, 500];
const BINS = 40;

function drawCompare() {
  const one = table();
  const a = methodOf("a", 0);
  const b = methodOf("b", Math.min(a === 1 ? 0 : 1, one.methods.length - 1));
  const names = [one.methods[a], one.methods[b]];
  choose("#first", one.methods, a);
  choose("#second", one.methods, b);
  const [first, second] = [errorsOf(one, a), errorsOf(one, b)];
  const pairs = [];
  data.ids[one.ids].forEach((id, i) => {
    if (!Number.isNaN(first[i] + second[i])) pairs.push({ i, id, a: first[i], b: second[i], d: second[i] - first[i] });
  });
  const random = pairs.filter((pair) => pair.i < one.random);
  describe(one, pairOf(one, a, b), names, [first, second]);
  scatter(random, names);
  histogram(random, names);
  deciding(one, names, pairs, [a, b]);
}

// What the command computed of a pair, over all faces, whichever of the two comes first here.
function pairOf(one, a, b) {
  const [i, j] = [Math.min(a, b), Math.max(a, b)];
  const own = one.pairs?.[i * one.methods.length - (i * (i + 1)) / 2 + (j - i - 1)];
  if (!own?.n || a === b) return null;
  if (a < b) return own;
  const turned = (value) => (value === null ? null : -value);
  const { d, low, high, better, seeds } = own;
  return { ...own, d: turned(d), low: turned(high), high: turned(low), better: 100 - better, seeds: [...seeds].reverse() };
}

const pText = (p) => (p === null ? "–" : p < 0.001 ? "< 0.001" : p.toFixed(3));
const pSaid = (p) => `p ${p < 0.001 ? "" : "= "}${pText(p)}`;
const rangeText = (own) => (own.low === null ? "–" : `${signed(own.low, 3)} to ${signed(own.high, 3)}`);

function verdict(own, [a, b]) {
  if (a === b) return "Choose two different methods.";
  if (!own) return `Nothing is known of ${a} beside ${b}.`;
  const means = own.d === 0 ? `${b} and ${a} have the same mean error` : `${b} has a mean error ${number(Math.abs(own.d), 3)} points ${own.d < 0 ? "below" : "above"} that of ${a}`;
  if (own.low === null || own.p === null) return `${means}; with so few faces no interval can be given.`;
  const decided = own.p < 0.05 ? `${own.d < 0 ? b : a} is better (${pSaid(own.p)}).` : `This test set does not tell them apart (${pSaid(own.p)}).`;
  return `${means}, 95 % interval ${rangeText(own)}. ${decided}`;
}

function describe(one, own, names, errors) {
  $("#verdict").textContent = verdict(own, names);
  const failed = errors.map((some) => some.subarray(0, one.random).reduce((sum, value) => sum + !(value <= one.threshold), 0));
  const sampled = one.random < one.total;
  const facts = own && {
    "difference of the NME, points": signed(own.d, 3),
    "95 % interval": rangeText(own),
    [`p, adjusted for all ${one.pairs.length} pair${one.pairs.length === 1 ? "" : "s"} (Holm)`]: pText(own.p),
    [`chance that ${names[1]} is better on a face`]: `${number(100 - own.better, 1)} %`,
    "smallest difference that these faces show": own.shows === null ? "–" : `${number(own.shows, 3)} points`,
    "faces that would show this difference": own.needs === null ? "more than can be told" : Math.ceil(own.needs),
    "faces that both found": own.n,
    trainings: own.seeds.join(" and "),
    [`failures at ${one.threshold} %${sampled ? ", sample" : ""}`]: failed.join(" and ") + (own.fail === null ? "" : `, ${pSaid(own.fail)}`),
  };
  const items = Object.entries(facts ?? {}).map(([name, value]) => el("div", {}, el("dt", {}, name), el("dd", {}, value)));
  $("#pair-facts").replaceChildren(...items);
  const over = own?.seeds.every((count) => count > 1) ? "Intervals are over faces and trainings" : "Intervals and p are about these trained models, over the faces";
  const groups = one.groups ? "; faces of one person, clip or photo count as one observation" : "";
  const held = `It holds those of ${one.random} of ${one.total} faces, drawn at random, the same for every method, and of the ${data.ids[one.ids].length - one.random} faces with the largest errors and disagreements; the charts are of the random ones, the list of the faces that decide is of all that are held, and the numbers above are over all faces.`;
  $("#sample-note").textContent = `${over}${groups}. Errors are kept in this page in steps of ${data.step} %. ${sampled ? held : ""}`;
}

// An empty chart: its pen, and where shares of its field are on the canvas; `note` is said below and by screen readers.
function field(id, note) {
  const canvas = $(`#${id}`);
  const [pen, width, height] = canvasOf(canvas);
  $(`#${id}-note`).textContent = note;
  canvas.setAttribute("aria-label", note);
  const [left, bottom, edge] = [46, 40, 10];
  const x = (share) => left + share * (width - left - edge);
  const y = (share) => height - bottom - share * (height - bottom - edge);
  const write = (text, across, down, align = "right") => {
    pen.fillStyle = colour("--soft");
    pen.textAlign = align;
    pen.fillText(text, across, down);
  };
  const line = (ink, ...points) => {
    pen.strokeStyle = colour(ink);
    stroke(pen, ...points.map(([across, up]) => [x(across), y(up)]));
  };
  const tickX = (share, text, align = "center") => write(text, x(share), height - bottom + 16, align);
  const tickY = (share, text) => {
    line("--line", [0, share], [1, share]);
    write(text, left - 7, y(share) + 4);
  };
  const nameX = (text) => write(text, width - edge, height - 6);
  return { canvas, pen, x, y, line, tickX, tickY, nameX, write };
}

const short = (name) => (name.length > 32 ? `${name.slice(0, 30)}…` : name);

function scatter(pairs, [a, b]) {
  const note = `One point for each face, on logarithmic axes. Below the line ${b} is better, above it ${a}.`;
  const { canvas, pen, x, y, line, tickX, tickY, nameX, write } = field("scatter", note);
  const log = (value) => Math.log(Math.max(value, data.step));
  const ends = pairs.reduce(([low, high], pair) => [Math.min(low, pair.a, pair.b), Math.max(high, pair.a, pair.b)], [1e9, 0]);
  const [low, high] = [log(ends[0]) - 0.1, log(ends[1]) + 0.1];
  const share = (value) => (log(value) - low) / (high - low);
  for (const tick of TICKS.filter((value) => share(value) > 0 && share(value) < 1)) {
    line("--line", [share(tick), 0], [share(tick), 1]);
    tickX(share(tick), tick);
    tickY(share(tick), tick);
  }
  line("--strong", [0, 0], [1, 1]);
  const places = pairs.map((pair) => [x(share(pair.a)), y(share(pair.b)), pair]);
  pen.globalAlpha = pairs.length > 2000 ? 0.35 : 0.6;
  for (const [better, ink] of [[true, "--s1"], [false, "--s0"]]) {
    pen.fillStyle = colour(ink);
    pen.beginPath();
    for (const [across, down, pair] of places) {
      if (pair.d < 0 !== better) continue;
      pen.moveTo(across + 2.5, down);
      pen.arc(across, down, 2.5, 0, 7);
    }
    pen.fill();
  }
  pen.globalAlpha = 1;
  nameX(`error of ${short(a)}, %`);
  pen.save();
  pen.translate(12, 10);
  pen.rotate(-Math.PI / 2);
  write(`error of ${short(b)}, %`, 0, 0);
  pen.restore();
  canvas.onmousemove = (event) => {
    let [nearest, title] = [8, ""];
    for (const [across, down, pair] of places) {
      const far = Math.hypot(across - event.offsetX, down - event.offsetY);
      if (far < nearest) [nearest, title] = [far, `${pair.id}: ${number(pair.a)} and ${number(pair.b)} %`];
    }
    canvas.title = title;
  };
}

function histogram(pairs, [a, b]) {
  const sizes = pairs.map((pair) => Math.abs(pair.d)).sort((one, other) => one - other);
  const end = sizes[Math.floor(0.98 * (sizes.length - 1))] || 1;
  const bins = new Array(BINS).fill(0);
  let outside = 0;
  for (const { d } of pairs) {
    if (Math.abs(d) > end) outside += 1;
    else bins[Math.min(BINS - 1, Math.floor(((d / end + 1) / 2) * BINS))] += 1;
  }
  const further = outside ? ` ${outside} faces lie further out.` : "";
  const { pen, x, y, line, tickX, tickY, nameX } = field("histogram", `Error of ${b} minus that of ${a}; left of 0 ${b} is better.${further}`);
  const most = Math.max(...bins, 1);
  for (const count of [0, Math.round(most / 2), most]) tickY(count / most, count);
  bins.forEach((count, i) => {
    pen.fillStyle = colour(i < BINS / 2 ? "--s1" : "--s0");
    pen.fillRect(x(i / BINS) + 0.5, y(count / most), x(1 / BINS) - x(0) - 1, y(0) - y(count / most));
  });
  line("--ink", [0.5, 0], [0.5, 1]);
  for (const share of [0, 0.25, 0.5, 0.75, 1]) tickX(share, signed((2 * share - 1) * end), share === 1 ? "right" : "center");
  nameX("difference, points");
}

function deciding(one, names, pairs, methods) {
  const whole = one.random === one.total;
  const ranked = [...pairs].sort((x, y) => Math.abs(y.d) - Math.abs(x.d)).slice(0, DECIDING);
  let total = pairs.reduce((sum, pair) => sum + pair.d, 0);
  // Errors here are rounded; the mean is that of the verdict.
  const mean = pairOf(one, ...methods)?.d ?? total / pairs.length;
  const together = whole ? `All faces together: ${signed(mean, 3)} points.` : "";
  $("#deciding-note").textContent = pairs.length ? `The largest differences. ${together}` : "";
  const lines = ranked.map(({ id, a, b, d }, place) => {
    total -= d;
    return [id, number(a), number(b), signed(d), signed(total / (pairs.length - place - 1), 3)];
  });
  const node = $("#deciding");
  fillTable(node, [null, `${names[0]}, %`, `${names[1]}, %`, null, null], lines, [true, true, true, true, whole]);
  sort(node, "", "none");
  const places = ranked.map((pair) => one.drawn?.ids.indexOf(pair.id) ?? -1).filter((k) => k >= 0);
  showTiles($("#deciding-faces"), one, places.slice(0, PICTURES), methods);
}

if ($("#compare")) {
  sortable($("#deciding"));
  $("#swap").addEventListener("click", () => {
    const [a, b] = [$("#first").value, $("#second").value];
    set("a", b);
    set("b", a);
    drawCompare();
  });
  screens.compare = drawCompare;
}
