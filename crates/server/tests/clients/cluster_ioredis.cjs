// ioredis's cluster client, unmodified, doing a cache's work while one of the nodes is killed.
const Redis = require("ioredis");
const { check, run } = require("./check.cjs");

const ports = process.env.CLUSTER_PORTS.split(",").map(Number);

run(async () => {
  const client = new Redis.Cluster(ports.map((port) => ({ host: "127.0.0.1", port })), {
    // The client's own way of waiting for a failover: it goes round until a slot is served again.
    retryDelayOnFailover: 200,
    retryDelayOnClusterDown: 200,
    clusterRetryStrategy: () => 200,
    maxRedirections: 60,
  });
  // What a connection to a killed node says is not an answer to a command.
  client.on("node error", () => {});
  const names = Array.from({ length: 300 }, (_, i) => `io:${i}`);
  const all = (call) => Promise.all(names.map(call));
  check("set", await all((name) => client.set(name, name)), names.map(() => "OK"));
  check("the nodes", client.nodes("master").map((node) => node.options.port).sort(), [...ports].sort());
  check("get", await all((name) => client.get(name)), names);
  check("mset and mget by a hash tag", [await client.mset("{io}a", "1", "{io}b", "2"), await client.mget("{io}a", "{io}none", "{io}b")],
    ["OK", ["1", null, "2"]]);
  check("mget over slots is refused", await client.mget(names[0], names[1]).catch((error) => /CROSSSLOT/.test(error.message)));
  check("a pipeline by a hash tag", await client.pipeline().set("{io}p", "x").get("{io}p").exec(), [[null, "OK"], [null, "x"]]);
  check("a transaction", await client.multi().set("{io}t", "1").incr("{io}t").exec(), [[null, "OK"], [null, 2]]);
  check("ttl", [await client.set("io:ttl", "1", "EX", 100), (await client.ttl("io:ttl")) > 97], ["OK", true]);
  check("del", await client.del("{io}a", "{io}none"), 1);
  const sizes = await Promise.all(client.nodes("master").map((node) => node.dbsize()));
  check("dbsize of all", sizes.reduce((sum, size) => sum + size), 300 + 4);

  const listener = new Redis.Cluster([{ host: "127.0.0.1", port: ports[0] }]);
  const heard = new Promise((resolve) => listener.on("message", (channel, message) => resolve([channel, message])));
  check("subscribe", await listener.subscribe("io:channel"), 1);
  await client.publish("io:channel", "hello");
  check("a message of another connection", await heard, ["io:channel", "hello"]);
  await listener.quit();

  check("set again", await all((name) => client.set(name, `${name} again`)), names.map(() => "OK"));
  process.kill(Number(process.env.KILL_PID), "SIGKILL");
  check("what was acknowledged is there", await all((name) => client.get(name)), names.map((name) => `${name} again`));
  check("writes go on", await all((name) => client.incr(`${name}:count`)), names.map(() => 1));
  check("reads go on", await all((name) => client.get(`${name}:count`)), names.map(() => "1"));
  await client.quit();
});
