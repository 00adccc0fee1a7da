const DECIDING = 12; // faces in the table
const PICTURES = 6; // faces drawn below it
const TICKS = [0.1, 0.2, 0.5, 1, 2, 5, 10, 20, 50, 100, 200, 500];

function drawCompare() {
  const one = table();
  const n = one.methods.length;
  const a = methodOf("a", 0);
  const b = methodOf("b", Math.min(a === 1 ? 0 : 1, n - 1));
  fill($("#first"), methodChoices(one.methods), String(a));
  fill($("#second"), methodChoices(one.methods), String(b));
  const ids = data.ids[one.ids];
  const first = errorsOf(one, a);
  const second = errorsOf(one, b);
  const pairs = [];
  for (let i = 0; i < ids.length; i++) {
    if (!Number.isNaN(first[i]) && !Number.isNaN(second[i])) pairs.push({ i, a: first[i], b: second[i], d: second[i] - first[i] });
  }
  const random = pairs.filter((pair) => pair.i < one.random);
  describe(one, a, b, random, first, second);
  scatter(one, a, b, random);
  histogram(one, a, b, random);
  deciding(one, a, b, pairs, ids);
}

// What the command computed of a pair, over all faces, whichever of the two comes first here.
function pairOf(one, a, b) {
  const [i, j] = [Math.min(a, b), Math.max(a, b)];
  const n = one.methods.length;
  const own = one.pairs?.[i * n - (i * (i + 1)) / 2 + (j - i - 1)];
  if (!own?.n || a === b) return null;
  if (a < b) return own;
  const turned = (value) => (value === null ? null : -value);
  return { ...own, d: turned(own.d), low: turned(own.high), high: turned(own.low), better: 100 - own.better };
}

const pText = (p) => (p === null ? "–" : p < 0.001 ? "< 0.001" : p.toFixed(3));

function verdict(one, own, nameA, nameB) {
  const size = number(Math.abs(own.d), 3);
  const range = own.low === null ? "" : `, 95 % interval ${signed(own.low, 3)} to ${signed(own.high, 3)}`;
  const text = own.d === 0 ? `${nameB} and ${nameA} have the same mean error` : `${nameB} has a mean error ${size} points ${own.d < 0 ? "below" : "above"} that of ${nameA}`;
  if (own.low === null || own.p === null) return `${text}; with so few faces no interval can be given.`;
  const decided = own.p < 0.05;
  const better = own.d < 0 ? nameB : nameA;
  return `${text}${range}. ${decided ? `${better} is better (p ${own.p < 0.001 ? "" : "= "}${pText(own.p)}).` : `This test set does not tell them apart (p = ${pText(own.p)}).`}`;
}

function describe(one, a, b, pairs, first, second) {
  const [nameA, nameB] = [one.methods[a], one.methods[b]];
  const own = pairOf(one, a, b);
  const sampled = one.random < one.total;
  const where = sampled ? `${one.random} of ${one.total} faces, drawn at random` : `all ${one.total} faces`;
  const fails = (errors) => errors.subarray(0, one.random).reduce((sum, value) => sum + !(value <= one.threshold), 0);
  const text = a === b ? "Choose two different methods." : own ? verdict(one, own, nameA, nameB) : `Nothing is known of ${nameA} beside ${nameB}.`;
  $("#verdict").textContent = text;
  const facts = own
    ? [
        ["difference of the NME, points", signed(own.d, 3)],
        ["95 % interval", own.low === null ? "–" : `${signed(own.low, 3)} to ${signed(own.high, 3)}`],
        [`p, adjusted for all ${one.pairs.length} pair${one.pairs.length === 1 ? "" : "s"} (Holm)`, pText(own.p)],
        [`chance that ${nameB} is better on a face`, `${number(100 - own.better, 1)} %`],
        ["smallest difference that these faces show", own.shows === null ? "–" : `${number(own.shows, 3)} points`],
        ["faces that would show this difference", own.needs === null ? "more than can be told" : String(Math.ceil(own.needs))],
        ["faces that both found", String(own.n)],
        ["trainings", `${own.seeds[a < b ? 0 : 1]} and ${own.seeds[a < b ? 1 : 0]}`],
        [`failures at ${one.threshold} %${sampled ? ", sample" : ""}`, `${fails(first)} and ${fails(second)}${own.fail === null ? "" : `, p = ${pText(own.fail)}`}`],
      ]
    : [];
  $("#pair-facts").replaceChildren(...facts.map(([name, value]) => el("div", {}, el("dt", {}, name), el("dd", {}, value))));
  const chance = own && own.seeds.every((count) => count > 1) ? "Intervals are over faces and trainings" : "Intervals and p are about these trained models, over the faces";
  $("#sample-note").textContent = `${chance}${one.groups ? "; faces of one person, clip or photo count as one observation" : ""}. Errors are kept in this page in steps of ${data.step} %. ${
    sampled
      ? `It holds those of ${where}, the same for every method, and of the ${data.ids[one.ids].length - one.random} faces with the largest errors and disagreements; the pictures are of the random ones, the list of the faces that decide is of all that are held, and the numbers above are over all faces.`
      : ""
  }`;
}

function scatter(one, a, b, pairs) {
  const canvas = $("#scatter");
  const [pen, width, height] = canvasOf(canvas);
  const values = pairs.flatMap((pair) => [pair.a, pair.b]).map((value) => Math.max(value, data.step));
  const low = Math.log(values.reduce((x, y) => Math.min(x, y), 1e9) * 0.9);
  const high = Math.log(values.reduce((x, y) => Math.max(x, y), 0) * 1.1);
  const [left, bottom] = [46, 40];
  const x = (value) => left + ((Math.log(Math.max(value, data.step)) - low) / (high - low)) * (width - left - 10);
  const y = (value) => height - bottom - ((Math.log(Math.max(value, data.step)) - low) / (high - low)) * (height - bottom - 10);
  pen.strokeStyle = colour("--line");
  pen.fillStyle = colour("--soft");
  for (const tick of TICKS.filter((value) => Math.log(value) > low && Math.log(value) < high)) {
    stroke(pen, [[x(tick), 10], [x(tick), height - bottom]]);
    stroke(pen, [[left, y(tick)], [width - 10, y(tick)]]);
    pen.textAlign = "center";
    pen.fillText(String(tick), x(tick), height - bottom + 16);
    pen.textAlign = "right";
    pen.fillText(String(tick), left - 7, y(tick) + 4);
  }
  pen.strokeStyle = colour("--strong");
  stroke(pen, [[x(Math.exp(low)), y(Math.exp(low))], [x(Math.exp(high)), y(Math.exp(high))]]);
  pen.globalAlpha = pairs.length > 2000 ? 0.35 : 0.6;
  for (const [side, name] of [[-1, "--s1"], [1, "--s0"]]) {
    pen.fillStyle = colour(name);
    pen.beginPath();
    for (const pair of pairs) {
      if ((pair.d < 0 ? -1 : 1) !== side) continue;
      pen.moveTo(x(pair.a) + 2.5, y(pair.b));
      pen.arc(x(pair.a), y(pair.b), 2.5, 0, 7);
    }
    pen.fill();
  }
  pen.globalAlpha = 1;
  pen.fillStyle = colour("--soft");
  pen.textAlign = "right";
  pen.fillText(`error of ${short(one.methods[a])}, %`, width - 10, height - 6);
  pen.save();
  pen.translate(12, 10);
  pen.rotate(-Math.PI / 2);
  pen.fillText(`error of ${short(one.methods[b])}, %`, 0, 0);
  pen.restore();
  const note = `One point for each face, on logarithmic axes. Below the line ${one.methods[b]} is better, above it ${one.methods[a]}.`;
  $("#scatter-note").textContent = note;
  canvas.setAttribute("aria-label", note);
  canvas.onmousemove = (event) => {
    const near = pairs.reduce((best, pair) => {
      const far = Math.hypot(x(pair.a) - event.offsetX, y(pair.b) - event.offsetY);
      return far < best[0] ? [far, pair] : best;
    }, [8, null])[1];
    canvas.title = near ? `${data.ids[one.ids][near.i]}: ${number(near.a)} and ${number(near.b)} %` : "";
  };
}

const short = (name) => (name.length > 32 ? `${name.slice(0, 30)}…` : name);

function stroke(pen, points) {
  pen.beginPath();
  points.forEach(([x, y], i) => (i ? pen.lineTo(x, y) : pen.moveTo(x, y)));
  pen.stroke();
}

function histogram(one, a, b, pairs) {
  const canvas = $("#histogram");
  const [pen, width, height] = canvasOf(canvas);
  const sizes = pairs.map((pair) => Math.abs(pair.d)).sort((x, y) => x - y);
  const end = sizes[Math.floor(0.98 * (sizes.length - 1))] || 1;
  const half = 20;
  const bins = new Array(2 * half).fill(0);
  let outside = 0;
  for (const pair of pairs) {
    if (Math.abs(pair.d) > end) outside += 1;
    else bins[Math.min(2 * half - 1, Math.floor((pair.d / end + 1) * half))] += 1;
  }
  const [left, bottom, top] = [46, 40, 10];
  const most = Math.max(...bins, 1);
  const x = (value) => left + ((value / end + 1) / 2) * (width - left - 10);
  const y = (count) => height - bottom - (count / most) * (height - bottom - top);
  pen.fillStyle = colour("--soft");
  pen.strokeStyle = colour("--line");
  pen.textAlign = "right";
  for (const count of [0, Math.round(most / 2), most]) {
    stroke(pen, [[left, y(count)], [width - 10, y(count)]]);
    pen.fillText(String(count), left - 7, y(count) + 4);
  }
  bins.forEach((count, i) => {
    pen.fillStyle = colour(i < half ? "--s1" : "--s0");
    const from = x((i / half - 1) * end);
    pen.fillRect(from + 0.5, y(count), x(((i + 1) / half - 1) * end) - from - 1, y(0) - y(count));
  });
  pen.strokeStyle = colour("--ink");
  stroke(pen, [[x(0), top], [x(0), y(0)]]);
  pen.fillStyle = colour("--soft");
  pen.textAlign = "center";
  for (const share of [-1, -0.5, 0, 0.5, 1]) {
    pen.textAlign = share === 1 ? "right" : "center";
    pen.fillText(signed(share * end), x(share * end), height - bottom + 16);
  }
  pen.textAlign = "right";
  pen.fillText("difference, points", width - 10, height - 6);
  const note = `Error of ${one.methods[b]} minus that of ${one.methods[a]}; left of 0 ${one.methods[b]} is better.${outside ? ` ${outside} faces lie further out.` : ""}`;
  $("#histogram-note").textContent = note;
  canvas.setAttribute("aria-label", note);
}

function deciding(one, a, b, pairs, ids) {
  const whole = one.random === one.total;
  const ranked = [...pairs].sort((x, y) => Math.abs(y.d) - Math.abs(x.d)).slice(0, DECIDING);
  let total = pairs.reduce((sum, pair) => sum + pair.d, 0);
  let left = pairs.length;
  $("#deciding-note").textContent = pairs.length
    ? `The largest differences. ${whole ? `All faces together: ${signed(total / left, 3)} points.` : ""}`
    : "";
  const heads = $$("#deciding thead th");
  heads[1].firstElementChild.textContent = `${one.methods[a]}, %`;
  heads[2].firstElementChild.textContent = `${one.methods[b]}, %`;
  heads[4].classList.toggle("off", !whole);
  const rows = ranked.map((pair, place) => {
    total -= pair.d;
    left -= 1;
    const without = left ? signed(total / left, 3) : "–";
    const row = el("tr", {}, el("th", { scope: "row" }, ids[pair.i]));
    row.append(el("td", {}, number(pair.a)), el("td", {}, number(pair.b)), el("td", {}, signed(pair.d)));
    row.append(el("td", whole ? {} : { class: "off" }, without));
    row.place = place;
    return row;
  });
  const node = $("#deciding");
  node.tBodies[0].replaceChildren(...rows);
  sort(node, "", "none");
  const places = ranked.map((pair) => one.drawn?.ids.indexOf(ids[pair.i]) ?? -1).filter((k) => k >= 0);
  showTiles($("#deciding-faces"), one, places.slice(0, PICTURES), [[a, "--s0"], [b, "--s1"]]);
}

if ($("#compare")) {
  sortable($("#deciding"), (name, direction) => sort($("#deciding"), name, direction));
  const choose = (key, select) => {
    set(key, table().methods[Number(select.value)]);
    drawCompare();
  };
  $("#first").addEventListener("change", () => choose("a", $("#first")));
  $("#second").addEventListener("change", () => choose("b", $("#second")));
  $("#swap").addEventListener("click", () => {
    const [a, b] = [$("#first").value, $("#second").value];
    set("a", table().methods[Number(b)]);
    set("b", table().methods[Number(a)]);
    drawCompare();
  });
  screens.compare = drawCompare;
}
