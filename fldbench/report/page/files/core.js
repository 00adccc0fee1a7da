// The state of the page lives in the hash, so that a link shows what its sender saw: #screen?name=value&...
const data = JSON.parse(document.getElementById("data").textContent);
const $ = (selector, within = document) => within.querySelector(selector);
const $$ = (selector, within = document) => [...within.querySelectorAll(selector)];
const screens = {}; // name -> what draws it
const svgTags = new Set(["circle", "line", "title"]);

let screen = "board";
let params = new URLSearchParams();

function el(tag, attributes = {}, ...children) {
  const node = svgTags.has(tag) ? document.createElementNS("http://www.w3.org/2000/svg", tag) : document.createElement(tag);
  for (const [name, value] of Object.entries(attributes)) node.setAttribute(name, value);
  node.append(...children);
  return node;
}

const table = () => data.tables.find((one) => one.slug === params.get("t")) ?? data.tables[0];

function set(name, value, usual = "") {
  if (value === usual || value === "") params.delete(name);
  else params.set(name, value);
  history.replaceState(null, "", hash());
}

function hash(name = screen) {
  const query = params.toString();
  return `#${name}${query ? `?${query}` : ""}`;
}

function read() {
  const [name, query = ""] = location.hash.slice(1).split("?");
  if (name === "main") return;
  screen = screens[name] ? name : "board";
  params = new URLSearchParams(query);
}

function show() {
  for (const section of $$(".screen")) section.classList.toggle("open", section.id === screen);
  for (const link of $$("nav a")) {
    if (link.hash.slice(1) === screen) link.setAttribute("aria-current", "page");
    else link.removeAttribute("aria-current");
  }
  for (const field of $$("[data-key]")) {
    const value = params.get(field.dataset.key) ?? field.dataset.usual ?? "";
    if (field.type === "checkbox") field.checked = value !== "";
    else field.value = field.id === "table" ? table().slug : value;
  }
  screens[screen]();
}

// A field with data-key is a part of the state.
document.addEventListener("input", ({ target }) => {
  if (!target.dataset.key) return;
  set(target.dataset.key, target.type === "checkbox" && !target.checked ? "" : target.value, target.dataset.usual);
  screens[screen]();
});

function open(name) {
  history.pushState(null, "", hash(name));
  screen = name;
  show();
  scrollTo(0, 0);
}

const say = (text) => ($("#said").textContent = text);

// Fills a list with the names of methods, and shows the one of this number; "none" may stand before them.
function choose(selector, names, i, none = false) {
  const options = names.map((name) => el("option", { value: name }, name));
  if (none) options.unshift(el("option", { value: "" }, "none"));
  $(selector).replaceChildren(...options);
  $(selector).value = table().methods[i] ?? "";
}

// The method that the state names; a link may name one that this table does not have.
function methodOf(name, usual) {
  const i = table().methods.indexOf(params.get(name) ?? "");
  return i >= 0 ? i : usual;
}

const number = (value, digits = 2) => (Number.isFinite(value) ? value.toFixed(digits).replace("-", "−") : "–");
const signed = (value, digits = 2) => (value > 0 ? "+" : "") + number(value, digits);
const colour = (name) => getComputedStyle(document.documentElement).getPropertyValue(name).trim();

// A canvas as sharp as the screen; returns its context and its size in CSS pixels.
function canvasOf(canvas) {
  const { width, height } = canvas.getBoundingClientRect();
  const ratio = devicePixelRatio || 1;
  canvas.width = Math.round(width * ratio);
  canvas.height = Math.round(height * ratio);
  const context = canvas.getContext("2d");
  context.scale(ratio, ratio);
  context.font = `12px ${colour("--font")}`;
  return [context, width, height];
}

function stroke(pen, ...points) {
  pen.beginPath();
  for (const [x, y] of points) pen.lineTo(x, y);
  pen.stroke();
}
