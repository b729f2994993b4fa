// The cluster as this node sees it: what it promises, in sentences, and its nodes.

import { count, lasting, make, milliseconds } from "./chart.js";

const OFTEN_MS = 2000;

export function watchCluster({ panel, name, says, list }, read) {
  const show = async () => {
    try {
      const { cluster } = await read("/api/cache/cluster");
      panel.hidden = cluster === null;
      if (cluster === null) return;
      const replicas = `${cluster.replicas} ${cluster.replicas === 1 ? "replica" : "replicas"}`;
      name.textContent = `${cluster.name}, view ${cluster.epoch}, ${replicas}, ${cluster.settled ? "settled" : "slots are on their way"}`;
      says.replaceChildren(...cluster.says.map(({ grade, text }) =>
        make("li", { className: grade === "ok" ? "ok" : grade }, make("span", { className: "dot" }), text)));
      list.replaceChildren(...cluster.nodes.map((node) => row(node, cluster)));
    } catch {
      // The head of the page says that the node does not answer.
    }
    setTimeout(show, OFTEN_MS);
  };
  show();
}

function row(node, cluster) {
  const number = (text) => make("td", { className: "number", textContent: text });
  const wide = (text) => make("td", { className: "number wide", textContent: text });
  const some = (value) => (value === null ? "–" : count(value));
  const roles = [node.state, node.voter ? "voter" : "", node.weight === 0 ? "witness" : ""].filter(Boolean).join(", ");
  const gains = node.toGive > 0 ? `${count(node.gains)}, ${count(node.toGive)} from here` : count(node.gains);
  const lease = node.me ? cluster.leaseLeftMs : node.readLeaseMs;
  const confirmed = node.unconfirmed > 0 ? `${some(node.acked)}, ${count(node.unconfirmed)} to go` : some(node.acked);
  const heard = node.me ? "this node" : node.heardMsAgo === null ? "never" : node.heardMsAgo < 1000 ? milliseconds(node.heardMsAgo).join(" ") : lasting(node.heardMsAgo / 1000);
  const page = node.me || !node.http ? node.http : make("a", { href: `http://${node.http}/`, textContent: node.http });
  return make("tr", { title: `link ${node.link}, resp ${node.resp}, process ${node.incarnation}` },
    make("td", { textContent: String(node.node) }), make("td", { className: `node-${node.state}`, textContent: roles }),
    number(count(node.owns)), number(count(node.follows)), wide(gains), wide(lease === null ? "–" : milliseconds(lease).join(" ")),
    wide(node.me ? count(cluster.position) : some(node.watermark)), wide(node.me ? "–" : confirmed), number(heard), make("td", { className: "wide" }, page));
}
