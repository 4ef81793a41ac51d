// Measures snarkjs's groth16.prove for popw's peers benchmark: prepares once, then answers lines on standard input with lines
// of JSON, as benches/src/child.rs says.
//
//   node prove.cjs KEY.zkey WITNESS.wtns THREADS
//
// snarkjs is the one that verifier/contracts pins. It reads key and witness from their files in every call: that is part
// of its time, since it offers nothing else.

"use strict";
const os = require("node:os");
const { join } = require("node:path");
const { createInterface } = require("node:readline");
const { createRequire } = require("node:module");

const [zkey, wtns, threads] = process.argv.slice(2);
// snarkjs starts one worker for each processor that it sees.
const processors = os.cpus();
os.cpus = () => Array.from({ length: Number(threads) }, (_, i) => processors[i % processors.length]);

const folder = join(__dirname, "../../../verifier/contracts");
const find = createRequire(join(folder, "package.json"));
const snarkjs = find("snarkjs");
const version = (name) => require(join(folder, "node_modules", name, "package.json")).version;
const versions = {
  node: process.version,
  snarkjs: version("snarkjs"),
  ffjavascript: version("ffjavascript"),
};

const say = (reply) => console.log(JSON.stringify(reply));
let last;

async function answer(request) {
  if (request === "run") {
    const start = process.hrtime.bigint();
    last = await snarkjs.groth16.prove(zkey, wtns);
    return { wall_ms: Number((process.hrtime.bigint() - start) / 1000n) / 1e3 };
  }
  if (request === "check") {
    return last ? { proof: last.proof, public: last.publicSignals } : { failed: "there is no proof yet" };
  }
  return { failed: `unknown request ${JSON.stringify(request)}` };
}

async function main() {
  say({ ready: true, versions, note: "reads key and witness from their files within the time" });
  for await (const line of createInterface({ input: process.stdin })) {
    say(await answer(line).catch((error) => ({ failed: String(error) })));
  }
  process.exit(0);
}

main();
