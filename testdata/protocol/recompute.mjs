// A second implementation of docs/protocol.md: recomputes every vector of this folder from its inputs, with circomlibjs for
// Poseidon and EdDSA, ethers for keccak and abi.encode, and nothing of popw. Prints what differs; exit status 1 if anything does.
//
//   mkdir scratch && cd scratch && npm install circomlibjs@0.1.7 ethers@5 && node ../testdata/protocol/recompute.mjs
import { createRequire } from "node:module";
import { readFileSync } from "node:fs";
import { dirname } from "node:path";
import { fileURLToPath } from "node:url";

const require = createRequire(process.cwd() + "/");
const { buildPoseidon, buildEddsa } = require("circomlibjs");
const { utils: eth } = require("ethers");
const folder = dirname(fileURLToPath(import.meta.url));
const text = name => readFileSync(`${folder}/${name}`, "utf8");
const json = name => JSON.parse(text(name));
const lines = name => text(name).trim().split("\n").map(line => JSON.parse(line));

const poseidon = await buildPoseidon(), eddsa = await buildEddsa(), F = poseidon.F;
const r = 21888242871839275222246405745257275088548364400416034343698204186575808495617n;
const l = 2736030358979909402780800718157159386076813972158567259200215660948447373041n;
const P = (...inputs) => F.toObject(poseidon(inputs.map(BigInt)));
const keccak = bytes => eth.keccak256(bytes);
const utf8 = string => eth.toUtf8Bytes(string);
const abi = (types, values) => eth.defaultAbiCoder.encode(types, values.map(String));
const word = (value, bytes = 32) => eth.hexZeroPad(eth.hexlify("0x" + hexOf(value)), bytes);
const hexOf = value => { const h = BigInt(value).toString(16); return h.length % 2 ? "0" + h : h; };
const keccak248 = bytes => BigInt(keccak(bytes)) % 2n ** 248n;
const tag = name => keccak248(utf8("popw/v1/" + name));
const range = (from, to) => Array.from({ length: to - from + 1 }, (_, i) => BigInt(from + i));
const span = spec => spec.split("..").map(Number);

let failures = 0, checks = 0;
const same = (what, ours, theirs) => {
  checks++;
  const plain = value => JSON.stringify(value, (_, x) => typeof x === "bigint" ? x.toString() : x);
  if (plain(ours) !== plain(theirs)) { failures++; console.log(`${what}: recomputed ${plain(ours)}, the file has ${plain(theirs)}`); }
};

function sponge(name, elements) {
  const pad = (block, size) => [...block, ...Array(size - block.length).fill(0n)];
  let h = P(tag(name), elements.length, ...pad(elements.slice(0, 14), 14));
  for (let i = 14; i < elements.length; i += 15) h = P(h, ...pad(elements.slice(i, i + 15), 15));
  return h;
}
const empty = [0n];
for (let i = 0; i < 8; i++) empty.push(P(...Array(16).fill(empty[i])));
// Sparse tree of any depth: leaves is a Map from index to leaf.
function treeRoot(leaves, depth) {
  let nodes = leaves;
  for (let level = 0; level < depth; level++) {
    const parents = new Map();
    for (const index of nodes.keys()) {
      const parent = index >> 4;
      if (!parents.has(parent)) parents.set(parent, P(...range(0, 15).map(i => nodes.get(16 * parent + Number(i)) ?? empty[level])));
    }
    nodes = parents;
  }
  return nodes.get(0) ?? empty[depth];
}
const mapOf = list => new Map(list.map((leaf, i) => [i, leaf]));
const leastRoot = leaves => { let depth = 0; while (16 ** depth < leaves.length) depth++; return treeRoot(mapOf(leaves), depth); };

function digest(N, S, bit) {
  let g = 16;
  while (g > N || Math.ceil(g * S / 252) > 14) g /= 2;
  const leaves = [], packed = [];
  for (let first = 0; first < N; first += g) {
    const elements = Array(Math.ceil(g * S / 252)).fill(0n);
    for (let i = 0; i < g; i++) for (let s = 0; s < S; s++) if (bit(first + i, s)) elements[Math.floor((i * S + s) / 252)] += 1n << BigInt((i * S + s) % 252);
    leaves.push(P(tag("bitmap"), ...elements));
    packed.push(...elements);
  }
  return { g, elements: Math.ceil(g * S / 252), packed, digest: P(tag("digest"), N, S, leastRoot(leaves)) };
}
const epochTag = ({ chain_id, settlement, selector, number, randomness }, registryRoot, paramsHash) => BigInt(keccak(abi(
  ["uint256", "address", "bytes4", "uint64", "uint256", "uint256", "bytes32"],
  [chain_id, settlement, selector, number, registryRoot, paramsHash, randomness]))) % r;
const drawn = (tagOfEpoch, zone, seats, levels) => {
  const h = P(tag("committee"), tagOfEpoch, zone);
  return Array.from({ length: seats }, (_, j) => Number(h >> BigInt(24 * j) & (1n << BigInt(4 * levels)) - 1n));
};
const pair = (a, b) => keccak(eth.hexConcat(BigInt(a) < BigInt(b) ? [a, b] : [b, a]));
function keccakRoot(leaves) {
  while (leaves.length > 1) leaves = leaves.filter((_, i) => i % 2 === 0).map((left, i) => pair(left, leaves[2 * i + 1]));
  return leaves[0];
}
const claimLeaf = (epoch, first, rows) => keccak(eth.hexConcat([word(epoch, 8), word(first, 8), rows]));
const SETTLED = 1n << 255n;
const claimRoot = leaves => word(BigInt(keccakRoot(leaves)) | SETTLED);
const standing = digests => word(digests.every(d => BigInt(d) === 0n) ? 0n : BigInt(keccak(eth.hexConcat(digests.map(d => word(d))))) & ~SETTLED);
const watcherLeaf = (owner, key, seat) => P(tag("watcher"), owner, key[0], key[1], seat);
const pack = scores => range(0, Math.ceil(scores.length / 12) - 1).map(k => scores.slice(12 * Number(k), 12 * Number(k) + 12).reduceRight((sum, s) => (sum << 21n) + BigInt(s), 0n));
const fingerprint = (z, payees, scores, digests) => [...payees.flatMap((p, i) => [BigInt(p), BigInt(scores[i])]), ...digests.map(BigInt)]
  .reduceRight((sum, c) => (sum * BigInt(z) + c) % r, 0n);
// The published forms of the rules, not the unified one.
function ruleScore(preset, T, S, L) {
  const M = 1000000n; [T, S, L] = [T, S, L].map(BigInt);
  if (preset === "geodnet-linear") return 2n * T > S ? (2n * T - S) * M / S : 0n;
  if (preset === "onocoy-quadratic") { let u = T * L / S + 300n; if (u > L) u = L; const z = 5n * u > 4n * L ? 5n * u - 4n * L : 0n; return z * z * M / (L * L); }
  return 2n * T >= S ? M : 0n;
}
const sign = (secret, message) => {
  const s = eddsa.signPoseidon(eth.arrayify(secret), F.e(message));
  return { r8: s.R8.map(x => F.toObject(x)), s: s.S };
};
const verifies = (key, message, { r8, s }) => BigInt(s) < l &&
  eddsa.verifyPoseidon(F.e(BigInt(message)), { R8: r8.map(x => F.e(BigInt(x))), S: BigInt(s) }, key.map(x => F.e(BigInt(x))));
const publicKey = secret => eddsa.prv2pub(eth.arrayify(secret)).map(x => F.toObject(x));

for (const { name, tag: expected } of json("tags.json")) same(`tag ${name}`, word(tag(name)), expected);

const hashes = json("hashes.json");
for (const { name, elements, hash } of hashes.sponges) same(`sponge ${elements}`, sponge(name, span(elements)[1] ? range(...span(elements)) : []), hash);
hashes.empty_subtrees.forEach((node, level) => same(`empty subtree ${level}`, empty[level], node));
for (const { leaves, root } of hashes.roots) same(`root of ${leaves}`, leastRoot(range(...span(leaves))), root);

const epochs = json("epochs.json");
for (const { preset, fields, params_hash } of epochs.parameters) same(`params_hash ${preset}`, sponge("parameters", fields.map(BigInt)), params_hash);
same("epoch tag", epochTag(epochs.epoch, epochs.epoch.registry_root, epochs.epoch.params_hash), epochs.epoch.epoch_tag);
for (const { time, slot } of epochs.slots_of_epoch_20000) { const s = Math.floor((time - 20000 * 86400) / 600); same(`slot of ${time}`, s >= 0 && s < 144 ? s : null, slot); }
for (const { zone, epoch_tag, leaves } of epochs.draws) same(`draw of zone ${zone}`, drawn(epoch_tag, zone, 10, 3), leaves);

for (const { devices, slots, devices_per_leaf, elements_per_leaf, digest: expected } of json("digests.json").digests) {
  const d = digest(devices, slots, (i, s) => (7 * i + 3 * s + i * s) % 5 < 2);
  same(`digest of ${devices} x ${slots}`, [d.g, d.elements, d.digest], [devices_per_leaf, elements_per_leaf, expected]);
}

const messages = json("messages.json");
same("public key", publicKey(messages.secret_key), messages.public_key);
const { record, attestation, absent_seat: absent, delegation } = messages;
same("payload", keccak248(utf8(record.row)), record.payload);
same("record", P(tag("record"), record.epoch_tag, record.device_index, record.time, record.payload), record.signed.message);
same("attestation", P(tag("attestation"), attestation.epoch_tag, attestation.zone, attestation.seat, attestation.digest), attestation.signed.message);
for (const { signed } of [record, attestation]) same("signature", sign(messages.secret_key, signed.message), { r8: signed.r8, s: signed.s });
const absentSecret = keccak(utf8("popw/v1/absent-seat"));
same("absent seat", [publicKey(absentSecret), tag("absent-seat")], [absent.public_key, absent.message]);
same("absent seat's signature", sign(absentSecret, absent.message), { r8: absent.r8, s: absent.s });
same("delegation", eth.hexConcat([utf8("popw/v1/delegation"), word(delegation.device_id), ...delegation.session_key.map(c => word(c)), word(delegation.first_epoch, 8), word(delegation.epochs, 8)]), delegation.message);
same("hardware key hash", keccak248(messages.hardware_key_hash.bytes), messages.hardware_key_hash.hash);

const trees = json("trees.json");
same("watcher leaf", [0, 1].map(seat => watcherLeaf(trees.watcher_leaf.owner, trees.watcher_leaf.key, seat)), trees.watcher_leaf.seats_0_and_1);
same("watcher root", P(...range(1, 8), ...Array(8).fill(0n)), trees.watcher_root.root);
same("registry root", P(tag("registry"), 1, 2), trees.registry_root.root);
for (const { first_index, rows, leaf } of trees.claims.leaves) same(`claims from ${first_index}`, claimLeaf(trees.claims.epoch, first_index, rows), leaf);
same("claim root", claimRoot(trees.claims.leaves.map(x => x.leaf)), trees.claims.root);
trees.zones.forEach((zone, i) => same(`what stands, ${i}`, standing(zone.digests), zone.standing));
const angle = e7 => e7 / 1e7 * Math.PI / 180, { latitude_e7, longitude_e7, dm } = trees.position;
const R = 63710071.8, [lat, lon] = [angle(latitude_e7), angle(longitude_e7)];
same("position", [R * Math.cos(lat) * Math.cos(lon), R * Math.cos(lat) * Math.sin(lon), R * Math.sin(lat)].map(Math.round), dm);

const outputs = json("outputs.json");
same("packed scores", pack(outputs.scores), outputs.packed_scores);
same("out_commit", sponge("out", [...pack(outputs.scores), ...outputs.digests.map(BigInt)]), outputs.out_commit);
same("y", fingerprint(outputs.z, outputs.payees, outputs.scores, outputs.digests), outputs.y);
for (const { slots, longest_outage } of outputs.outages) same(`outage ${slots}`, Math.max(...slots.split("1").map(run => run.length)), longest_outage);
for (const rule of outputs.rules_at_144_slots) {
  const score = ruleScore(rule.preset, rule.up_slots, 144, 86400);
  same(`${rule.preset} ${rule.up_slots}`, [Number(score), 144 - rule.up_slots > 11 ? 0 : Number(score)], [rule.score, rule.score_if_down_in_one_run_and_outage_limit_11]);
}

const day = json("location.json"), elementOf = at => at ? 1n + range(0, 2).reduce((sum, i) => sum + (BigInt(at[i]) + 2n ** 27n << 1n + 28n * i), 0n) : 0n;
const [, fewest, nearLimit, farLimit, nearWeight, farWeight] = day.parameters.map(BigInt);
const weights = day.reports.filter(report => report.dm).map(report => {
  const c2 = report.dm.reduce((sum, value, i) => sum + BigInt(value - day.asserted[i]) ** 2n, 0n);
  return c2 <= nearLimit ? nearWeight : c2 <= farLimit ? farWeight : 0n;
});
const mean = weights.length < fewest ? 0n : weights.reduce((a, b) => a + b) * 1000000n / (100n * BigInt(weights.length));
same("location parameters", sponge("location-parameters", day.parameters.map(BigInt)), day.params_hash);
same("location elements", day.reports.map(report => elementOf(report.dm)), day.reports.map(report => report.element));
same("location digest", sponge("location-reports", [BigInt(day.reports.length), ...day.reports.map(report => elementOf(report.dm))]), day.digest);
same("location message", P(tag("location-report"), day.message.epoch_tag, day.message.slot, ...day.message.dm.map(value => BigInt(value) + 2n ** 31n)), day.message.message);
same("location score", Number(mean), day.score);
same("location out_commit", sponge("location-out", [mean, BigInt(day.digest)]), day.out_commit);
same("location y", (BigInt(day.payee) + mean * BigInt(day.z) + BigInt(day.digest) * BigInt(day.z) ** 2n) % r, day.y);

{
  const window = json("coverage.json"), freeSpace = text("../coverage/free_space.txt"), bound = freeSpace.trim().split("\n").map(BigInt);
  const rule = window.parameters.map(BigInt), report = (at, level, bits) => BigInt(at.frequency_hz) + (BigInt(level) + 2n ** bits << 32n);
  const sent = window.beacon, first = window.receipts.map(at => at.time_ms).reduce((a, b) => Math.min(a, b));
  const challenge = P(tag("challenge"), window.epoch_tag, window.nonce, window.zone);
  const block = number => keccak(eth.concat([utf8("popw/v1/payload"), word(challenge), word(number, 1)]));
  const whole = gain => BigInt(gain) / 10n; // BigInt division cuts toward zero
  const squared = at => at.dm.reduce((sum, value, i) => sum + BigInt(value - sent.dm[i]) ** 2n, 0n);
  const lost = at => 10n * (BigInt(sent.power_dbm) + whole(sent.gain_ddbi) + whole(at.gain_ddbi)) - BigInt(at.rssi_ddbm);
  const verdict = at => {
    const lag = first < sent.time_ms ? [first, rule[4]] : [sent.time_ms, rule[3]], K = lost(at), c2 = squared(at), f = BigInt(at.frequency_hz);
    if (BigInt(sent.time_ms) < rule[1] || BigInt(sent.time_ms) - rule[1] > rule[2]) return "NotFresh";
    if (BigInt(at.time_ms - lag[0]) > lag[1]) return "TooLate";
    if ((f - BigInt(sent.frequency_hz)) ** 2n > rule[5] ** 2n) return "Frequency";
    if (c2 > rule[6]) return "TooFar";
    if (c2 < rule[7]) return "TooNear";
    return K < 0n || K <= 1326n && c2 * f * f > bound[Number(K)] ? "TooStrong" : "Accepted";
  };
  const packUnits = units => units.reduce((sum, unit, n) => sum + (BigInt(unit) << BigInt(15 * n)), 0n);
  const element = at => 1n + 2n * (BigInt(at.index) + (BigInt(at.time_ms) + (report(at, at.rssi_ddbm, 12n) << 27n) << 32n));
  const absentElements = Array(14 - window.receipts.length).fill(0n), verdicts = window.receipts.map(verdict), n = verdicts.filter(v => v === "Accepted").length;
  const scores = [window.beaconer_units[n], ...verdicts.map(v => v === "Accepted" ? window.witness_units[n] : 0), ...absentElements.map(() => 0)];
  same("free-space table", keccak(utf8(freeSpace)), window.free_space_keccak);
  same("coverage units", [packUnits(window.beaconer_units), packUnits(window.witness_units)], rule.slice(8));
  same("coverage parameters", sponge("coverage-parameters", rule), window.params_hash);
  same("challenge", challenge, window.challenge);
  same("payload", eth.hexDataSlice(eth.concat([block(0), block(1)]), 0, 51), window.payload);
  same("witness draw", P(tag("witness-draw"), window.epoch_tag, window.witness_draw.device_id), window.witness_draw.draw);
  same("beacon", P(tag("beacon"), window.epoch_tag, challenge, report(sent, sent.power_dbm, 7n)), sent.message);
  same("receipts", window.receipts.map(at => P(tag("receipt"), window.epoch_tag, challenge, report(at, at.rssi_ddbm, 12n))), window.receipts.map(at => at.message));
  same("receipt elements", window.receipts.map(element), window.receipts.map(at => at.element));
  same("links", window.receipts.map(at => [squared(at), Number(lost(at)), verdict(at)]), window.receipts.map(at => [at.squared_distance, at.loss, at.verdict]));
  same("receipt digest", sponge("receipts", [14n, BigInt(window.nonce), BigInt(sent.time_ms) + (report(sent, sent.power_dbm, 7n) << 27n), ...window.receipts.map(element), ...absentElements]), window.digest);
  same("coverage scores", scores, window.scores);
  const packedScores = [scores.slice(0, 12), scores.slice(12)].map(some => some.reduce((sum, score, i) => sum + (BigInt(score) << BigInt(21 * i)), 0n));
  same("coverage out_commit", sponge("coverage-out", [...packedScores, BigInt(window.digest)]), window.out_commit);
  const paid = scores.flatMap((score, i) => i > window.receipts.length ? [0n, 0n, 0n] : [BigInt(i ? window.receipts[i - 1].index : window.zone), BigInt(window.payee), BigInt(score)]);
  same("coverage y", [...paid, BigInt(window.digest)].reduceRight((sum, c) => (sum * BigInt(window.z) + c) % r, 0n), window.y);
}

// The example: from the five files of the fleet to the claim tree.
const zone = json("zone.json");
const toml = name => Object.fromEntries(text(name).split("\n").filter(line => line.includes("=")).map(line => line.split("=").map(part => part.trim().replaceAll('"', ""))));
const p = toml("fleet/params.toml"), e = toml("fleet/epoch.toml");
const [N, W, S, D, Lv] = [p.devices, p.watchers, p.slots, p.device_levels, p.seat_levels].map(Number);
const paramsHash = sponge("parameters", [S, W, N, p.epoch_seconds, p.quorum, p.outage_limit, { threshold: 0, linear: 1, quadratic: 2 }[p.policy], p.slope, p.offset, p.grace_seconds].map(BigInt));
const signed = value => BigInt(value) + 2n ** 31n;
const devices = lines("fleet/registry.jsonl").map(d => {
  const hidden = sponge("device-private", [d.device_id, d.hardware_key_hash, { p256: 1, ed25519: 2 }[d.hardware_class], "0x" + d.h3_cell, d.scale_e4, d.secret_commitment, d.salt].map(BigInt));
  const inner = P(tag("device-inner"), hidden, ...d.session_key, d.owner_id, ...d.position_dm.map(signed), signed(d.gain_ddbi), d.region);
  return { payee: d.payee, index: d.index, inner, leaf: P(tag("device"), d.payee, inner), private: hidden };
});
same("devices", devices.map(({ payee, ...hashes }) => hashes), zone.devices);
const deviceRoot = treeRoot(new Map(devices.map(d => [d.index, d.leaf])), D);
const seats = Array.from({ length: W }, (_, seat) => lines("fleet/watchers.jsonl").filter(w => w.seat === seat)
  .map(w => ({ ...w, order: P(BigInt(e.previous_randomness) % r, ...w.key) })).sort((a, b) => a.order < b.order ? -1 : 1));
same("order of the seats", seats.map(seat => seat.map(w => w.owner)), zone.seats_by_owner);
const seatRoots = seats.map((watchers, seat) => {
  const leaves = watchers.map(w => watcherLeaf(w.owner, w.key, seat));
  return treeRoot(mapOf(range(0, 16 ** Lv - 1).map(i => leaves[Number(i) % leaves.length])), Lv);
});
const watcherRoot = P(...seatRoots, ...Array(16 - W).fill(0n));
const registryRoot = P(tag("registry"), deviceRoot, watcherRoot);
const tagOfEpoch = epochTag(e, registryRoot, paramsHash);
const leaves = drawn(tagOfEpoch, zone.zone, W, Lv);
const committee = leaves.map((leaf, seat) => seats[seat][leaf % seats[seat].length]);
same("roots and draw", [deviceRoot, watcherRoot, registryRoot, paramsHash, tagOfEpoch, leaves, committee.map(w => w.owner)],
  [zone.device_root, zone.watcher_root, zone.registry_root, zone.params_hash, zone.epoch_tag, zone.drawn_leaves, zone.drawn_owners]);
const votes = Array(W).fill(null);
for (const vote of lines("fleet/attestations.jsonl").filter(vote => vote.zone === zone.zone)) {
  const bytes = eth.arrayify(vote.bitmap), bit = (i, s) => bytes[i * S + s >> 3] >> ((i * S + s) % 8) & 1;
  same(`digest of seat ${vote.seat}`, digest(N, S, bit).digest, vote.digest);
  same(`signature of seat ${vote.seat}`, verifies(committee[vote.seat].key, P(tag("attestation"), tagOfEpoch, zone.zone, vote.seat, vote.digest), vote.signature), true);
  votes[vote.seat] = { bit, digest: vote.digest, signature: vote.signature };
}
const digests = votes.map(vote => vote ? vote.digest : "0");
const up = range(0, N - 1).map(i => range(0, S - 1).filter(s => votes.filter(vote => vote && vote.bit(Number(i), Number(s))).length >= Number(p.quorum)).length);
const present = range(0, N - 1).map(i => devices.find(d => d.index === zone.zone * N + Number(i)));
const scores = up.map((T, i) => present[i] ? Number(ruleScore("geodnet-linear", T, S, p.epoch_seconds)) : 0);
const payees = present.map(d => d ? d.payee : "0x" + "00".repeat(20));
const outCommit = sponge("out", [...pack(scores), ...digests.map(BigInt)]);
const data = eth.hexConcat([...payees.map((payee, i) => eth.hexConcat([payee, word(scores[i], 4)])), ...digests.map(d => word(d))]);
const point = (selector, commitment, bytes) => BigInt(keccak(abi(["bytes4", "uint256", "uint256", "uint256", "uint256", "uint256", "bytes32"],
  [selector, tagOfEpoch, registryRoot, paramsHash, zone.zone, commitment, keccak(bytes)]))) % r;
const z = point(e.selector, outCommit, data);
const y = fingerprint(z, payees, scores, digests);
same("outcome", [digests, up, scores, outCommit, data, z, y], [zone.digests, zone.up_slots, zone.scores, zone.out_commit, zone.settlement_data, zone.z, zone.y]);
same("public inputs", [tagOfEpoch, registryRoot, paramsHash, String(zone.zone), outCommit, z, y], zone.public_inputs);
const claims = [0, 8].map(i => claimLeaf(e.number, zone.zone * N + i, eth.hexDataSlice(data, 24 * i, 24 * (i + 8))));
same("on chain", [standing(digests), claims, claimRoot(claims)], [zone.standing, zone.claim_leaves, zone.claim_root]);
same("path of the second leaf", claimRoot([zone.claim_path_of_second_leaf.reduce(pair, claims[1])]), zone.claim_root);

// The vote of one of its seats, opened.
{
  const opened = json("vote.json"), vote = votes[opened.seat];
  const words = [opened.seat, vote.digest, ...vote.signature.r8, vote.signature.s, ...digest(N, S, vote.bit).packed].map(BigInt);
  const commitment = sponge("vote-out", words.slice(0, 5)), bytes = eth.hexConcat(words.map(value => word(value)));
  const at = point(opened.selector, commitment, bytes), y = words.reduceRight((sum, value) => (sum * at + value) % r, 0n);
  same("vote", [words, bytes], [opened.words, opened.data]);
  same("public inputs of the vote", [tagOfEpoch, registryRoot, paramsHash, String(opened.zone), commitment, at, y], opened.public_inputs);
}

console.log(`${checks} checks, ${failures} differences`);
process.exit(failures ? 1 : 0);
