const PAGE = 24; // faces at a time
const ON_PICTURES = { "--truth": "#ffffff", "--s0": "#58b4ff", "--s1": "#ff9a4d" }; // light on any skin
let facesShown = PAGE;

function drawFaces() {
  const one = table();
  const own = one.drawn;
  $("#more-faces").hidden = true;
  if (!own) {
    $("#grid").replaceChildren();
    $("#faces-note").textContent = "The true points of this protocol are not known here; see Provenance for how to get them.";
    return;
  }
  const m = methodOf("m", 0);
  const other = methodOf("n", -1);
  const order = params.get("order") ?? "worst";
  fill($("#face-method"), methodChoices(one.methods), String(m));
  fill($("#face-other"), [["-1", "none"], ...methodChoices(one.methods)], String(other));
  $("#face-order").value = order;
  $("#legend-first").textContent = one.methods[m];
  $("#legend-second").textContent = other < 0 ? "" : one.methods[other];
  $("#legend-second-item").hidden = other < 0;
  const at = drawnErrors(one);
  const spread = (k) => {
    const all = one.methods.map((_, method) => at(method, k)).filter((value) => !Number.isNaN(value));
    return all.length ? Math.max(...all) - Math.min(...all) : 0;
  };
  const known = (k) => (Number.isNaN(at(m, k)) ? Infinity : at(m, k));
  const keys = { worst: (k) => -known(k), best: known, disagreement: (k) => -spread(k) };
  const ranked = own.faces.map((_, k) => k).sort((x, y) => (keys[order] ?? keys.worst)(x) - (keys[order] ?? keys.worst)(y) || x - y);
  const whole = own.faces.length === one.total;
  const which = whole ? `All ${one.total} faces.` : `${own.faces.length} of ${one.total} faces are drawn in this page: those that tell most, the worst and the best of each method and those over which the methods disagree.`;
  const pictures = own.pictures.length ? [" On a picture the truth is white."] : [" Points alone, without anyone's picture; ", el("code", { class: "whole" }, "--images"), " embeds pictures."];
  $("#faces-note").replaceChildren(which, ...pictures, " The points are those of the first training.");
  showTiles($("#grid"), one, ranked.slice(0, facesShown), [[m, "--s0"], [other, "--s1"]].filter(([i]) => i >= 0));
  $("#more-faces").hidden = ranked.length <= facesShown;
  drawnFaces = { one, ranked, at, spread };
}
let drawnFaces = null;

// The error of a method, in percent, on the k-th face that is drawn.
function drawnErrors(one) {
  const errors = once(`drawn ${one.slug}`, () => unpack(one.drawn.errors).map((steps) => steps * data.step));
  return (method, k) => errors[method * one.drawn.faces.length + k];
}

function showTiles(list, one, places, methods) {
  const tiles = places.map((k) => tile(one, k, methods, drawnErrors(one)));
  list.replaceChildren(...tiles.map(([item]) => item));
  for (const [, paint] of tiles) paint();
}

function tile(one, k, methods, at) {
  const own = one.drawn;
  const id = own.ids[k];
  const said = methods.map(([i]) => `${one.methods[i]} ${Number.isNaN(at(i, k)) ? "missed" : `${number(at(i, k))} %`}`);
  const canvas = el("canvas", { role: "img", "aria-label": `${id}: truth and points of ${said.join(", ")}` });
  const lines = said.map((text) => el("p", {}, text));
  const item = el("li", {}, canvas, ...lines, el("p", { class: "id", title: id }, id.split("/").pop()));
  const paint = () => {
    const [pen, width, height] = canvasOf(canvas);
    const url = data.pictures[own.pictures[k]];
    const ink = (name) => (url ? ON_PICTURES[name] : colour(name));
    const points = () => {
      outline(pen, shapeOf(own.points, own.truth[k]), own.edges, width, height, ink("--truth"), 1);
      for (const [i, name] of methods) {
        const shape = own.answers[i]?.[k];
        if (shape !== null && shape !== undefined) outline(pen, shapeOf(own.points, shape), own.edges, width, height, ink(name), 1.6);
      }
    };
    if (!url) return points();
    const picture = new Image();
    picture.onload = () => {
      pen.drawImage(picture, 0, 0, width, height);
      points();
    };
    picture.src = url;
  };
  return [item, paint];
}

function outline(pen, shape, edges, width, height, ink, thick) {
  const at = (i) => [shape[2 * i] * width, shape[2 * i + 1] * height];
  pen.strokeStyle = pen.fillStyle = ink;
  pen.lineWidth = thick;
  for (const [i, j] of edges) {
    if (!Number.isNaN(shape[2 * i]) && !Number.isNaN(shape[2 * j])) stroke(pen, [at(i), at(j)]);
  }
  for (let i = 0; i < shape.length / 2; i++) {
    if (Number.isNaN(shape[2 * i])) continue;
    pen.beginPath();
    pen.arc(...at(i), thick, 0, 7);
    pen.fill();
  }
}

function facesCsv() {
  const { one, ranked, at, spread } = drawnFaces;
  const lines = [["face", ...one.methods, "largest difference"]];
  const text = (value) => (Number.isNaN(value) ? "" : value.toFixed(2));
  for (const k of ranked) lines.push([one.drawn.ids[k], ...one.methods.map((_, i) => text(at(i, k))), text(spread(k))]);
  return lines.map((cells) => cells.map(csvCell).join(",")).join("\n") + "\n";
}

if ($("#faces")) {
  const choose = (key, select) => {
    set(key, table().methods[Number(select.value)] ?? "");
    drawFaces();
  };
  $("#face-method").addEventListener("change", () => choose("m", $("#face-method")));
  $("#face-other").addEventListener("change", () => choose("n", $("#face-other")));
  $("#face-order").addEventListener("change", () => {
    set("order", $("#face-order").value, "worst");
    facesShown = PAGE;
    drawFaces();
  });
  $("#more-faces").addEventListener("click", () => {
    const before = facesShown;
    facesShown += PAGE;
    drawFaces();
    say(`${$$("#grid li").length - before} more faces`);
  });
  screens.faces = drawFaces;
}
