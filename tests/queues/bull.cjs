// Smoke test of bull and bee-queue, the older queues of Node.

const Bee = require("bee-queue");
const Bull = require("bull");
const Redis = require("ioredis");
const { assert, equal, runAll, sleep, test, until } = require("../clients/support.cjs");

const PORT = Number(process.env.PORT);
const r = new Redis({ port: PORT });
const bull = (name, options = {}) => new Bull(name, { redis: { port: PORT }, ...options });
const bee = (name, options = {}) => new Bee(name, { redis: { port: PORT }, ...options });
const numbers = (count) => Array.from({ length: count }, (_, n) => n);
const sorted = (list) => [...list].sort((a, b) => a - b);

test("bull: add, bulk, process at concurrency 20", async () => {
  const q = bull("many");
  const seen = [];
  await q.addBulk(numbers(300).map((n) => ({ data: { n } })));
  for (const n of [300, 301]) await q.add({ n });
  q.process(20, async (job) => void seen.push(job.data.n));
  await until(async () => (await q.getCompletedCount()) === 302);
  equal(sorted(seen), numbers(302));
  equal(await q.getJobCounts(), { waiting: 0, active: 0, completed: 302, failed: 0, delayed: 0, paused: 0 });
  await q.close();
});

test("bull: priorities, delays, retries, pause", async () => {
  const q = bull("kinds");
  const seen = [];
  await q.pause();
  await q.add({ name: "later" }, { delay: 400 });
  await q.add({ name: "low" }, { priority: 10 });
  await q.add({ name: "high" }, { priority: 1 });
  const flaky = await q.add({ name: "flaky" }, { attempts: 3, backoff: 50, priority: 20 });
  q.process(async (job) => {
    seen.push(job.data.name);
    if (job.data.name === "flaky" && job.attemptsMade < 2) throw new Error("on purpose");
    return "result";
  });
  await sleep(100);
  equal(seen, []);
  await q.resume();
  equal(await flaky.finished(), "result");
  await until(() => seen.includes("later"));
  equal(seen.slice(0, 2), ["high", "low"]);
  equal(seen.filter((name) => name === "flaky").length, 3);
  await q.close();
});

test("bull: repeatable jobs, rate limit, events", async () => {
  const q = bull("repeat", { limiter: { max: 3, duration: 300 } });
  const [seen, completed] = [[], []];
  q.on("global:completed", (id) => completed.push(id));
  q.process("tick", async () => void seen.push(Date.now()));
  await q.isReady();
  await q.add("tick", {}, { repeat: { every: 150, limit: 3 } });
  await until(() => seen.length === 3 && completed.length === 3);
  equal((await q.getRepeatableJobs()).length <= 1, true);
  await q.obliterate({ force: true });
  await q.close();
  equal(await r.keys("bull:repeat:*"), []);
});

test("bull: a stalled job is taken over", async () => {
  const settings = { lockDuration: 400, lockRenewTime: 100000, stalledInterval: 200, maxStalledCount: 5 };
  const [first, second] = [bull("stall", { settings }), bull("stall", { settings })];
  let [held, done] = [0, 0];
  first.process(() => new Promise(() => void held++));
  await first.isReady();
  await first.add({});
  await until(() => held === 1);
  await first.close(true, true).catch(() => {});
  second.process(async () => void done++);
  await until(() => done === 1);
  await second.close();
});

test("bee-queue: jobs, retries, delays, events", async () => {
  const q = bee("bee", { activateDelayedJobs: true, isWorker: true });
  const seen = [];
  q.process(10, async (job) => {
    seen.push(job.data.n);
    if (job.data.n === 7 && job.options.retries > 0) throw new Error("on purpose");
    return job.data.n * 2;
  });
  await q.saveAll(numbers(100).map((n) => q.createJob({ n }).retries(n === 7 ? 2 : 0)));
  const due = Date.now() + 300;
  const late = await q.createJob({ n: 100 }).delayUntil(due).save();
  const result = await new Promise((resolve, reject) => late.on("succeeded", resolve).on("failed", reject));
  equal(result, 200);
  assert(Date.now() >= due, "early");
  await until(async () => (await q.checkHealth()).succeeded === 101);
  equal(sorted(new Set(seen)), numbers(101));
  equal(seen.filter((n) => n === 7).length, 3);
  await q.close();
});

runAll(() => r.flushall());
