// Tour of ioredis: every family through the package's own methods, then 500 connections.

const Redis = require("ioredis");
const { assert, equal, rejects, runAll, test, until } = require("./support.cjs");

const PROTOCOL = Number(process.env.PROTOCOL);
const OPTIONS = { port: Number(process.env.PORT), password: process.env.PASSWORD, protocol: PROTOCOL };
const CROWD = 500;
const connect = (options = {}) => new Redis({ ...OPTIONS, ...options });
const r = connect();
/** Some replies are maps under RESP3 and flat arrays under RESP2: pairs in either case. */
const pairs = (reply) => (Array.isArray(reply) ? reply : Object.entries(reply).flat());

test("connection", async () => {
  const named = connect({ connectionName: "tour", db: 2 });
  equal(await named.ping(), "PONG");
  equal(await named.client("GETNAME"), "tour");
  const info = await named.client("INFO");
  assert.match(info, / db=2 /);
  assert.match(info, new RegExp(` resp=${PROTOCOL}`));
  equal(await named.client("SETINFO", "LIB-NAME", "tour"), "OK");
  equal(await named.echo("hi"), "hi");
  named.disconnect();
  const stranger = connect({ password: "wrong", retryStrategy: null });
  stranger.on("error", () => {});
  await rejects(stranger.get("x"), /./);
  stranger.disconnect();
});

test("strings and bits", async () => {
  equal(await r.set("s", "v", "EX", 100, "NX"), "OK");
  equal(await r.set("s", "w", "NX"), null);
  equal(await r.getset("s", "w"), "v");
  equal(await r.mset({ a: 1, b: 2 }), "OK");
  equal(await r.mget("a", "none", "b"), ["1", null, "2"]);
  equal([await r.incrby("a", 9), await r.decr("a"), await r.incrbyfloat("a", 0.25)].map(String), ["10", "9", "9.25"]);
  equal([await r.append("s", "!"), await r.getrange("s", 0, 0), await r.strlen("s")], [2, "w", 2]);
  equal([await r.setbit("bit", 3, 1), await r.bitcount("bit"), await r.bitpos("bit", 1)], [0, 1, 3]);
  equal(await r.bitfield("f", "SET", "u8", 0, 200, "OVERFLOW", "SAT", "INCRBY", "u8", 0, 100), [0, 255]);
  equal([await r.getdel("b"), await r.exists("b")], ["2", 0]);
});

test("lists", async () => {
  equal(await r.rpush("l", "a", "b", "c"), 3);
  equal(await r.lrange("l", 0, -1), ["a", "b", "c"]);
  equal([await r.lpos("l", "c"), await r.linsert("l", "AFTER", "a", "x"), await r.lrem("l", 1, "b")], [2, 4, 1]);
  equal(await r.lmove("l", "m", "RIGHT", "LEFT"), "c");
  equal(await r.lmpop(1, "l", "LEFT", "COUNT", 5), ["l", ["a", "x"]]);
  equal(await r.exists("l"), 0);
});

test("hashes", async () => {
  equal(await r.hset("h", { a: 1, b: "two" }), 2);
  equal(await r.hgetall("h"), { a: "1", b: "two" });
  equal([await r.hincrby("h", "a", 2), await r.hmget("h", "a", "none"), await r.hdel("h", "a")], [3, ["3", null], 1]);
  equal(await r.hscan("h", 0), ["0", ["b", "two"]]);
});

test("sets", async () => {
  equal([await r.sadd("s", 1, 2, 3), await r.sadd("t", 3, 4)], [3, 2]);
  equal([await r.sinter("s", "t"), await r.scard("s")], [["3"], 3]);
  equal((await r.sunion("s", "t")).sort(), ["1", "2", "3", "4"]);
  equal(await r.smismember("s", 1, 9), [1, 0]);
  assert.ok(["3", "4"].includes(await r.spop("t")));
});

test("sorted sets", async () => {
  equal(await r.zadd("z", 1, "a", 2.5, "b", "+inf", "c"), 3);
  equal(await r.zrange("z", 0, -1), ["a", "b", "c"]);
  equal(await r.zrangebyscore("z", "(1", 3), ["b"]);
  equal(Number(await r.zscore("z", "b")), 2.5);
  equal([await r.zrank("z", "c"), await r.zcount("z", 0, 3), await r.zrem("z", "c")], [2, 2, 1]);
  equal((await r.zpopmax("z")).flat().map(String), ["b", "2.5"]);
});

test("streams", async () => {
  const first = await r.xadd("x", "*", "f", "1");
  const second = await r.xadd("x", "MAXLEN", "~", 1000, "*", "f", "2");
  equal(await r.xrange("x", "-", "+"), [[first, ["f", "1"]], [second, ["f", "2"]]]);
  equal(await r.xgroup("CREATE", "x", "g", "0"), "OK");
  equal(pairs(await r.xreadgroup("GROUP", "g", "c", "COUNT", 1, "STREAMS", "x", ">")).flat(), ["x", [[first, ["f", "1"]]]]);
  equal((await r.xpending("x", "g"))[0], 1);
  equal([await r.xack("x", "g", first), await r.xlen("x"), await r.xdel("x", first)], [1, 2, 1]);
  assert.ok(pairs(await r.xinfo("STREAM", "x")).includes(second));
});

test("keys and scan streams", async () => {
  await r.mset(Object.fromEntries(Array.from({ length: 1000 }, (_, n) => [`scan:${n}`, n])));
  const seen = new Set();
  for await (const keys of r.scanStream({ match: "scan:*", count: 50 })) keys.forEach((key) => seen.add(key));
  equal(seen.size, 1000);
  equal([await r.expire("scan:1", 100), await r.persist("scan:1"), await r.ttl("scan:1")], [1, 1, -1]);
  equal([await r.rename("scan:1", "one"), await r.type("one"), await r.copy("one", "two")], ["OK", "string", 1]);
  equal([await r.object("ENCODING", "one"), await r.unlink("one", "two")], ["int", 2]);
});

test("errors", async () => {
  await r.set("s", "x");
  await rejects(r.lpush("s", 1), /WRONGTYPE/);
  await rejects(r.call("NOSUCH", "x"), /unknown command/);
  await rejects(r.incr("s"), /not an integer/);
});

test("binary and large values", async () => {
  const binary = Buffer.from(Array.from({ length: 1024 }, (_, n) => n % 256));
  await r.set(binary, binary);
  assert.ok(binary.equals(await r.getBuffer(binary)));
  const large = Buffer.alloc(20 << 20, "tartan");
  await r.set("large", large);
  assert.ok(large.equals(await r.getBuffer("large")));
});

test("pipelines and transactions", async () => {
  const pipeline = r.pipeline();
  for (let n = 0; n < 5000; n++) pipeline.set(`p:${n}`, n).incr("total");
  const replies = await pipeline.exec();
  equal([replies.length, replies.at(-1)], [10000, [null, 5000]]);
  equal(await r.multi().set("a", 1).incr("a").exec(), [[null, "OK"], [null, 2]]);
  const watcher = connect();
  await watcher.watch("a");
  await r.set("a", 9);
  equal(await watcher.multi().set("a", 1).exec(), null);
  watcher.disconnect();
});

test("blocking", async () => {
  const blocked = connect();
  const cases = [
    [() => blocked.blpop("bl", "bl2", 60), () => r.rpush("bl2", "x"), ["bl2", "x"]],
    [() => blocked.blmove("bm", "to", "LEFT", "RIGHT", 60), () => r.rpush("bm", "x"), "x"],
    [() => blocked.bzpopmin("bz", 60), () => r.zadd("bz", 1, "x"), ["bz", "x", "1"]],
  ];
  for (const [wait, wake, expected] of cases) {
    const waiting = wait();
    await until(async () => String(await r.info("clients")).includes("blocked_clients:1\r"));
    await wake();
    const reply = await waiting;
    equal(Array.isArray(reply) ? reply.map(String) : reply, expected);
  }
  const waiting = blocked.xread("BLOCK", 60000, "STREAMS", "bx", "$");
  await until(async () => String(await r.info("clients")).includes("blocked_clients:1\r"));
  const id = await r.xadd("bx", "*", "f", "v");
  equal(pairs(await waiting).flat(), ["bx", [[id, ["f", "v"]]]]);
  equal(await blocked.blpop("none", 0.1), null);
  blocked.disconnect();
});

test("publish and subscribe", async () => {
  const ear = connect();
  const heard = [];
  ear.on("message", (channel, text) => heard.push(`${channel}=${text}`));
  ear.on("pmessage", (pattern, channel, text) => heard.push(`${pattern}:${channel}=${text}`));
  ear.on("smessage", (channel, text) => heard.push(`shard ${channel}=${text}`));
  await ear.subscribe("news", "more");
  await ear.psubscribe("n?ws");
  await ear.ssubscribe("shard");
  equal(await r.publish("news", "hi"), 2);
  equal(await r.spublish("shard", "ho"), 1);
  await until(() => heard.length === 3);
  equal(heard.sort(), ["n?ws:news=hi", "news=hi", "shard shard=ho"]);
  equal((await r.pubsub("CHANNELS")).sort(), ["more", "news"]);
  // Without names the package waits until no pattern is left either.
  await ear.unsubscribe("news", "more");
  await ear.punsubscribe("n?ws");
  ear.disconnect();
});

async function crowd(work) {
  const clients = Array.from({ length: CROWD }, () => connect());
  try {
    await Promise.all(clients.map((c) => c.ping()));
    await work(clients);
  } finally {
    clients.forEach((c) => c.disconnect());
  }
}

test("500 connections: BLPOP serves each element once", () =>
  crowd(async (clients) => {
    const waiting = clients.map((c) => c.blpop("q1", "q2", 120));
    await until(async () => (await r.info("clients")).includes(`blocked_clients:${CROWD}`));
    await Promise.all(clients.map((_, n) => r.rpush(`q${1 + (n % 2)}`, n)));
    const served = (await Promise.all(waiting)).map(([, value]) => Number(value)).sort((a, b) => a - b);
    equal(served, clients.map((_, n) => n));
  }));

test("500 connections: everyone hears every message in order", () =>
  crowd(async (clients) => {
    const heard = clients.map(() => []);
    clients.forEach((c, n) => c.on("message", (_, text) => heard[n].push(Number(text))));
    await Promise.all(clients.map((c) => c.subscribe("crowd")));
    for (let n = 0; n < 20; n++) equal(await r.publish("crowd", n), CROWD);
    await until(() => heard.every((messages) => messages.length === 20));
    heard.forEach((messages) => equal(messages, Array.from({ length: 20 }, (_, n) => n)));
  }));

test("500 connections: WATCH loses no increment", () =>
  crowd(async (clients) => {
    const count = async (c, key) => {
      for (;;) {
        await c.watch(key);
        const value = Number(await c.get(key));
        if (await c.multi().set(key, value + 1).exec()) return;
      }
    };
    await Promise.all(clients.map((c, n) => count(c, `counter:${n % 20}`)));
    const values = await r.mget(Array.from({ length: 20 }, (_, n) => `counter:${n}`));
    equal(values.map(Number).reduce((a, b) => a + b), CROWD);
  }));

runAll(() => r.flushall());
