// ioredis, unmodified, doing a cache's work.
const Redis = require("ioredis");
const { check, run, host, port } = require("./check.cjs");

async function scanned(client, match) {
  const found = new Set();
  for await (const keys of client.scanStream({ match, count: 17 })) keys.forEach((key) => found.add(key));
  return found;
}

run(async () => {
  const client = new Redis({ host, port, connectionName: "io", maxRetriesPerRequest: 2 });
  const other = new Redis({ host, port });
  await client.flushall();
  check("the ready check passed", client.status, "ready");
  check("set", await client.set("io:a", "1", "EX", 100), "OK");
  check("get", await client.get("io:a"), "1");
  check("getBuffer", await client.getBuffer("io:a"), Buffer.from("1"));
  check("a binary value", [
    await client.set("io:bin", Buffer.from([0, 255, 13, 10])),
    await client.getBuffer("io:bin"),
  ], ["OK", Buffer.from([0, 255, 13, 10])]);
  check("get of a missing key", await client.get("io:none"), null);
  check("ttl", (await client.ttl("io:a")) > 98);
  check("set nx", await client.set("io:a", "2", "NX"), null);
  check("mset and mget", [await client.mset("io:b", "2", "io:c", "3"), await client.mget("io:b", "io:none", "io:c")],
    ["OK", ["2", null, "3"]]);
  check("incr", await client.incr("io:n"), 1);
  check("commands sent at once", await Promise.all(Array.from({ length: 500 }, (_, i) => client.incr("io:many"))),
    Array.from({ length: 500 }, (_, i) => i + 1));
  check("pipeline", await client.pipeline().set("io:p", "x").get("io:p").exec(), [[null, "OK"], [null, "x"]]);
  check("multi", await client.multi().set("io:t", "1").incr("io:t").exec(), [[null, "OK"], [null, 2]]);
  await client.watch("io:w");
  await other.set("io:w", "theirs");
  check("watch", await client.multi().set("io:w", "ours").exec(), null);
  const names = Array.from({ length: 100 }, (_, i) => `io:scan:${i}`);
  await client.mset(...names.flatMap((name) => [name, "x"]));
  check("scanStream", await scanned(client, "io:scan:*"), new Set(names));
  check("del", await client.del("io:a", "io:b", "io:none"), 2);
  check("an error is rejected", await client.call("NOSUCH").catch((e) => /unknown command/.test(e.message)));
  check("client getname", await client.client("GETNAME"), "io");
  check("info", /redis_mode:standalone/.test(await client.info()));
  check("quit", [await client.quit(), await other.quit()], ["OK", "OK"]);
});
