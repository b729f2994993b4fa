// ioredis, unmodified, listening: a connection that subscribes, and one that works.
const Redis = require("ioredis");
const { check, run, host, port } = require("./check.cjs");

run(async () => {
  const listener = new Redis({ host, port });
  const client = new Redis({ host, port });
  const heard = [];
  const waiting = [];
  const hear = (...message) => (waiting.length > 0 ? waiting.shift()(message) : heard.push(message));
  const next = () => new Promise((resolve) => (heard.length > 0 ? resolve(heard.shift()) : waiting.push(resolve)));
  listener.on("message", (channel, message) => hear("message", channel, message));
  listener.on("pmessage", (pattern, channel, message) => hear(pattern, channel, message));
  check("subscribe", await listener.subscribe("news", "more"), 2);
  check("psubscribe", await listener.psubscribe("n*"), 3);
  check("publish", await client.publish("news", "hello"), 2);
  const both = [await next(), await next()].sort();
  check("a message and one of the pattern", both, [["message", "news", "hello"], ["n*", "news", "hello"]].sort());
  check("other commands are refused meanwhile", await listener.get("x").catch((e) => /subscriber mode/.test(e.message)));
  check("unsubscribe", await listener.unsubscribe("news"), 2);
  await client.config("SET", "notify-keyspace-events", "Kg$");
  await listener.subscribe("__keyspace@0__:io:note");
  await client.set("io:note", "1");
  check("set is told", await next(), ["message", "__keyspace@0__:io:note", "set"]);
  await client.del("io:note");
  check("del is told", await next(), ["message", "__keyspace@0__:io:note", "del"]);
  await client.config("SET", "notify-keyspace-events", "");
  if (process.env.OWN_CHANNELS === "1") {
    await listener.subscribe("__clearwell__:key:io:a");
    await client.call("CW.INVALIDATE", "KEYS", "1", "io:a");
    const [, channel, message] = await next();
    check("an invalidation is told", [channel, JSON.parse(message).name], ["__clearwell__:key:io:a", "io:a"]);
  }
  await listener.unsubscribe("more", "__keyspace@0__:io:note", "__clearwell__:key:io:a");
  await listener.punsubscribe("n*");
  check("what it unsubscribed from is quiet", await client.publish("news", "x"), 0);
  check("a connection that listens no longer works as any", await listener.set("io:after", "1"), "OK");
  check("quit", [await client.quit(), await listener.quit()], ["OK", "OK"]);
});
