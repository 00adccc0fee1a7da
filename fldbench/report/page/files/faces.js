const PAGE = 24; // faces at a time
const ON_PICTURES = { "--truth": "#ffffff", "--s0": "#58b4ff", "--s1": "#ff9a4d" }; // light on any skin
const INKS = ["--s0", "--s1"];
const UNKNOWN = "The true points of this protocol are not known here; see Provenance for how to get them.";
let facesShown = PAGE;
let orderShown = "";

function drawFaces() {
  const one = table();
  const own = one.drawn;
  $("#more-faces").hidden = true;
  if (!own) {
    $("#grid").replaceChildren();
    $("#faces-note").textContent = UNKNOWN;
    return;
  }
  const m = methodOf("m", 0);
  const other = methodOf("n", -1);
  choose("#face-method", one.methods, m);
  choose("#face-other", one.methods, other, true);
  $("#legend-first").textContent = one.methods[m];
  $("#legend-second").textContent = one.methods[other] ?? "";
  $("#legend-second-item").hidden = other < 0;
  const order = params.get("order");
  if (order !== orderShown) [facesShown, orderShown] = [PAGE, order];
  const ranked = rankedFaces(one, m, order);
  const which = own.faces.length === one.total ? `All ${one.total} faces.` : `${own.faces.length} of ${one.total} faces are drawn in this page: those that tell most, the worst and the best of each method and those over which the methods disagree.`;
  const pictures = own.pictures.length ? [" On a picture the truth is white."] : [" Points alone, without anyone's picture; ", el("code", { class: "whole" }, "--images"), " embeds pictures."];
  $("#faces-note").replaceChildren(which, ...pictures, " The points are those of the first training.");
  showTiles($("#grid"), one, ranked.slice(0, facesShown), other < 0 ? [m] : [m, other]);
  $("#more-faces").hidden = ranked.length <= facesShown;
}

// The error of a method, in percent, on the k-th face that is drawn.
function drawnError(one, method, k) {
  const errors = once(`drawn ${one.slug}`, () => unpack(one.drawn.errors).map((steps) => steps * data.step));
  return errors[method * one.drawn.faces.length + k];
}

function spread(one, k) {
  const all = one.methods.map((_, method) => drawnError(one, method, k)).filter((value) => !Number.isNaN(value));
  return all.length ? Math.max(...all) - Math.min(...all) : 0;
}

function rankedFaces(one, m, order) {
  const known = (k) => {
    const error = drawnError(one, m, k);
    return Number.isNaN(error) ? Infinity : error;
  };
  const key = { best: known, disagreement: (k) => -spread(one, k) }[order] ?? ((k) => -known(k));
  return one.drawn.faces.map((_, k) => k).sort((x, y) => key(x) - key(y) || x - y);
}

// Draws faces with the truth and the points of one or two methods.
function showTiles(list, one, places, methods) {
  const tiles = places.map((k) => tile(one, k, methods));
  list.replaceChildren(...tiles.map(([item]) => item));
  for (const [, paint] of tiles) paint();
}

function tile(one, k, methods) {
  const own = one.drawn;
  const id = own.ids[k];
  const said = methods.map((i) => {
    const error = drawnError(one, i, k);
    return `${one.methods[i]} ${Number.isNaN(error) ? "missed" : `${number(error)} %`}`;
  });
  const canvas = el("canvas", { role: "img", "aria-label": `${id}: truth and points of ${said.join(", ")}` });
  const lines = said.map((text) => el("p", {}, text));
  const item = el("li", {}, canvas, ...lines, el("p", { class: "id", title: id }, id.split("/").pop()));
  const paint = () => {
    const [pen, width, height] = canvasOf(canvas);
    const url = data.pictures[own.pictures[k]];
    const points = () => {
      const shapes = [[own.truth[k], "--truth", 1], ...methods.map((i, at) => [own.answers[i]?.[k], INKS[at], 1.6])];
      for (const [shape, name, thick] of shapes) {
        pen.strokeStyle = pen.fillStyle = url ? ON_PICTURES[name] : colour(name);
        pen.lineWidth = thick;
        if (Number.isInteger(shape)) outline(pen, shapeOf(own.points, shape), own.edges, width, height);
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

function outline(pen, shape, edges, width, height) {
  const at = (i) => [shape[2 * i] * width, shape[2 * i + 1] * height];
  const there = (i) => !Number.isNaN(shape[2 * i]);
  for (const [i, j] of edges) if (there(i) && there(j)) stroke(pen, at(i), at(j));
  for (let i = 0; i < shape.length / 2; i++) {
    if (!there(i)) continue;
    pen.beginPath();
    pen.arc(...at(i), pen.lineWidth, 0, 7);
    pen.fill();
  }
}

function facesCsv() {
  const one = table();
  const text = (value) => (Number.isNaN(value) ? "" : value.toFixed(2));
  const line = (k) => [one.drawn.ids[k], ...one.methods.map((_, i) => text(drawnError(one, i, k))), text(spread(one, k))];
  return csvText([["face", ...one.methods, "largest difference"], ...rankedFaces(one, methodOf("m", 0), params.get("order")).map(line)]);
}

if ($("#faces")) {
  $("#more-faces").addEventListener("click", () => {
    const before = facesShown;
    facesShown += PAGE;
    drawFaces();
    say(`${$$("#grid li").length - before} more faces`);
  });
  screens.faces = drawFaces;
}
