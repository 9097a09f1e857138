// A process of BullMQ workers, for tests that kill something.
//
// PORT, QUEUES (names with commas), CONCURRENCY, LOCK_MS; HOLD=1 takes jobs and never finishes them. Prints `ready`, then
// `done <id>` for every job that it has processed, before the server hears of it. SIGTERM closes.

const { Worker } = require(process.env.PACKAGE || "bullmq");

const number = (name, otherwise) => Number(process.env[name] || otherwise);
const LOCK_MS = number("LOCK_MS", 2000);
const connection = {
  host: "127.0.0.1",
  port: number("PORT"),
  maxRetriesPerRequest: null,
  retryStrategy: () => 100,
};

async function work(job) {
  if (process.env.HOLD) return new Promise(() => {});
  await new Promise((resolve) => setTimeout(resolve, number("WORK_MS", 0)));
  process.stdout.write(`done ${job.name}\n`);
}

const workers = process.env.QUEUES.split(",").map((name) => {
  const options = { lockDuration: LOCK_MS, stalledInterval: LOCK_MS / 2, maxStalledCount: 100, drainDelay: 1 };
  const worker = new Worker(name, work, { connection, concurrency: number("CONCURRENCY", 1), ...options });
  worker.on("error", () => {}); // connections break, by design
  return worker;
});

Promise.all(workers.map((worker) => worker.waitUntilReady())).then(() => process.stdout.write("ready\n"));
process.on("SIGTERM", async () => {
  await Promise.all(workers.map((worker) => worker.close()));
  process.exit(0);
});
