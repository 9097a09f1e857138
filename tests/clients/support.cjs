// What the tours of the Node clients share: named tests, deep comparison, one summary line.

const assert = require("node:assert");

const tests = [];

/** Registers a tour stop. */
function test(name, run) {
  tests.push({ name, run });
}

/** Compares regardless of the prototypes that clients give their objects. */
function equal(actual, expected, what = "") {
  assert.deepStrictEqual(plain(actual), plain(expected), what);
}

function plain(value) {
  if (value instanceof Map) return plain(Object.fromEntries(value));
  if (value instanceof Set) return [...value].map(plain);
  if (Buffer.isBuffer(value)) return value.toString("latin1");
  if (Array.isArray(value)) return value.map(plain);
  if (value && typeof value === "object") {
    return Object.fromEntries(Object.entries(value).map(([key, item]) => [key, plain(item)]));
  }
  return value;
}

const sleep = (ms) => new Promise((resolve) => setTimeout(resolve, ms));

/** Waits up to a minute for a condition. */
async function until(condition) {
  for (const deadline = Date.now() + 60000; Date.now() < deadline; ) {
    if (await condition()) return;
    await sleep(25);
  }
  throw new Error("the condition did not come about within 60 seconds");
}

async function rejects(promise, pattern) {
  await assert.rejects(promise, pattern);
}

/** Runs all stops one after the other; `fresh()` empties the server before each. */
async function runAll(fresh) {
  let failed = 0;
  for (const { name, run } of tests) {
    try {
      await fresh();
      await Promise.race([run(), sleep(180000).then(() => Promise.reject(new Error("not done within 180 seconds")))]);
      console.log(`ok ${name}`);
    } catch (error) {
      failed++;
      console.log(`FAILED ${name}: ${(error.stack || String(error)).split("\n").slice(0, 14).join("\n  ")}`);
    }
  }
  console.log(`${tests.length - failed} passed, ${failed} failed`);
  process.exit(failed ? 1 : 0);
}

module.exports = { assert, equal, rejects, runAll, sleep, test, until };
