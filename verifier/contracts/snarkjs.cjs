// What snarkjs says of many proofs, in one process:
//
//   node snarkjs.cjs FILE     FILE: {"keys": [verification_key], "cases": [{"key": index, "proof": proof, "public": public}]},
//                             each as in snarkjs's own files; prints an array of verdicts, true or false
//
// Used by the differential test of the verifiers (cli/tests/verifier/differential.rs).

"use strict";
const { readFileSync } = require("node:fs");
const { groth16 } = require("snarkjs");

async function main(path) {
  const { keys, cases } = JSON.parse(readFileSync(path, "utf8"));
  const verdicts = [];
  for (const { key, proof, public: inputs } of cases) {
    verdicts.push(await groth16.verify(keys[key], inputs, proof));
  }
  console.log(JSON.stringify(verdicts));
}

main(process.argv[2]).then(
  // snarkjs's worker threads would keep the process alive.
  () => process.exit(0),
  (error) => {
    console.error(error);
    process.exit(1);
  },
);
