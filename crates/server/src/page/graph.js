// What a key depends on, and what depends on it, drawn from left to right.

const SVG = "http://www.w3.org/2000/svg";
const SHOWN = 60;
const [WIDTH, HEIGHT, ACROSS, DOWN] = [132, 22, 34, 8];

// The distance of every name from the key: below it are negative, what depends on it positive.
function levels(key, edges) {
  const level = new Map([[key, 0]]);
  const spread = (from, to, step) => {
    let open = [key];
    while (open.length > 0) {
      const next = [];
      for (const name of open) {
        for (const edge of edges.filter((edge) => edge[from] === name && !level.has(edge[to]))) {
          level.set(edge[to], level.get(name) + step);
          next.push(edge[to]);
        }
      }
      open = next;
    }
  };
  spread("key", "dependsOn", -1);
  spread("dependsOn", "key", 1);
  // What hangs on a name beside the way stands one further.
  for (const edge of edges) {
    if (!level.has(edge.key)) level.set(edge.key, (level.get(edge.dependsOn) ?? 0) + 1);
    if (!level.has(edge.dependsOn)) level.set(edge.dependsOn, level.get(edge.key) - 1);
  }
  return level;
}

function element(name, attributes) {
  const node = document.createElementNS(SVG, name);
  for (const [attribute, value] of Object.entries(attributes)) node.setAttribute(attribute, value);
  return node;
}

const short = (name) => (name.length > 18 ? `${name.slice(0, 17)}…` : name);

// An SVG of the edges around a key; `look` is called with the name that is clicked.
export function drawGraph(key, edges, look) {
  const level = levels(key, edges);
  const columns = new Map();
  for (const [name, at] of [...level].sort((a, b) => a[1] - b[1]).slice(0, SHOWN)) {
    if (!columns.has(at)) columns.set(at, []);
    columns.get(at).push(name);
  }
  const order = [...columns.keys()].sort((a, b) => a - b);
  const tallest = Math.max(...[...columns.values()].map((names) => names.length));
  const place = new Map();
  order.forEach((at, column) => {
    const names = columns.get(at);
    const top = ((tallest - names.length) * (HEIGHT + DOWN)) / 2;
    names.forEach((name, row) => place.set(name, { x: column * (WIDTH + ACROSS), y: top + row * (HEIGHT + DOWN) }));
  });
  const [width, height] = [order.length * (WIDTH + ACROSS) - ACROSS, tallest * (HEIGHT + DOWN) - DOWN];
  const svg = element("svg", { viewBox: `-4 -4 ${width + 8} ${height + 8}`, class: "graph", role: "img", "aria-label": `Dependencies around ${key}` });
  for (const edge of edges) {
    const [to, from] = [place.get(edge.key), place.get(edge.dependsOn)];
    if (!to || !from) continue;
    const [x1, y1, x2, y2] = [from.x + WIDTH, from.y + HEIGHT / 2, to.x, to.y + HEIGHT / 2];
    const bend = Math.max(12, Math.abs(x2 - x1) / 2);
    svg.append(element("path", { d: `M${x1},${y1}C${x1 + bend},${y1} ${x2 - bend},${y2} ${x2},${y2}` }));
  }
  for (const [name, { x, y }] of place) {
    const group = element("g", { class: name === key ? "node here" : "node", tabindex: 0, role: "button" });
    group.append(element("rect", { x, y, width: WIDTH, height: HEIGHT, rx: 5 }));
    const label = element("text", { x: x + WIDTH / 2, y: y + HEIGHT / 2 + 4 });
    label.textContent = short(name);
    const title = element("title", {});
    title.textContent = name;
    group.append(label, title);
    group.addEventListener("click", () => look(name));
    group.addEventListener("keydown", (event) => event.key === "Enter" && look(name));
    svg.append(group);
  }
  return svg;
}
