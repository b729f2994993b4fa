// Invalidations that wait for a time or an event, each with a button that takes it back.

import { lasting, make } from "./chart.js";

const SHOWN = 50;

export function watchHeld(list, panel, read) {
  const show = async () => {
    const page = await read(`/api/cache/held?limit=${SHOWN}`);
    panel.hidden = page.total === 0;
    list.replaceChildren(...page.held.map((item) => row(item, show)));
    if (page.total > page.held.length) {
      list.append(make("tr", {}, make("td", { colSpan: 4, textContent: `and ${page.total - page.held.length} more` })));
    }
  };
  const quietly = () => show().catch(() => {});
  setInterval(quietly, 5000);
  quietly();
  return quietly;
}

function row(item, show) {
  const left = item.due === null ? "" : ` in ${lasting(Math.max(0, (new Date(item.due) - Date.now()) / 1000))}`;
  const cancel = make("button", { type: "button", textContent: "Cancel" });
  cancel.addEventListener("click", async () => {
    cancel.disabled = true;
    await fetch(`/api/cache/held?id=${item.id}`, { method: "DELETE" }).catch(() => {});
    show();
  });
  const scope = make("td", {}, make("span", { className: "kind", textContent: item.scope }), make("code", { textContent: item.name }));
  return make("tr", {}, make("td", { textContent: String(item.id) }), scope,
    make("td", { textContent: `${item.mode}${left}` }), make("td", {}, cancel));
}
