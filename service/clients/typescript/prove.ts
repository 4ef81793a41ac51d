/**
 * Has a popw service prove an assignment.
 *
 *     npm ci && npm run generate && npm run build
 *     npm run prove -- witness.wtns proof.json public.json [--service http://127.0.0.1:7420] [--api-key FILE] [--web]
 *
 * With `--web` it speaks gRPC-web, as a browser would, for everything but the upload: browsers cannot stream to a server. A small assignment can go to `Prove` in one message instead.
 */
import { createHash } from "node:crypto";
import { readFile, writeFile } from "node:fs/promises";
import { setTimeout as sleep } from "node:timers/promises";
import { parseArgs } from "node:util";
import { type Client, Code, ConnectError, type Interceptor, createClient } from "@connectrpc/connect";
import { createGrpcTransport, createGrpcWebTransport } from "@connectrpc/connect-node";
import { type Job, JobState, type KeyName } from "./generated/popw/v1/job_pb.js";
import { Prover } from "./generated/popw/v1/prover_pb.js";

/** Bytes of an upload's message. */
const CHUNK = 1 << 18;

/** Milliseconds for which a watch that is cut is begun again. */
const PATIENCE = 60_000;

/** Shows the API key with every call. */
function showing(apiKey: string | undefined): Interceptor[] {
  if (apiKey === undefined) return [];
  return [
    (next) => (request) => {
      request.header.set("authorization", `Bearer ${apiKey}`);
      return next(request);
    },
  ];
}

/** Uploads a file, unless it is there, and returns its hash. */
async function upload(prover: Client<typeof Prover>, file: Uint8Array): Promise<string> {
  const sha256 = createHash("sha256").update(file).digest("hex");
  async function* parts() {
    yield { part: { case: "header" as const, value: { sha256, bytes: BigInt(file.length) } } };
    for (let start = 0; start < file.length; start += CHUNK) {
      yield { part: { case: "chunk" as const, value: file.subarray(start, start + CHUNK) } };
    }
  }
  await prover.uploadWitness(parts());
  return sha256;
}

/** Submits a job. The same request again is the same job. */
async function submit(prover: Client<typeof Prover>, key: KeyName, witnessSha256: string): Promise<string> {
  const work = { work: { case: "assignment" as const, value: { witnessSha256 } } };
  const { job } = await prover.submitJob({ requestId: witnessSha256, key, work });
  if (job === undefined) throw new Error("the service answered without a job");
  return job.id;
}

/** Watches a job until its end. A watch that is cut goes on behind what was seen. */
async function end(prover: Client<typeof Prover>, id: string, seen: (job: Job) => void): Promise<Job> {
  let afterRevision = 0n;
  let until = Date.now() + PATIENCE;
  for (;;) {
    try {
      for await (const { job } of prover.watchJob({ id, afterRevision })) {
        if (job === undefined) continue;
        seen(job);
        afterRevision = job.revision;
        until = Date.now() + PATIENCE;
        if (job.state !== JobState.QUEUED && job.state !== JobState.LEASED) return job;
      }
    } catch (error) {
      if (ConnectError.from(error).code !== Code.Unavailable || Date.now() > until) throw error;
    }
    await sleep(1_000);
  }
}

function show(job: Job): void {
  const progress = job.progress === undefined ? "" : `, ${Math.round(100 * job.progress.done)} %`;
  console.error(`${job.id}: ${JobState[job.state].toLowerCase()}${progress}`);
}

async function main(): Promise<number> {
  const { values, positionals } = parseArgs({
    allowPositionals: true,
    options: {
      service: { type: "string", default: "http://127.0.0.1:7420" },
      "api-key": { type: "string" },
      web: { type: "boolean", default: false },
    },
  });
  const [witness, proofFile, publicFile] = positionals;
  if (witness === undefined || proofFile === undefined || publicFile === undefined) {
    console.error("usage: prove WITNESS PROOF PUBLIC [--service URL] [--api-key FILE] [--web]");
    return 2;
  }
  const keyFile = values["api-key"];
  const apiKey = keyFile === undefined ? undefined : (await readFile(keyFile, "utf8")).trim();
  const options = { baseUrl: values.service, interceptors: showing(apiKey) };
  const grpc = createClient(Prover, createGrpcTransport(options));
  const prover = values.web ? createClient(Prover, createGrpcWebTransport({ ...options, httpVersion: "1.1" })) : grpc;

  const { circuits } = await prover.listCircuits({});
  const [circuit] = circuits;
  if (circuits.length !== 1 || circuit?.key === undefined) {
    console.error("the service has several keys: choose one");
    return 2;
  }
  const id = await submit(prover, circuit.key, await upload(grpc, await readFile(witness)));
  const job = await end(prover, id, show);
  if (job.state !== JobState.SUCCEEDED) {
    console.error(job.failure?.message ?? JobState[job.state]);
    return 1;
  }
  const { proof } = await prover.getProof({ id });
  await writeFile(proofFile, proof?.proofJson ?? "");
  await writeFile(publicFile, proof?.publicJson ?? "");
  return 0;
}

process.exitCode = await main();
