// A client process of benches/queues.py: adds jobs to BullMQ queues in bulks, or processes them.
//
// bullmq.cjs add|process; PORT, QUEUES (names with commas), JOBS (of this process and queue), CONCURRENCY. Prints `ready`, starts
// when a line comes in on the standard input, and ends when all is added or when the input closes.

const { once } = require("node:events");
const { Queue, Worker } = require("bullmq");

const BULK = 500;
const connection = { host: "127.0.0.1", port: Number(process.env.PORT), maxRetriesPerRequest: null };
const names = process.env.QUEUES.split(",");
const options = { removeOnComplete: true };

async function add() {
  const queues = names.map((name) => new Queue(name, { connection }));
  await Promise.all(queues.map((queue) => queue.waitUntilReady()));
  await start();
  for (let left = Number(process.env.JOBS); left > 0; left -= BULK) {
    const jobs = Array.from({ length: Math.min(BULK, left) }, (_, n) => ({ name: "job", data: { n, text: "x".repeat(64) }, opts: options }));
    await Promise.all(queues.map((queue) => queue.addBulk(jobs)));
  }
  process.exit(0);
}

async function work() {
  const concurrency = Number(process.env.CONCURRENCY);
  const workers = names.map((name) => new Worker(name, async () => 1, { connection, concurrency, autorun: false }));
  await Promise.all(workers.map((worker) => worker.waitUntilReady()));
  await start();
  for (const worker of workers) worker.run();
  await once(process.stdin, "end");
  process.exit(0);
}

async function start() {
  process.stdout.write("ready\n");
  await once(process.stdin, "data");
}

({ add, process: work })[process.argv[2]]();
