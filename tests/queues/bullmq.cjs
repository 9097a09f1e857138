// Tour of BullMQ: what its users do with queues, workers, flows, schedulers and events.
// DRIVER chooses the client under it (ioredis or node-redis), PACKAGE the release (bullmq or bullmq5).

const { fork } = require("node:child_process");
const Redis = require("ioredis");
const { DRIVER, PACKAGE, PORT, assert, checkQuiet, closeAll, equal, events, flows, library, queue, rejects, runAll, sleep,
  test, until, worker } = require("./bull_support.cjs"); // prettier-ignore

const CONCURRENCY = 50;
const BULK = 1000;
const r = new Redis({ port: PORT, maxRetriesPerRequest: null });
/** Jobs by name, in the order in which `work` gets them. */
const names = (seen) => async (job) => void seen.push(job.name);
const sorted = (list) => [...list].sort((a, b) => a - b);

/** A stop that closes what it opened and may have printed nothing. */
function stop(name, run) {
  test(name, async () => {
    try {
      await run();
    } finally {
      await closeAll();
    }
    checkQuiet();
  });
}

stop("add and read back", async () => {
  const q = queue("add");
  const data = { text: "naïve ☃\u0000", number: -1.5e-7, big: 2 ** 53 - 1, nested: [null, true, { a: [] }] };
  const job = await q.add("first", data);
  equal(job.id, "1");
  equal((await q.getJob("1")).data, data);
  equal(await job.getState(), "waiting");
  equal((await q.add("named", {}, { jobId: "own-id" })).id, "own-id");
  await q.add("named again", {}, { jobId: "own-id" });
  equal((await q.getJob("own-id")).name, "named");
  equal(await q.getWaitingCount(), 2);
  await job.updateData({ changed: true });
  equal((await q.getJob("1")).data, { changed: true });
  await job.log("a line");
  await job.log("another");
  equal((await q.getJobLogs("1")).logs, ["a line", "another"]);
  await job.remove();
  equal(await q.getJob("1"), undefined);
  equal(await job.getState(), "unknown");
});

stop(`bulk add, concurrency ${CONCURRENCY}`, async () => {
  const q = queue("bulk");
  const jobs = Array.from({ length: BULK }, (_, n) => ({ name: "job", data: { n } }));
  equal(new Set((await q.addBulk(jobs)).map((job) => job.id)).size, BULK);
  equal(await q.count(), BULK);
  const seen = [];
  let active = 0;
  let most = 0;
  const work = async (job) => {
    most = Math.max(most, ++active);
    await sleep(5);
    active--;
    seen.push(job.data.n);
    return job.data.n * 2;
  };
  await worker("bulk", work, { concurrency: CONCURRENCY });
  await until(async () => (await q.getCompletedCount()) === BULK);
  equal(sorted(seen), Array.from({ length: BULK }, (_, n) => n), "each once");
  equal(most, CONCURRENCY, "at once");
  equal((await q.getCompleted(0, 4)).map((job) => job.returnvalue === job.data.n * 2), Array(5).fill(true));
});

stop("several workers share one queue", async () => {
  const q = queue("shared");
  const seen = [];
  const work = async (job) => void seen.push(Number(job.id));
  for (let n = 0; n < 5; n++) await worker("shared", work, { concurrency: 10, name: `w${n}` });
  await Promise.all(Array.from({ length: 300 }, () => q.add("job", {})));
  await until(() => seen.length >= 300);
  equal(sorted(seen), Array.from({ length: 300 }, (_, n) => n + 1));
  equal(await q.getWorkersCount(), 5);
  equal((await q.getWorkers()).map((w) => w.rawname.split(":").pop()).sort(), ["w0", "w1", "w2", "w3", "w4"]);
});

stop("an idle worker is woken at once", async () => {
  const q = queue("idle");
  const seen = [];
  await worker("idle", async () => void seen.push(Date.now()), { drainDelay: 10 });
  const delays = [];
  for (let round = 0; round < 4; round++) {
    await sleep(round * 200);
    const added = Date.now();
    await q.add("job", {});
    await until(() => seen.length > round);
    delays.push(seen[round] - added);
  }
  assert(Math.min(...delays) < 1000, `woken after ${delays} ms`);
});

stop("delayed jobs", async () => {
  const q = queue("delayed");
  const seen = [];
  const work = async (job) => void seen.push({ name: job.name, late: Date.now() - job.timestamp - job.data.delay });
  await worker("delayed", work);
  for (const delay of [900, 300, 600]) await q.add(`after ${delay}`, { delay }, { delay });
  const far = await q.add("far", { delay: 0 }, { delay: 3600000 });
  const moved = await q.add("moved", { delay: 0 }, { delay: 3600000 });
  equal([await far.getState(), await moved.getState()], ["delayed", "delayed"]);
  await until(() => seen.length === 3);
  equal(seen.map((job) => job.name), ["after 300", "after 600", "after 900"]);
  assert(seen.every((job) => job.late >= -5), `too early: ${JSON.stringify(seen)}`);
  await far.promote();
  await moved.changeDelay(50);
  await until(() => seen.length === 5);
  equal(await q.getDelayedCount(), 0);
});

stop("priorities and lifo", async () => {
  const q = queue("priority");
  const seen = [];
  for (const priority of [5, 1, 3, 2 ** 21 - 1]) await q.add(`p${priority}`, {}, { priority });
  await q.add("p3 later", {}, { priority: 3 });
  await q.add("none", {});
  await q.add("last in", {}, { lifo: true });
  const raised = await q.add("raised", {}, { priority: 100 });
  equal(await q.getPrioritizedCount(), 6);
  equal(await q.getCountsPerPriority([0, 1, 3, 100]), { 0: 2, 1: 1, 3: 2, 100: 1 });
  await raised.changePriority({ priority: 2 });
  await worker("priority", names(seen));
  await until(() => seen.length === 8);
  equal(seen, ["last in", "none", "p1", "raised", "p3", "p3 later", "p5", "p2097151"]);
});

stop("job schedulers", async () => {
  const q = queue("scheduler");
  const seen = { every: [], cron: [], limited: [] };
  await worker("scheduler", async (job) => void seen[job.name].push(Date.now()));
  await q.upsertJobScheduler("e", { every: 200 }, { name: "every", data: { a: 1 } });
  await q.upsertJobScheduler("c", { pattern: "* * * * * *" }, { name: "cron" });
  await q.upsertJobScheduler("l", { every: 100, limit: 2 }, { name: "limited" });
  equal((await q.getJobSchedulers()).map((s) => s.key).sort(), ["c", "e", "l"]);
  equal((await q.getJobScheduler("e")).template.data, { a: 1 });
  await until(() => seen.every.length >= 4 && seen.cron.length >= 2);
  await until(() => seen.limited.length === 2);
  await q.upsertJobScheduler("e", { every: 3600000 }, { name: "every" });
  equal(await q.removeJobScheduler("c"), true);
  equal(await q.removeJobScheduler("c"), false);
  await sleep(300);
  const before = [seen.every.length, seen.cron.length, seen.limited.length];
  await sleep(1500);
  equal([seen.every.length, seen.cron.length, seen.limited.length], before, "changed and removed ones run no more");
});

if (PACKAGE === "bullmq5") {
  stop("repeatable jobs", async () => {
    const q = queue("repeat");
    const seen = [];
    await worker("repeat", names(seen));
    await q.add("often", {}, { repeat: { every: 150, limit: 3 } });
    await q.add("cron", {}, { repeat: { pattern: "* * * * * *" } });
    equal((await q.getRepeatableJobs()).length, 2);
    await until(() => seen.filter((name) => name === "often").length === 3 && seen.includes("cron"));
    equal(await q.removeRepeatable("cron", { pattern: "* * * * * *" }), true);
    equal((await q.getRepeatableJobs()).filter((job) => job.name === "cron"), []);
  });
}

stop("flows of parents and children", async () => {
  const [parents, children] = [queue("parents"), queue("children")];
  const flow = await flows().add({
    name: "root", queueName: "parents", children: [
      { name: "one", queueName: "children", data: { n: 1 } },
      { name: "two", queueName: "children", data: { n: 2 }, children: [{ name: "deep", queueName: "children", data: { n: 3 } }] },
    ],
  }); // prettier-ignore
  equal(await flow.job.getState(), "waiting-children");
  equal(await parents.getWaitingChildrenCount(), 1);
  equal((await flows().getFlow({ queueName: "parents", id: flow.job.id })).children.length, 2);
  const seen = [];
  const sum = async (job) => {
    seen.push(job.name);
    return Object.values(await job.getChildrenValues()).reduce((total, value) => total + value, job.data.n || 0);
  };
  await worker("children", sum, { concurrency: 5 });
  await worker("parents", sum);
  await until(() => flow.job.isCompleted());
  equal(seen.indexOf("root"), 3);
  assert(seen.indexOf("deep") < seen.indexOf("two"), `${seen}`);
  equal((await parents.getJob(flow.job.id)).returnvalue, 6);
  equal(await flow.job.getDependenciesCount(), { processed: 2, unprocessed: 0, ignored: 0, failed: 0 });
  equal(await children.getCompletedCount(), 3);
});

stop("flows whose children fail", async () => {
  const [parents] = [queue("parents"), queue("children")];
  const child = (opts) => [{ name: "bad", queueName: "children", opts }, { name: "good", queueName: "children" }];
  const flow = (name, opts) => flows().add({ name, queueName: "parents", children: child(opts) });
  const fails = await flow("fails", { failParentOnFailure: true });
  const ignores = await flow("ignores", { ignoreDependencyOnFailure: true });
  const removes = await flow("removes", { removeDependencyOnFailure: true });
  const bulk = await flows().addBulk([1, 2].map((n) => ({
    name: `bulk ${n}`, queueName: "parents", children: [{ name: "good", queueName: "children" }],
  }))); // prettier-ignore
  const work = async (job) => {
    if (job.name === "bad") throw new Error("on purpose");
    return job.name;
  };
  await worker("children", work);
  await worker("parents", work);
  await until(() => fails.job.isFailed());
  for (const { job } of [ignores, removes, ...bulk]) await until(() => job.isCompleted());
  assert.match((await parents.getJob(fails.job.id)).failedReason, /^child .* failed$/);
  equal(Object.values(await ignores.job.getIgnoredChildrenFailures()), ["on purpose"]);
  equal(Object.values(await removes.job.getChildrenValues()), ["good"]);
});

stop("rate limits", async () => {
  const q = queue("limited");
  const seen = [];
  await q.addBulk(Array.from({ length: 12 }, () => ({ name: "job", data: {} })));
  const started = Date.now();
  await worker("limited", async () => void seen.push(Date.now() - started), {
    concurrency: 10,
    limiter: { max: 4, duration: 700 },
  });
  await until(() => seen.length === 12);
  assert(seen[4] >= 690 && seen[8] >= 1390, `12 jobs at 4 per 700 ms came after ${seen} ms`);
});

stop("rate limits by hand", async () => {
  const q = queue("manual");
  const seen = [];
  const made = await worker("manual", async (job) => {
    if (seen.push(Date.now()) === 2) {
      await made.rateLimit(500);
      throw new library.RateLimitError();
    }
  }, { limiter: { max: 100, duration: 1000 } }); // prettier-ignore
  await q.addBulk([1, 2, 3].map((n) => ({ name: "job", data: { n } })));
  await until(async () => (await q.getCompletedCount()) === 3);
  equal(seen.length, 4, "the limited one again");
  assert(seen[2] - seen[1] >= 490, `waited ${seen[2] - seen[1]} ms`);
});

stop("global concurrency", async () => {
  const q = queue("global");
  await q.setGlobalConcurrency(2);
  equal(await q.getGlobalConcurrency(), 2);
  let [active, most, done] = [0, 0, 0];
  const work = async () => {
    most = Math.max(most, ++active);
    await sleep(20);
    active--;
    done++;
  };
  for (let n = 0; n < 3; n++) await worker("global", work, { concurrency: 10 });
  await q.addBulk(Array.from({ length: 20 }, () => ({ name: "job", data: {} })));
  await until(() => done === 20);
  assert(most <= 2, `${most} at once`);
});

stop("retries with back-off", async () => {
  const q = queue("retries");
  const tries = {};
  await worker("retries", async (job) => {
    (tries[job.name] ||= []).push(Date.now());
    if (job.name === "hopeless") throw new library.UnrecoverableError("never");
    if (job.attemptsMade < job.data.failures) throw new Error(`attempt ${job.attemptsMade}`);
    return "done";
  }, { concurrency: 5 }); // prettier-ignore
  const backoff = (type, delay) => ({ attempts: 4, backoff: { type, delay } });
  const growing = await q.add("exponential", { failures: 3 }, backoff("exponential", 100));
  const steady = await q.add("fixed", { failures: 2 }, backoff("fixed", 100));
  const lost = await q.add("lost", { failures: 9 }, { attempts: 2 });
  const hopeless = await q.add("hopeless", {}, backoff("fixed", 100));
  await until(async () => (await growing.isCompleted()) && (await steady.isCompleted()));
  await until(async () => (await lost.isFailed()) && (await hopeless.isFailed()));
  const waits = (list) => list.slice(1).map((time, at) => time - list[at]);
  const atLeast = (list, least) => list.length === least.length && list.every((wait, at) => wait >= least[at] - 10);
  assert(atLeast(waits(tries.exponential), [100, 200, 400]), `waited ${waits(tries.exponential)}`);
  assert(atLeast(waits(tries.fixed), [100, 100]), `waited ${waits(tries.fixed)}`);
  equal([tries.lost.length, tries.hopeless.length], [2, 1]);
  const failed = await q.getJob(lost.id);
  equal([failed.failedReason, failed.attemptsMade, failed.stacktrace.length], ["attempt 1", 2, 2]);
  await failed.updateData({ failures: 0 });
  await failed.retry();
  await until(() => failed.isCompleted());
  await q.retryJobs({ state: "failed" });
  await until(() => tries.hopeless.length === 2);
});

stop("stalled jobs are taken over", async () => {
  const q = queue("stalled");
  const heard = await events("stalled");
  const stalled = [];
  heard.on("stalled", ({ jobId }) => stalled.push(jobId));
  const job = await q.add("held", {});
  const holder = fork(require.resolve("./bullmq_worker.cjs"), [], {
    env: { ...process.env, QUEUES: "stalled", HOLD: "1", LOCK_MS: "600" },
    silent: true,
  });
  await until(async () => (await job.getState()) === "active");
  holder.kill("SIGKILL");
  const done = [];
  await worker("stalled", async (taken) => void done.push(taken.id), { stalledInterval: 300, lockDuration: 600 });
  await until(() => done.length === 1 && stalled.length === 1);
  equal([done, stalled], [[job.id], [job.id]]);
});

stop("jobs that stall too often fail", async () => {
  const q = queue("hopeless");
  const options = { lockDuration: 300, stalledInterval: 200, maxStalledCount: 0 };
  const job = await q.add("held", {});
  const holder = fork(require.resolve("./bullmq_worker.cjs"), [], {
    env: { ...process.env, QUEUES: "hopeless", HOLD: "1", LOCK_MS: "300" },
    silent: true,
  });
  await until(async () => (await job.getState()) === "active");
  holder.kill("SIGKILL");
  await worker("hopeless", async () => {}, options);
  await until(() => job.isFailed());
  equal((await q.getJob(job.id)).failedReason, "job stalled more than allowable limit");
});

stop("long jobs keep their locks", async () => {
  const q = queue("long");
  const seen = [];
  const work = async (job) => {
    seen.push(job.id);
    await sleep(4500);
  };
  const options = { lockDuration: 2000, stalledInterval: 300, concurrency: 5 };
  for (let n = 0; n < 2; n++) await worker("long", work, options);
  await q.addBulk([1, 2, 3].map(() => ({ name: "long", data: {} })));
  await until(async () => (await q.getCompletedCount()) === 3);
  equal(seen.sort(), ["1", "2", "3"], "none was taken over");
});

stop("pause and resume", async () => {
  const q = queue("paused");
  const seen = [];
  const made = await worker("paused", names(seen));
  await q.pause();
  equal(await q.isPaused(), true);
  await q.add("a", {});
  await q.add("b", {}, { priority: 1 });
  await sleep(300);
  equal(seen, []);
  equal(Object.values(await q.getJobCounts("paused", "prioritized", "waiting")).reduce((a, b) => a + b), 2);
  await q.resume();
  await until(() => seen.length === 2);
  await made.pause();
  await q.add("c", {});
  await sleep(300);
  equal([seen.length, made.isPaused()], [2, true]);
  made.resume();
  await until(() => seen.length === 3);
});

stop("QueueEvents", async () => {
  const q = queue("events");
  const heard = await events("events");
  const log = {};
  for (const name of ["added", "waiting", "active", "progress", "completed", "failed", "delayed", "drained", "removed", "paused", "resumed"])
    heard.on(name, (event) => (log[name] ||= []).push(event));
  const jobs = [await q.add("good", {}), await q.add("bad", {}), await q.add("late", {}, { delay: 200 })];
  await worker("events", async (job) => {
    await job.updateProgress({ percent: 50 });
    if (job.name === "bad") throw new Error("on purpose");
    return { answer: 42 };
  });
  equal(await jobs[0].waitUntilFinished(heard, 30000), { answer: 42 });
  await rejects(jobs[1].waitUntilFinished(heard, 30000), /on purpose/);
  await jobs[2].waitUntilFinished(heard, 30000);
  await q.pause();
  await q.resume();
  await jobs[0].remove();
  await until(() => log.removed && log.resumed && log.drained && (log.completed || []).length === 2);
  equal(Object.keys(log).sort(), ["active", "added", "completed", "delayed", "drained", "failed", "paused", "progress", "removed", "resumed", "waiting"]);
  equal(log.progress.map((event) => event.data), Array(3).fill({ percent: 50 }));
  equal([log.failed[0].failedReason, log.completed[0].returnvalue], ["on purpose", { answer: 42 }]);
  const again = await events("events", { lastEventId: "0-0" });
  const completed = [];
  again.on("completed", ({ jobId }) => completed.push(jobId));
  await until(() => completed.length === 2);
  await q.trimEvents(0);
  equal(await r.xlen("bull:events:events"), 0);
});

stop("deduplication", async () => {
  const q = queue("once");
  const first = await q.add("a", {}, { deduplication: { id: "same" } });
  equal((await q.add("a", {}, { deduplication: { id: "same" } })).id, first.id);
  const throttled = await q.add("b", {}, { deduplication: { id: "throttle", ttl: 1500 } });
  equal((await q.add("b", {}, { deduplication: { id: "throttle", ttl: 1500 } })).id, throttled.id);
  await sleep(1700);
  assert.notEqual((await q.add("b", {}, { deduplication: { id: "throttle", ttl: 1500 } })).id, throttled.id);
  equal(await q.getDeduplicationJobId("same"), first.id);
  const seen = [];
  await worker("once", names(seen));
  await until(() => seen.length === 3);
  equal((await q.add("a", {}, { deduplication: { id: "same" } })).id === first.id, false);
});

stop("counts and metrics", async () => {
  const q = queue("counts");
  const options = { concurrency: 5, metrics: { maxDataPoints: library.MetricsTime.ONE_HOUR } };
  const work = async (job) => {
    if (job.name === "bad") throw new Error("on purpose");
    if (job.name === "held") await until(() => released);
  };
  let released = false;
  await worker("counts", work, options);
  await q.addBulk(["good", "good", "good", "bad", "held"].map((name) => ({ name, data: {} })));
  await q.add("late", {}, { delay: 3600000 });
  await until(async () => (await q.getCompletedCount()) === 3 && (await q.getFailedCount()) === 1);
  const counts = await q.getJobCounts("active", "completed", "delayed", "failed", "paused", "prioritized", "waiting", "waiting-children");
  equal(counts, { active: 1, completed: 3, delayed: 1, failed: 1, paused: 0, prioritized: 0, waiting: 0, "waiting-children": 0 });
  equal((await q.getJobs(["completed", "failed", "delayed"])).length, 5);
  equal((await q.getMetrics("completed")).meta.count, 3);
  equal((await q.getMetrics("failed")).meta.count, 1);
  assert.match(await q.exportPrometheusMetrics(), /bullmq_job_count\{queue="counts", state="completed"\} 3/);
  released = true;
  await until(async () => (await q.getCompletedCount()) === 4);
});

stop("kept jobs, clean, drain, obliterate", async () => {
  const q = queue("clean", { defaultJobOptions: { removeOnComplete: 5, removeOnFail: true } });
  let done = 0;
  const made = await worker("clean", async (job) => {
    done++;
    if (job.name === "bad") throw new Error("on purpose");
  });
  await q.addBulk(Array.from({ length: 20 }, (_, n) => ({ name: n % 4 ? "good" : "bad", data: {} })));
  await until(async () => done === 20 && (await q.getActiveCount()) === 0);
  equal([await q.getCompletedCount(), await q.getFailedCount()], [5, 0]);
  equal((await q.clean(0, 3, "completed")).length, 3);
  equal(await q.getCompletedCount(), 2);
  await made.close();
  await q.addBulk(Array.from({ length: 30 }, () => ({ name: "good", data: {} })));
  await q.add("late", {}, { delay: 3600000 });
  await q.promoteJobs();
  equal(await q.count(), 31);
  await q.add("late", {}, { delay: 3600000 });
  await q.drain();
  equal([await q.count(), await q.getDelayedCount()], [1, 1]);
  await q.addBulk(Array.from({ length: 2500 }, (_, n) => ({ name: "job", data: {}, opts: n % 2 ? { priority: 3 } : {} })));
  await q.pause();
  await q.obliterate();
  equal(await r.keys("bull:clean:*"), []);
});

stop("a large payload", async () => {
  const q = queue("large");
  const text = "snow ☃ ".repeat(200000);
  let [length, seen] = [0, ""];
  await worker("large", async (job) => {
    length = job.data.text.length;
    seen = job.data.text.slice(-8);
    return job.data.text;
  });
  const job = await q.add("large", { text });
  await until(() => job.isCompleted());
  equal([length, seen, (await q.getJob(job.id)).returnvalue.length], [text.length, text.slice(-8), text.length]);
});

stop("closing", async () => {
  const q = queue("closing");
  let finished = false;
  const made = await worker("closing", async () => {
    await sleep(400);
    finished = true;
  });
  const heard = await events("closing");
  const job = await q.add("slow", {});
  await until(() => job.isActive());
  await made.close();
  equal([finished, await job.getState()], [true, "completed"], "close waits for active jobs");
  const started = Date.now();
  await heard.close();
  await closeAll();
  assert(Date.now() - started < 5000, `closing took ${Date.now() - started} ms`);
  await until(async () => (await r.client("LIST")).trim().split("\n").length === 1);
});

runAll(() => r.flushall());
