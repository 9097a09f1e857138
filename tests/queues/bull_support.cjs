// What the tours of BullMQ share: queues, workers and event streams of the chosen package over the chosen client, all closed
// at the end, and what the library prints meanwhile.

const support = require("../clients/support.cjs");

const PORT = Number(process.env.PORT);
const DRIVER = process.env.DRIVER || "ioredis";
const PACKAGE = process.env.PACKAGE || "bullmq";

// Before the library is loaded: it may keep a reference.
const printed = [];
for (const name of ["warn", "error"]) console[name] = (...parts) => printed.push(parts.map(String).join(" "));
process.on("warning", (warning) => printed.push(String(warning)));

const library = require(PACKAGE);
const opened = [];
const failures = [];

/** What `connection` takes: options of ioredis, or a client of node-redis. */
function connection() {
  if (DRIVER === "ioredis") return { host: "127.0.0.1", port: PORT, maxRetriesPerRequest: null };
  const client = require("redis").createClient({ socket: { host: "127.0.0.1", port: PORT } });
  client.on("error", (error) => failures.push(error));
  opened.push({ close: () => client.isOpen && client.close() });
  return client;
}

/** Remembers what has to be closed, and every error it emits. */
function keep(thing) {
  thing.on("error", (error) => failures.push(error));
  opened.push(thing);
  return thing;
}

const queue = (name, options = {}) => keep(new library.Queue(name, { connection: connection(), ...options }));
const flows = () => keep(new library.FlowProducer({ connection: connection() }));

/** A worker that is ready: `process` is its processor. */
async function worker(name, process, options = {}) {
  const made = keep(new library.Worker(name, process, { connection: connection(), drainDelay: 1, ...options }));
  await made.waitUntilReady();
  return made;
}

async function events(name, options = {}) {
  const made = keep(new library.QueueEvents(name, { connection: connection(), ...options }));
  await made.waitUntilReady();
  return made;
}

/** Closes everything, the last first: clients of node-redis go after what uses them. */
async function closeAll() {
  for (const thing of opened.splice(0).reverse()) await thing.close();
}

/** What no part may have done so far. */
function checkQuiet() {
  support.equal(printed.splice(0), [], "the library printed");
  support.equal(failures.splice(0).map(String), [], "errors were emitted");
}

module.exports = { ...support, DRIVER, PACKAGE, PORT, checkQuiet, closeAll, connection, events, flows, library, queue, worker };
