// Looks a key up: its entry, its neighbours, and why it is here, stale or gone.

import { count, lasting, make } from "./chart.js";
import { drawGraph } from "./graph.js";

const STATES = { fresh: "Here and fresh", stale: "Here, but stale", absent: "Known to be absent", missing: "Not here" };
const SHOWN = 12;

export function watchForm(form, field, answer, read) {
  const look = async (key) => {
    field.value = key;
    history.replaceState(null, "", `#${encodeURIComponent(key)}`);
    try {
      answer.replaceChildren(...(await describe(key, read, look)));
    } catch (error) {
      answer.replaceChildren(make("p", { className: "state error", textContent: `The node did not answer: ${error.message}` }));
    }
  };
  form.addEventListener("submit", (event) => {
    event.preventDefault();
    look(field.value);
  });
  if (location.hash.length > 1) look(decodeURIComponent(location.hash.slice(1)));
}

async function describe(key, read, look) {
  const [around, why, { place }] = await Promise.all([
    read(`/api/cache/dependencies?key=${encodeURIComponent(key)}&transitive=1&most=200`),
    read(`/api/cache/why?key=${encodeURIComponent(key)}`),
    read(`/api/cache/cluster?key=${encodeURIComponent(key)}`),
  ]);
  const doubt = around.unverified ? [make("span", { className: "doubt", textContent: `UNVERIFIED: ${around.unverified}` })] : [];
  const state = make("p", { className: `state ${around.state}`, textContent: STATES[around.state] }, make("span", { textContent: why.why }), ...doubt);
  const here = around.state === "fresh" || around.state === "stale";
  const entry = here && (place === null || place.here) ? await read(`/api/cache/keys/${encodeURIComponent(key)}?stale=1&level=weak`).catch(() => null) : null;
  const facts = make("dl");
  const fact = (name, ...values) => values.length > 0 && facts.append(make("dt", { textContent: name }), make("dd", {}, ...values));
  if (place) copies(place, key, fact);
  if (entry) {
    fact("Expires", entry.ttl === null ? "never" : `in ${lasting(entry.ttl)}`);
    fact("Stored", `${lasting(entry.age)} ago`);
    fact("Read", entry.accessCount === 1 ? "once" : `${count(entry.accessCount)} times`);
    if (entry.followed === false) fact("Followed", "no: it may be old until it expires");
    if (entry.version !== null) fact("Version", String(entry.version));
    if (entry.contentType) fact("Type", entry.contentType);
  }
  fact("Tags", ...some(around.tags, (tag) => make("code", { className: "tag", textContent: tag })));
  fact("Events", ...some(around.events, (event) => make("code", { className: "tag", textContent: event })));
  const link = (name) => make("button", { type: "button", textContent: name, onclick: () => look(name) });
  fact("Depends on", ...some(around.dependencies, link));
  fact("Dependents", ...some(around.dependents, link));
  const graph = around.edges.length > 0 ? [drawGraph(key, around.edges, look)] : [];
  return [state, ...(entry ? [make("pre", { textContent: shown(entry) })] : []), facts, ...graph, story(why)];
}

// Who has the key: the owner of its slot, and the replicas.
function copies(place, key, fact) {
  const node = (it) => {
    const name = `node ${it.node}${it.me ? " (this one)" : ""}${it.alive ? "" : ", down"}`;
    return it.me || !it.http ? name : make("a", { textContent: name, href: `http://${it.http}/#${encodeURIComponent(key)}` });
  };
  const apart = (nodes) => nodes.flatMap((it, at) => (at > 0 ? [", ", node(it)] : [node(it)]));
  fact("Slot", String(place.slot));
  fact("Owner", place.owner ? node(place.owner) : "nobody");
  fact("Replicas", ...(place.replicas.length > 0 ? apart(place.replicas) : ["none"]));
  if (!place.here) fact("Served", place.owner?.alive ? "by its owner: what is told here is what this node knows" : "by nobody now");
}

// What happened to the key, step by step.
function story(why) {
  const time = (at) => (at === null ? "not known" : new Date(at).toLocaleString("en-GB"));
  const rows = why.steps.map((step) => make("tr", {}, make("td", { textContent: time(step.at) }),
    make("td", { textContent: step.times > 1 ? `${step.state}, ${count(step.times)} times` : step.state }),
    make("td", { textContent: step.detail })));
  const older = make("p", { className: "quiet", textContent: `What ended before ${time(why.knownSince)} may be forgotten: older than the history.` });
  return make("div", { className: "story" }, make("table", {}, make("tbody", {}, ...rows)), ...(why.complete ? [] : [older]));
}

function shown(entry) {
  if (entry.valueBase64) return `base64 ${entry.valueBase64}`;
  return typeof entry.value === "string" ? entry.value : JSON.stringify(entry.value, null, 2);
}

function some(names, as) {
  const rest = names.length - SHOWN;
  return [...names.slice(0, SHOWN).map(as), ...(rest > 0 ? [`and ${rest} more`] : [])];
}
