// A card with a figure and the line of its last two minutes.

const KEPT = 120;
const SVG = "http://www.w3.org/2000/svg";

export function make(name, props = {}, ...children) {
  const node = document.createElement(name);
  Object.assign(node, props);
  node.append(...children);
  return node;
}

export class Card {
  constructor(title) {
    this.values = [];
    this.figure = make("div", { className: "figure", textContent: "–" });
    this.note = make("div", { className: "note" });
    this.svg = document.createElementNS(SVG, "svg");
    this.svg.setAttribute("viewBox", `0 0 ${KEPT - 1} 36`);
    this.svg.setAttribute("preserveAspectRatio", "none");
    this.svg.setAttribute("aria-hidden", "true");
    this.area = this.path("area");
    this.line = this.path("line");
    this.root = make("article", { className: "card" }, make("h2", { textContent: title }), this.figure, this.note, this.svg);
  }

  path(className) {
    const path = document.createElementNS(SVG, "path");
    path.setAttribute("class", className);
    this.svg.append(path);
    return path;
  }

  // `top` fixes the scale; otherwise the highest value of the line does.
  show(value, text, unit, note, top) {
    this.figure.replaceChildren(text, make("small", { textContent: unit }));
    this.note.textContent = note;
    this.values.push(value);
    if (this.values.length > KEPT) this.values.shift();
    const highest = top ?? Math.max(...this.values, Number.MIN_VALUE);
    const from = KEPT - this.values.length;
    const points = this.values.map((it, at) => `${from + at},${(33 - 30 * Math.min(it / highest, 1)).toFixed(2)}`);
    this.line.setAttribute("d", `M${points.join("L")}`);
    this.area.setAttribute("d", `M${from},36L${points.join("L")}L${KEPT - 1},36Z`);
  }
}

export function count(number) {
  if (number < 10_000) return number.toLocaleString("en", { maximumFractionDigits: number < 10 ? 1 : 0 });
  return number.toLocaleString("en", { notation: "compact", maximumFractionDigits: 1 });
}

export function milliseconds(ms) {
  if (ms === 0) return ["0", "ms"];
  if (ms < 1) return [(ms * 1000).toPrecision(ms < 0.01 ? 2 : 3), "µs"];
  return ms < 1000 ? [ms.toPrecision(3), "ms"] : [(ms / 1000).toPrecision(3), "s"];
}

export function lasting(seconds) {
  const parts = [[86400, "d"], [3600, "h"], [60, "min"]];
  const [size, unit] = parts.find(([size]) => seconds >= size) ?? [1, "s"];
  return `${Math.floor(seconds / size)} ${unit}`;
}
