// node-redis, unmodified, doing a cache's work over both protocol versions.
const { createClient } = require("redis");
const { check, run, host, port } = require("./check.cjs");

async function cacheWork(RESP) {
  console.log(`node-redis, RESP${RESP}`);
  const options = { socket: { host, port, reconnectStrategy: false }, RESP, name: "nr" };
  const client = await createClient(options).connect();
  const other = await createClient(options).connect();
  await client.flushAll();
  check("ping", await client.ping(), "PONG");
  check("set", await client.set("nr:a", "1", { EX: 100 }), "OK");
  check("get", await client.get("nr:a"), "1");
  check("get of a missing key", await client.get("nr:none"), null);
  check("ttl", (await client.ttl("nr:a")) > 98);
  check("set nx", await client.set("nr:a", "2", { NX: true }), null);
  check("mget", [await client.mSet({ "nr:b": "2", "nr:c": "3" }), await client.mGet(["nr:b", "nr:none", "nr:c"])],
    ["OK", ["2", null, "3"]]);
  check("commands sent at once", await Promise.all(Array.from({ length: 500 }, () => client.incr("nr:many"))),
    Array.from({ length: 500 }, (_, i) => i + 1));
  check("multi", await client.multi().set("nr:t", "1").incr("nr:t").exec(), ["OK", 2]);
  await client.watch("nr:w");
  await other.set("nr:w", "theirs");
  const aborted = await client.multi().set("nr:w", "ours").exec().then(() => "went through", (e) => e.constructor.name);
  check("watch", [aborted, await client.get("nr:w")], ["WatchError", "theirs"]);
  const names = Array.from({ length: 100 }, (_, i) => `nr:scan:${i}`);
  await client.mSet(names.flatMap((name) => [name, "x"]));
  const found = new Set();
  for await (const keys of client.scanIterator({ MATCH: "nr:scan:*", COUNT: 17 })) keys.forEach((k) => found.add(k));
  check("scanIterator", found, new Set(names));
  check("del", await client.del(["nr:a", "nr:b", "nr:none"]), 2);
  check("expire and persist", [await client.expire("nr:c", 50), await client.persist("nr:c")], [1, 1]);
  check("an error is rejected", await client.sendCommand(["NOSUCH"]).catch((e) => /unknown command/.test(e.message)));
  check("client getname", await client.clientGetName(), "nr");
  check("client id", (await client.clientId()) > 0);
  check("info", /redis_mode:standalone/.test(await client.info()));
  await Promise.all([client.close(), other.close()]);
}

run(async () => {
  await cacheWork(2);
  await cacheWork(3);
});
