// Tour of node-redis: every family through the package's own methods, then 500 connections.

const { createClient, RESP_TYPES } = require("redis");
const { assert, equal, rejects, runAll, test, until } = require("./support.cjs");

const RESP = Number(process.env.PROTOCOL);
const CROWD = 500;
const clients = [];
let r;

async function connect(options = {}) {
  const client = createClient({ socket: { port: Number(process.env.PORT) }, password: process.env.PASSWORD, RESP, ...options });
  client.on("error", () => {});
  clients.push(client);
  return client.connect();
}

test("connection", async () => {
  const named = await connect({ name: "tour", database: 4 });
  equal(await named.ping(), "PONG");
  equal(await named.clientGetName(), "tour");
  const info = await named.sendCommand(["CLIENT", "INFO"]);
  assert.match(String(info), / db=4 /);
  assert.match(String(info), new RegExp(` resp=${RESP}`));
  equal(await named.echo("hi"), "hi");
  named.destroy();
  await rejects(connect({ password: "wrong", socket: { port: Number(process.env.PORT), reconnectStrategy: false } }), /./);
});

test("strings and bits", async () => {
  equal(await r.set("s", "v", { EX: 100, NX: true }), "OK");
  equal(await r.set("s", "w", { NX: true }), null);
  equal(await r.set("s", "w", { GET: true, KEEPTTL: true }), "v");
  equal(await r.mSet({ a: "1", b: "2" }), "OK");
  equal(await r.mGet(["a", "none", "b"]), ["1", null, "2"]);
  equal([await r.incrBy("a", 9), await r.decr("a"), String(await r.incrByFloat("a", 0.25))], [10, 9, "9.25"]);
  equal([await r.append("s", "!"), await r.getRange("s", 0, 0), await r.strLen("s")], [2, "w", 2]);
  equal([await r.setBit("bit", 3, 1), await r.bitCount("bit"), await r.bitPos("bit", 1)], [0, 1, 3]);
  equal([await r.getDel("b"), await r.exists("b"), await r.getEx("s", { type: "PERSIST" })], ["2", 0, "w!"]);
});

test("lists", async () => {
  equal(await r.rPush("l", ["a", "b", "c"]), 3);
  equal(await r.lRange("l", 0, -1), ["a", "b", "c"]);
  equal([await r.lPos("l", "c"), await r.lInsert("l", "AFTER", "a", "x"), await r.lRem("l", 1, "b")], [2, 4, 1]);
  equal(await r.lMove("l", "m", "RIGHT", "LEFT"), "c");
  equal(await r.lPopCount("l", 5), ["a", "x"]);
  equal(await r.exists("l"), 0);
});

test("hashes", async () => {
  equal(await r.hSet("h", { a: "1", b: "two" }), 2);
  equal(await r.hGetAll("h"), { a: "1", b: "two" });
  equal([await r.hIncrBy("h", "a", 2), await r.hmGet("h", ["a", "none"]), await r.hDel("h", "a")], [3, ["3", null], 1]);
  const seen = [];
  for await (const page of r.hScanIterator("h")) seen.push(...[page].flat());
  equal(seen, [{ field: "b", value: "two" }]);
});

test("sets", async () => {
  equal([await r.sAdd("s", ["1", "2", "3"]), await r.sAdd("t", ["3", "4"])], [3, 2]);
  equal([[...(await r.sInter(["s", "t"]))], await r.sCard("s")], [["3"], 3]);
  equal([...(await r.sMembers("s"))].sort(), ["1", "2", "3"]);
  equal((await r.smIsMember("s", ["1", "9"])).map(Number), [1, 0]);
});

test("sorted sets", async () => {
  equal(await r.zAdd("z", [{ score: 1, value: "a" }, { score: 2.5, value: "b" }, { score: Infinity, value: "c" }]), 3);
  equal(await r.zRangeWithScores("z", 0, -1), [
    { value: "a", score: 1 }, { value: "b", score: 2.5 }, { value: "c", score: Infinity },
  ]);
  equal([await r.zScore("z", "b"), await r.zRank("z", "c"), await r.zIncrBy("z", 1, "a")], [2.5, 2, 2]);
  equal(await r.zRangeByScore("z", "(2", "3"), ["b"]);
  equal(await r.zPopMax("z"), { value: "c", score: Infinity });
});

test("streams", async () => {
  const first = await r.xAdd("x", "*", { f: "1" });
  const second = await r.xAdd("x", "*", { f: "2" });
  equal((await r.xRange("x", "-", "+")).map((entry) => entry.id), [first, second]);
  equal(await r.xGroupCreate("x", "g", "0"), "OK");
  const read = await r.xReadGroup("g", "c", { key: "x", id: ">" }, { COUNT: 1 });
  equal(JSON.stringify(read).includes(first), true);
  equal((await r.xPending("x", "g")).pending, 1);
  equal([await r.xAck("x", "g", first), await r.xLen("x"), await r.xDel("x", first)], [1, 2, 1]);
  equal((await r.xInfoStream("x"))["last-generated-id"], second);
});

test("keys and scan iterators", async () => {
  await r.mSet(Object.fromEntries(Array.from({ length: 1000 }, (_, n) => [`scan:${n}`, String(n)])));
  const seen = new Set();
  for await (const page of r.scanIterator({ MATCH: "scan:*", COUNT: 50 })) [page].flat().forEach((key) => seen.add(key));
  equal(seen.size, 1000);
  equal([await r.expire("scan:1", 100), await r.persist("scan:1"), await r.ttl("scan:1")].map(Number), [1, 1, -1]);
  equal([await r.rename("scan:1", "one"), await r.type("one"), Number(await r.copy("one", "two"))], ["OK", "string", 1]);
  equal([await r.objectEncoding("one"), await r.unlink(["one", "two"])], ["int", 2]);
});

test("errors", async () => {
  await r.set("s", "x");
  await rejects(r.lPush("s", "1"), /WRONGTYPE/);
  await rejects(r.sendCommand(["NOSUCH", "x"]), /unknown command/);
  await rejects(r.incr("s"), /not an integer/);
});

test("binary and large values", async () => {
  const buffers = r.withTypeMapping({ [RESP_TYPES.BLOB_STRING]: Buffer });
  const binary = Buffer.from(Array.from({ length: 1024 }, (_, n) => n % 256));
  await r.set(binary, binary);
  assert.ok(binary.equals(await buffers.get(binary)));
  const large = Buffer.alloc(20 << 20, "tartan");
  await r.set("large", large);
  assert.ok(large.equals(await buffers.get("large")));
});

test("pipelines and transactions", async () => {
  const replies = await Promise.all(Array.from({ length: 5000 }, () => r.incr("total")));
  equal(replies, Array.from({ length: 5000 }, (_, n) => n + 1));
  equal(await r.multi().set("a", "1").incr("a").exec(), ["OK", 2]);
  const watcher = await connect();
  await watcher.watch("a");
  await r.set("a", "9");
  await rejects(watcher.multi().set("a", "1").exec(), (error) => error.constructor.name === "WatchError");
  watcher.destroy();
});

test("blocking", async () => {
  const blocked = await connect();
  const cases = [
    [() => blocked.blPop(["bl", "bl2"], 60), () => r.rPush("bl2", "x"), { key: "bl2", element: "x" }],
    [() => blocked.blMove("bm", "to", "LEFT", "RIGHT", 60), () => r.rPush("bm", "x"), "x"],
    [() => blocked.bzPopMin("bz", 60), () => r.zAdd("bz", { score: 1, value: "x" }), { key: "bz", value: "x", score: 1 }],
  ];
  for (const [wait, wake, expected] of cases) {
    const waiting = wait();
    await until(async () => String(await r.info("clients")).includes("blocked_clients:1\r"));
    await wake();
    equal(await waiting, expected);
  }
  const waiting = blocked.xRead({ key: "bx", id: "$" }, { BLOCK: 60000 });
  await until(async () => String(await r.info("clients")).includes("blocked_clients:1\r"));
  const id = await r.xAdd("bx", "*", { f: "v" });
  assert.ok(JSON.stringify(await waiting).includes(id));
  equal(await blocked.blPop("none", 0.1), null);
  blocked.destroy();
});

test("publish and subscribe", async () => {
  const ear = await connect();
  const heard = [];
  await ear.subscribe("news", (text, channel) => heard.push(`${channel}=${text}`));
  await ear.pSubscribe("n?ws", (text, channel) => heard.push(`pattern ${channel}=${text}`));
  await ear.sSubscribe("shard", (text, channel) => heard.push(`shard ${channel}=${text}`));
  equal(await r.publish("news", "hi"), 2);
  equal(await r.sPublish("shard", "ho"), 1);
  await until(() => heard.length === 3);
  equal(heard.sort(), ["news=hi", "pattern news=hi", "shard shard=ho"]);
  equal(await r.pubSubChannels(), ["news"]);
  await ear.unsubscribe();
  await ear.pUnsubscribe();
  ear.destroy();
});

async function crowd(work) {
  const many = await Promise.all(Array.from({ length: CROWD }, () => connect()));
  try {
    await work(many);
  } finally {
    many.forEach((client) => client.destroy());
  }
}

test("500 connections: BLPOP serves each element once", () =>
  crowd(async (many) => {
    const waiting = many.map((c) => c.blPop(["q1", "q2"], 120));
    await until(async () => String(await r.info("clients")).includes(`blocked_clients:${CROWD}`));
    await Promise.all(many.map((_, n) => r.rPush(`q${1 + (n % 2)}`, String(n))));
    const served = (await Promise.all(waiting)).map(({ element }) => Number(element)).sort((a, b) => a - b);
    equal(served, many.map((_, n) => n));
  }));

test("500 connections: everyone hears every message in order", () =>
  crowd(async (many) => {
    const heard = many.map(() => []);
    await Promise.all(many.map((c, n) => c.subscribe("crowd", (text) => heard[n].push(Number(text)))));
    for (let n = 0; n < 20; n++) equal(await r.publish("crowd", String(n)), CROWD);
    await until(() => heard.every((messages) => messages.length === 20));
    heard.forEach((messages) => equal(messages, Array.from({ length: 20 }, (_, n) => n)));
  }));

test("500 connections: WATCH loses no increment", () =>
  crowd(async (many) => {
    const count = async (c, key) => {
      for (;;) {
        await c.watch(key);
        const value = Number(await c.get(key));
        const done = await c.multi().set(key, String(value + 1)).exec().catch((error) => {
          if (error.constructor.name !== "WatchError") throw error;
        });
        if (done) return;
      }
    };
    await Promise.all(many.map((c, n) => count(c, `counter:${n % 20}`)));
    const values = await r.mGet(Array.from({ length: 20 }, (_, n) => `counter:${n}`));
    equal(values.map(Number).reduce((a, b) => a + b), CROWD);
  }));

(async () => {
  r = await connect();
  await runAll(() => r.flushAll());
})().catch((error) => {
  console.log(`FAILED to connect: ${error.stack}`);
  process.exit(1);
});
