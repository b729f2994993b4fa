// The dashboard: figures each second, invalidations as they come.

import { Card, count, lasting, make, milliseconds } from "./chart.js";
import { watchCluster } from "./cluster.js";
import { listFigures } from "./figures.js";
import { watchHeld } from "./held.js";
import { showKeyspaces } from "./keyspaces.js";
import { watchForm } from "./lookup.js";
import { watchWarming } from "./warm.js";

const LISTED = 200;
const byId = (id) => document.getElementById(id);
const cards = {
  hits: new Card("Hit ratio"),
  operations: new Card("Operations"),
  latency: new Card("Latency p99"),
  memory: new Card("Memory"),
  entries: new Card("Entries"),
  refused: new Card("Late fills refused"),
};
const tables = {
  keyspaces: byId("keyspaces"), stages: byId("stages"),
  panels: { keyspaces: byId("keyspaces-panel"), stages: byId("stages-panel") },
};
cards.hits.figure.id = "hit-ratio";
byId("cards").append(...Object.values(cards).map((card) => card.root));

async function read(path) {
  const response = await fetch(path, { headers: { accept: "application/json" }, signal: AbortSignal.timeout(5000) });
  if (!response.ok) throw new Error(`${path}: ${response.status}`);
  return response.json();
}

const percent = (share) => (share * 100).toLocaleString("en", { maximumFractionDigits: 1 });
let before = null;

function show(stats, metrics) {
  const hits = before ? stats.hits - before.hits : 0;
  const reads = before ? hits + stats.misses - before.misses : 0;
  const seconds = before ? (performance.now() - before.at) / 1000 : 1;
  const operations = before ? Math.max(0, (metrics.total - before.total) / seconds) : metrics.operationsPerSecond;
  const lately = reads > 0 ? hits / reads : stats.hitRate;
  before = { hits: stats.hits, misses: stats.misses, total: metrics.total, at: performance.now() };

  cards.hits.show(lately, percent(lately), "%", `${percent(stats.hitRate)} % since the start`, 1);
  const errors = metrics.errorRate > 0 ? `, ${percent(metrics.errorRate)} % failed` : "";
  cards.operations.show(operations, count(operations), "/s", `last minute ${count(metrics.operationsPerSecond)} /s${errors}`);
  const [p95, unit95] = milliseconds(metrics.p95Latency);
  cards.latency.show(metrics.p99Latency, ...milliseconds(metrics.p99Latency), `p95 ${p95} ${unit95}, last minute`);
  const [, memory, unit] = /^([\d.]+)(\w+)$/.exec(stats.memoryUsage);
  const filled = stats.memoryBytes / stats.maxMemoryBytes;
  cards.memory.show(filled, memory, unit, `${percent(filled)} % of ${count(stats.maxMemoryBytes / 1e6)} MB`, 1);
  cards.entries.show(stats.totalKeys, count(stats.totalKeys), "", `${count(stats.evictions)} evicted, ${count(stats.expirations)} expired`);
  cards.refused.show(stats.refusedFills, count(stats.refusedFills), "", `of ${count(stats.fills + stats.refusedFills)} fills`);
}

const clock = (at) => new Date(at).toLocaleTimeString("en-GB");

function sourceLine(source) {
  const gaps = source.gaps > 0 ? `, ${count(source.gaps)} ${source.gaps === 1 ? "gap" : "gaps"} since the start` : "";
  const name = make("strong", { textContent: source.name });
  const meant = source.unfollowed.filter((keyspace) => keyspace.meant).map((keyspace) => keyspace.pattern);
  const apart = meant.length > 0 ? `, not followed as is meant: ${meant.join(", ")}` : "";
  if (source.verified) {
    return make("p", { className: "source ok" }, make("span", { className: "dot" }), name, ` verified, followed ${source.behindMs} ms ago${gaps}${apart}`);
  }
  const neglected = source.unfollowed.filter((keyspace) => !keyspace.meant);
  if (source.since === null) {
    const why = neglected.map((keyspace) => `${keyspace.pattern} (${keyspace.why})`).join(", ");
    return make("p", { className: "source degraded" }, make("span", { className: "dot" }), name, ` NOT FOLLOWED: ${why}${gaps}`);
  }
  const policies = source.keyspaces.map((keyspace) => `${keyspace.pattern} ${keyspace.unverified}`).join(", ");
  return make("p", { className: "source degraded" }, make("span", { className: "dot" }), name,
    ` UNVERIFIED since ${clock(source.since)}: ${source.why}${gaps}${policies ? ` · read meanwhile by ${policies}` : ""}`);
}

function showHealth(health) {
  byId("health").className = health.status;
  const unverified = health.sources.filter((source) => !source.verified).map((source) => `${source.name} UNVERIFIED`);
  byId("health-text").textContent = [`node ${health.node}, up ${lasting(health.uptimeSeconds)}`, ...unverified].join(" · ");
  byId("sources").replaceChildren(...health.sources.map(sourceLine));
}

async function refresh() {
  try {
    const [stats, metrics, health] = await Promise.all(["stats", "metrics", "health"].map((name) => read(`/api/cache/${name}`)));
    show(stats, metrics);
    showKeyspaces(metrics, tables);
    showFigures({ stats, metrics });
    showHealth(health);
  } catch {
    byId("health").className = "down";
    byId("health-text").textContent = "the node does not answer";
  }
  setTimeout(refresh, 1000);
}

function row(className, ...cells) {
  const list = byId("invalidations");
  byId("nothing").hidden = true;
  list.prepend(make("tr", { className }, ...cells));
  while (list.children.length > LISTED) list.lastChild.remove();
}

function listInvalidation(event) {
  const it = JSON.parse(event.data);
  const time = clock(it.at);
  const cause = it.effect === "stale" ? `${it.cause}, lazy` : it.cause;
  const scope = make("td", {}, make("span", { className: "kind", textContent: it.scope }), make("code", { textContent: it.name }));
  row("new", make("td", { textContent: time, title: `position ${it.position}, ${it.at}` }), scope,
    make("td", { textContent: cause }), make("td", { className: "number", textContent: count(it.reached) }));
}

function listFeed(event) {
  const it = JSON.parse(event.data);
  const said = {
    unverified: () => `Source ${it.source} is UNVERIFIED: ${it.why}`,
    altered: () => `Source ${it.source}: ${it.why}; what that can have touched was invalidated`,
    gap: () => `Source ${it.source}: changes may have been missed, everything was invalidated (${it.why})`,
    verified: () => `Source ${it.source} is verified again, after ${it.afterMs < 1000 ? `${it.afterMs} ms` : lasting(it.afterMs / 1000)}`,
  };
  row("reset", make("td", { textContent: clock(it.at), title: `position ${it.position}, ${it.at}` }), make("td", { colSpan: 3, textContent: said[event.type]() }));
}

function listHeld(event) {
  const it = JSON.parse(event.data);
  row("", make("td", { textContent: clock(it.at), title: `position ${it.position}, ${it.at}` }),
    make("td", {}, make("span", { className: "kind", textContent: it.scope }), make("code", { textContent: it.name })),
    make("td", { colSpan: 2, textContent: `${event.type}: ${it.mode}` }));
  showHeld();
}

function listen() {
  const events = new EventSource("/api/cache/events");
  events.onopen = () => (byId("stream").textContent = "live");
  events.onerror = () => (byId("stream").textContent = "reconnecting");
  events.addEventListener("invalidate", listInvalidation);
  for (const name of ["unverified", "gap", "altered", "verified"]) events.addEventListener(name, listFeed);
  for (const name of ["held", "released", "cancelled"]) events.addEventListener(name, listHeld);
  events.addEventListener("reset", () => row("reset", make("td", { colSpan: 4, textContent: "Some invalidations were missed here." })));
}

const showFigures = await listFigures(byId("figures"), byId("all-figures"), read);
const showHeld = watchHeld(byId("held"), byId("held-panel"), read);
watchCluster({ panel: byId("cluster-panel"), name: byId("cluster-name"), says: byId("cluster-says"), list: byId("cluster-nodes") }, read);
watchWarming(byId("warming"), byId("warm-panel"), read);
watchForm(byId("ask"), byId("key"), byId("answer"), read);
refresh();
listen();
