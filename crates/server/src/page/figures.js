// All figures, as the node's table lists them: their place in the answers, their unit and what they say.

import { count, lasting, make, milliseconds } from "./chart.js";

const shown = {
  "": (value) => count(value),
  "B": (value) => `${count(value)} B`,
  "ms": (value) => milliseconds(value).join(" "),
  "s": (value) => lasting(value),
  "/s": (value) => `${count(value)} /s`,
  "%": (value) => `${(value * 100).toLocaleString("en", { maximumFractionDigits: 1 })} %`,
  "text": (value) => String(value),
};

// Answers what shows the figures of now; nothing is drawn while the list is closed.
export async function listFigures(body, details, read) {
  const figures = await read("/page/figures.json").catch(() => []);
  let latest = null;
  const draw = () => latest && details.open && body.replaceChildren(...figures.flatMap((figure) => rows(figure, latest)));
  details.addEventListener("toggle", draw);
  return (answers) => {
    latest = answers;
    draw();
  };
}

function rows(figure, answers) {
  const answer = answers[figure.answer];
  if (!figure.label) return [row(figure, figure.name, answer[figure.name])];
  const all = Object.entries(answer[figure.label] ?? {});
  return all.map(([which, figures]) => row(figure, `${figure.label} ${which} ${figure.name}`, figures[figure.name]));
}

function row(figure, name, value) {
  const text = Array.isArray(value) ? value.join(", ") || "none" : shown[figure.unit](value ?? 0);
  return make("tr", {}, make("td", {}, make("code", { textContent: name })), make("td", { className: "number", textContent: text }),
    make("td", { textContent: figure.help }));
}
