// Hit rate, throughput and latencies of each keyspace, and how long each source's commits took to their effect here.

import { count, make, milliseconds } from "./chart.js";

const percent = (share) => `${(share * 100).toLocaleString("en", { maximumFractionDigits: 1 })} %`;
const time = (ms) => milliseconds(ms).join(" ");
const number = (textContent, more = "") => make("td", { className: `number ${more}`, textContent });
// Two quantiles, or nothing where nothing happened.
const quantiles = (p50, p99, any, more) => number(any ? `${time(p50)} / ${time(p99)}` : "–", more);

function keyspaceRow([name, it]) {
  const failed = it.loadsFailed > 0 ? `${count(it.loads)}, ${count(it.loadsFailed)} failed` : count(it.loads);
  return make("tr", {}, make("td", {}, make("code", { textContent: name })),
    number(`${count(it.operationsPerSecond)} /s`), number(percent(it.hitRate)),
    number(count(it.hits + it.staleHits), "wide"), number(count(it.misses), "wide"), number(count(it.directReads), "wide"), number(failed, "wide"),
    quantiles(it.loadP50Ms, it.loadP99Ms, it.loadMaxMs > 0), quantiles(it.commitToAppliedP50Ms, it.commitToAppliedP99Ms, it.recentCommits > 0));
}

function sourceRow([name, it]) {
  const any = it.recentCommits > 0;
  const stage = (which, more) => quantiles(it[`${which}P50Ms`], it[`${which}P99Ms`], any, more);
  return make("tr", {}, make("td", {}, make("code", { textContent: name })), number(count(it.commits)),
    stage("commitToReceived"), stage("receivedToApplied"), stage("commitToApplied"),
    number(any ? time(it.commitToAppliedMaxMs) : "–", "wide"));
}

export function showKeyspaces(metrics, { keyspaces, stages, panels }) {
  const all = Object.entries(metrics.keyspaces ?? {});
  panels.keyspaces.hidden = all.length === 0;
  keyspaces.replaceChildren(...all.map(keyspaceRow));
  const sources = Object.entries(metrics.sources ?? {});
  panels.stages.hidden = sources.length === 0;
  stages.replaceChildren(...sources.map(sourceRow));
}
