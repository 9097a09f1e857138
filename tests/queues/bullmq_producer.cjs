// Adds jobs of all kinds to the queues QUEUES until SIGTERM; says `ack <name>` of each that the server has taken. NAME starts
// the names.

const { FlowProducer, Queue } = require(process.env.PACKAGE || "bullmq");

const PENDING_MAX = 20;
const connection = {
  host: "127.0.0.1",
  port: Number(process.env.PORT),
  maxRetriesPerRequest: null,
  retryStrategy: () => 100,
};
const names = process.env.QUEUES.split(",");
const queues = names.map((name) => new Queue(name, { connection }));
const flows = new FlowProducer({ connection });
for (const thing of [...queues, flows]) thing.on("error", () => {}); // connections break, by design
const OPTIONS = [{}, { priority: 3 }, { delay: 200 }, { lifo: true }, { removeOnComplete: true }];

let number = 0;
let stopping = false;
const name = () => `${process.env.NAME}:${++number}`;
const pick = (list) => list[number % list.length];
const acknowledge = (jobs) => process.stdout.write(jobs.map((job) => `ack ${job}\n`).join(""));

async function one() {
  const job = name();
  await pick(queues).add(job, {}, pick(OPTIONS));
  acknowledge([job]);
}

async function bulk() {
  const jobs = Array.from({ length: 25 }, name);
  await pick(queues).addBulk(jobs.map((job) => ({ name: job, data: {}, opts: pick(OPTIONS) })));
  acknowledge(jobs);
}

async function flow() {
  const [root, ...children] = Array.from({ length: 3 }, name);
  const entry = (job, at) => ({ name: job, queueName: names[at % names.length] });
  await flows.add({ ...entry(root, 0), children: children.map(entry) });
  acknowledge([root, ...children]);
}

/** Whether the connection has gone in the middle of a pipeline's replies: the jobs are not acknowledged then. */
const isCutOff = (error) => error.name === "AbortError" || /Connection is closed/.test(error.message);

/** One of several chains: the next call comes when the last has been answered. */
async function chain() {
  for (let round = 0; !stopping; round++) {
    await [one, one, one, bulk, one, one, flow][round % 7]().catch((error) => {
      if (!isCutOff(error)) throw error;
    });
    await new Promise((resolve) => setTimeout(resolve, 20));
  }
}

process.on("SIGTERM", () => (stopping = true));
Promise.all(queues.map((queue) => queue.waitUntilReady())).then(async () => {
  process.stdout.write("ready\n");
  await Promise.all(Array.from({ length: PENDING_MAX }, chain));
  process.exit(0);
});
