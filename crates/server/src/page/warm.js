// Jobs that load keys before anybody asks: those that run, with a button that ends each, and the last that have ended.

import { count, lasting, make } from "./chart.js";

const SHOWN = 8;

export function watchWarming(list, panel, read) {
  let timer = null;
  const show = async () => {
    clearTimeout(timer);
    let running = false;
    try {
      const { jobs } = await read("/api/cache/warm");
      running = jobs.some((job) => job.state === "running");
      panel.hidden = jobs.length === 0;
      list.replaceChildren(...jobs.slice(0, SHOWN).map((job) => row(job, show)));
    } catch {
      // The head of the page says that the node does not answer.
    }
    timer = setTimeout(show, running ? 1000 : 5000);
  };
  show();
}

function row(job, show) {
  const keys = job.keys > 0 ? `${count(job.keys)} ${job.keys === 1 ? "key" : "keys"}` : "";
  const what = [keys, job.pattern, job.tags.join(" ")].filter(Boolean).join(", ");
  const bar = make("progress", { max: job.total ?? 1, ariaLabel: `job ${job.id}` });
  if (job.state !== "running" || job.total !== null) bar.value = job.total === null ? 0 : job.listed;
  const of = job.total === null ? count(job.listed) : `${count(job.listed)} of ${count(job.total)}`;
  const failed = job.failed > 0 ? `, ${count(job.failed)} failed` : "";
  const waiting = job.waiting ? `, waiting: ${job.waiting}` : "";
  const said = `${of}: ${count(job.loaded)} loaded, ${count(job.present)} present${failed}, ${lasting(job.milliseconds / 1000)}${waiting}`;
  const last = make("td", {}, job.state === "running" ? cancel(job, show) : job.state);
  return make("tr", { title: job.errors.join("\n") }, make("td", { textContent: String(job.id) }),
    make("td", {}, make("code", { textContent: what })), make("td", {}, bar, make("span", { className: "quiet", textContent: said })), last);
}

function cancel(job, show) {
  const button = make("button", { type: "button", textContent: "Cancel" });
  button.addEventListener("click", async () => {
    button.disabled = true;
    await fetch(`/api/cache/warm/${job.id}`, { method: "DELETE" }).catch(() => {});
    show();
  });
  return button;
}
