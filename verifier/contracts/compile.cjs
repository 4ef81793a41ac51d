// Compiles popw's contracts with solc-js (standard JSON); warnings are errors.
//
//   node compile.cjs                      write artifacts/*.json
//   node compile.cjs --check              compile and compare with the committed artifacts; status 1 if they differ
//   node compile.cjs --creation A.sol ..  compile exported verifiers; print {"<contract>": "<creation bytecode, hex>"}
//
// An artifact names the sources that went into it: ours with their SHA-256, and the packages in node_modules/ with their versions.
//
// A verifier's artifact holds creation bytecode in which the key's words are zero, and where they go: the template is
// compiled with pseudo-random words in place of the key, which must occur exactly once, as one run (`bytes constant`
// longer than a word is data behind the code, copied by CODECOPY, so its length and place do not depend on its
// value). Rust fills them in (verifier/src/solidity/); its tests compare the outcome with a compilation of the
// exported text.

"use strict";
const { createHash } = require("node:crypto");
const { readdirSync, readFileSync, writeFileSync } = require("node:fs");
const { basename, join } = require("node:path");
const solc = require("solc");

const TEMPLATE = "src/Groth16Verifier.sol.template";
const INPUT_COUNTS = [1, 2, 3, 4, 5, 6, 7, 8];
/** Contracts that are deployed as they are: each has an artifact, and Rust a variant (verifier/src/solidity/artifact.rs). */
const DEPLOYED = [
  "DrandBeacon",
  "EmergencyStop",
  "Rewards",
  "TestToken",
  "TimelockController",
  "VerifierRouter",
];
/** Files of packages that are compiled though nothing in src/ imports them. */
const FOREIGN = ["@openzeppelin/contracts/governance/TimelockController.sol"];
/** The longest code of a contract (EIP-170), in bytes. */
const RUNTIME_BYTES_MAX = 24576;
const COMMON = {
  evmVersion: "prague",
  // No metadata in the code: equal text has to give equal bytes.
  metadata: { appendCBOR: false, bytecodeHash: "none" },
};
/** Of the template: not by way of Yul, which would cut the key into words all over the code. */
const VERIFIER_SETTINGS = { ...COMMON, optimizer: { enabled: true, runs: 1000000 } };
/** Of everything else, as in foundry.toml: `Rewards` does not fit into a contract otherwise. */
const SETTINGS = { ...COMMON, optimizer: { enabled: true, runs: 1000 }, viaIR: true };

const read = (path) => readFileSync(join(__dirname, path), "utf8");
const sha256 = (data) => createHash("sha256").update(data).digest("hex");

/** The name of an npm package in an import path: `@scope/name/..` or `name/..`. */
const packageOf = (path) => path.split("/", path.startsWith("@") ? 2 : 1).join("/");
const packageVersion = (name) => JSON.parse(read(`node_modules/${name}/package.json`)).version;

/** What is imported and not among the sources lies in node_modules/. */
function packageFile(path) {
  try {
    return { contents: read(`node_modules/${path}`) };
  } catch (error) {
    return { error: error.message };
  }
}

/** Of every contract in `sources`, a map from file name to text: creation bytecode (hex) and the files it was compiled from. */
function compile(sources, settings) {
  const outputs = ["evm.bytecode.object", "evm.deployedBytecode.object", "metadata"];
  const input = {
    language: "Solidity",
    sources: Object.fromEntries(Object.entries(sources).map(([name, content]) => [name, { content }])),
    settings: { ...settings, outputSelection: { "*": { "*": outputs } } },
  };
  const output = JSON.parse(solc.compile(JSON.stringify(input), { import: packageFile }));
  if (output.errors?.length) {
    throw new Error(output.errors.map((error) => error.formattedMessage).join("\n"));
  }
  const compiled = {};
  for (const contracts of Object.values(output.contracts)) {
    for (const [name, { evm, metadata }] of Object.entries(contracts)) {
      if (!evm.bytecode.object) continue;
      const runtime = evm.deployedBytecode.object.length / 2;
      if (runtime > RUNTIME_BYTES_MAX) {
        throw new Error(`${name}: ${runtime} bytes of code, at most ${RUNTIME_BYTES_MAX} are allowed (EIP-170)`);
      }
      compiled[name] = { creation: evm.bytecode.object, files: Object.keys(JSON.parse(metadata).sources).sort() };
    }
  }
  return compiled;
}

/** The template with a key of pseudo-random words, and that key (hex). */
function withSentinelKey(name, inputs, insecure) {
  const words = 18 + 2 * inputs;
  const key = Array.from({ length: words }, (_, i) => sha256(`popw sentinel ${name} ${i}`));
  const text = read(TEMPLATE)
    .replaceAll("{{NAME}}", name)
    .replaceAll("{{INPUTS}}", String(inputs))
    .replaceAll("{{PROVENANCE}}", "compiled for an artifact.")
    .replaceAll("{{INSECURE}}", String(insecure))
    .replaceAll("{{KEY}}", key.map((word) => `        hex"${word}"`).join("\n"));
  return { text, key: key.join("") };
}

function blank(creation, key, name) {
  const at = creation.indexOf(key);
  if (at < 0 || at % 2 !== 0 || creation.indexOf(key, at + 1) >= 0) {
    throw new Error(`${name}: the key must occur exactly once in the creation bytecode`);
  }
  return {
    key_offset: at / 2,
    key_length: key.length / 2,
    creation: creation.slice(0, at) + "0".repeat(key.length) + creation.slice(at + key.length),
  };
}

/** Every artifact: file name -> text. */
function artifacts() {
  const files = readdirSync(join(__dirname, "src")).filter((file) => file.endsWith(".sol"));
  const sources = Object.fromEntries(files.map((file) => [`src/${file}`, read(`src/${file}`)]));
  for (const path of FOREIGN) sources[path] = read(`node_modules/${path}`);
  const verifiers = {};
  const keys = {};
  for (const inputs of INPUT_COUNTS) {
    for (const grade of ["Ceremony", "Dev"]) {
      const name = `${grade}Groth16Verifier${inputs}`;
      const { text, key } = withSentinelKey(name, inputs, grade === "Dev");
      verifiers[`${name}.sol`] = text;
      keys[name] = key;
    }
  }
  const compiled = compile(sources, SETTINGS);
  const compiledVerifiers = compile(verifiers, VERIFIER_SETTINGS);
  const about = (paths, settings) => {
    const ours = paths.filter((path) => path.startsWith("src/"));
    const packages = new Set(paths.filter((path) => !path.startsWith("src/")).map(packageOf));
    return {
      sources: Object.fromEntries(ours.map((path) => [path, sha256(read(path))])),
      packages: Object.fromEntries([...packages].map((name) => [name, packageVersion(name)])),
      solc: solc.version(),
      settings,
    };
  };
  const json = (value) => JSON.stringify(value, null, 2) + "\n";
  const texts = {};
  for (const name of DEPLOYED) {
    if (!compiled[name]) throw new Error(`no contract ${name} in src/ that could be deployed`);
    const { creation, files } = compiled[name];
    texts[`${name}.json`] = json({ ...about(files, SETTINGS), creation });
  }
  for (const inputs of INPUT_COUNTS) {
    const [ceremony, dev] = ["Ceremony", "Dev"].map((grade) => {
      const name = `${grade}Groth16Verifier${inputs}`;
      return blank(compiledVerifiers[name].creation, keys[name], name);
    });
    texts[`Groth16Verifier${inputs}.json`] = json({ ...about([TEMPLATE], VERIFIER_SETTINGS), inputs, ceremony, dev });
  }
  return texts;
}

function main(args) {
  if (args[0] === "--creation") {
    const sources = Object.fromEntries(args.slice(1).map((path) => [basename(path), readFileSync(path, "utf8")]));
    const compiled = Object.entries(compile(sources, VERIFIER_SETTINGS));
    console.log(JSON.stringify(Object.fromEntries(compiled.map(([name, { creation }]) => [name, creation]))));
    return;
  }
  const check = args[0] === "--check";
  if (args.length > (check ? 1 : 0)) throw new Error(`unknown argument: ${args.join(" ")}`);
  for (const [name, text] of Object.entries(artifacts())) {
    const path = join(__dirname, "artifacts", name);
    if (!check) {
      writeFileSync(path, text);
    } else if (readFileSync(path, "utf8") !== text) {
      throw new Error(`artifacts/${name} is not what the sources compile to: run node compile.cjs and look at the diff`);
    }
    console.log(`${check ? "equal" : "wrote"} artifacts/${name} (${text.length} bytes)`);
  }
}

try {
  main(process.argv.slice(2));
} catch (error) {
  console.error(error.message);
  process.exitCode = 1;
}
