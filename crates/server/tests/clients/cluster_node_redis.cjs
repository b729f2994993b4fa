// node-redis's cluster client, unmodified, doing a cache's work while one of the nodes is killed.
const { createCluster } = require("redis");
const { check, run } = require("./check.cjs");

const ports = process.env.CLUSTER_PORTS.split(",").map(Number);
const RESP = Number(process.argv[2]);

async function connected() {
  const client = createCluster({
    rootNodes: ports.map((port) => ({ url: `redis://127.0.0.1:${port}` })),
    minimizeConnections: true,
    defaults: { RESP, socket: { reconnectStrategy: (retries) => (retries > 5 ? new Error("gone") : 50) } },
  });
  client.on("error", () => {});
  await client.connect();
  return client;
}

run(async () => {
  let client = await connected();
  // This client learns that slots have moved from MOVED alone, which a killed node does not say: its application begins anew.
  // A command that was on its way to it may never be answered.
  const answered = (call) => {
    let timer;
    const late = new Promise((_, reject) => {
      timer = setTimeout(() => reject(new Error("gone: no answer in time")), 3000);
    });
    return Promise.race([call, late]).finally(() => clearTimeout(timer));
  };
  async function again(call) {
    const began = Date.now();
    for (let fresh = false; ; fresh = true) {
      try {
        if (fresh) client = await answered(connected());
        return await answered(call());
      } catch (error) {
        const broken = /ECONN|Socket closed|Client.*(Closed|Offline|closed)|Disconnects|gone|CLUSTERDOWN|closed|root nodes/;
        if (Date.now() - began > 60_000 || !broken.test(`${error.name} ${error.code} ${error.message}`)) throw error;
        await new Promise((resolve) => setTimeout(resolve, 100));
        try {
          client.destroy();
        } catch {
          // It has none open.
        }
      }
    }
  }
  const names = Array.from({ length: 300 }, (_, i) => `nr:${i}`);
  const all = (call) => Promise.all(names.map(call));
  check("the nodes", client.masters.map((node) => Number(node.port)).sort(), [...ports].sort());
  for (const name of names) check("set", await again(() => client.set(name, name)), "OK");
  check("get", await all((name) => client.get(name)), names);
  check("mset and mget by a hash tag", [await client.mSet({ "{nr}a": "1", "{nr}b": "2" }), await client.mGet(["{nr}a", "{nr}none", "{nr}b"])],
    ["OK", ["1", null, "2"]]);
  check("a transaction", await client.multi().set("{nr}t", "1").incr("{nr}t").exec(), ["OK", 2]);
  check("commands of one slot at once", await Promise.all(Array.from({ length: 100 }, () => client.incr("nr:n"))),
    Array.from({ length: 100 }, (_, i) => i + 1));
  check("ttl", [await client.set("nr:ttl", "1", { EX: 100 }), (await client.ttl("nr:ttl")) > 97], ["OK", true]);
  check("del", await client.del(["{nr}a", "{nr}none"]), 1);

  for (const name of names) check("set again", await again(() => client.set(name, `${name} again`)), "OK");
  process.kill(Number(process.env.KILL_PID), "SIGKILL");
  for (const name of names) {
    check("what was acknowledged is there", await again(() => client.get(name)), `${name} again`);
    check("writes go on", await again(() => client.set(`${name}:after`, name)), "OK");
    check("reads go on", await again(() => client.get(`${name}:after`)), name);
  }
  client.destroy();
});
