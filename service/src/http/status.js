// Draws what `/events` says. Everything that a caller has chosen (tenants, workers, files) goes into the page as text, never as markup.
"use strict";

const SVG = "http://www.w3.org/2000/svg";
/** The largest width of a drawing's units. */
const WIDTH = 600;

const at = (id) => document.getElementById(id);

function set(id, text) {
  at(id).textContent = text;
}

function seconds(value) {
  if (value === null || value === undefined) return "–";
  if (value < 1) return `${Math.round(value * 1000)} ms`;
  if (value < 100) return `${value.toFixed(1)} s`;
  if (value < 7200) return `${Math.round(value / 60)} min`;
  return `${Math.round(value / 3600)} h`;
}

function bytes(value) {
  const units = ["B", "KiB", "MiB", "GiB", "TiB"];
  let unit = 0;
  while (value >= 1024 && unit < units.length - 1) {
    value /= 1024;
    unit += 1;
  }
  return `${value.toFixed(value < 10 && unit > 0 ? 1 : 0)} ${units[unit]}`;
}

/** A row of cells: texts, elements, or [text, class]. */
function row(cells) {
  const tr = document.createElement("tr");
  for (const cell of cells) {
    const td = document.createElement("td");
    const [content, kind] = Array.isArray(cell) ? cell : [cell, ""];
    td.className = kind;
    if (kind === "name") td.title = content;
    td.append(content);
    tr.append(td);
  }
  return tr;
}

function fill(id, rows, columns, nothing) {
  if (rows.length === 0) {
    const empty = row([[nothing, "none"]]);
    empty.firstChild.colSpan = columns;
    rows = [empty];
  }
  at(id).replaceChildren(...rows);
}

function progress(done) {
  const bar = document.createElement("progress");
  bar.value = done;
  bar.title = `${Math.round(done * 100)} %`;
  return bar;
}

function drawHistory(history) {
  const drawing = at("history");
  const height = 120;
  // The newest second is at the right edge, wherever the history begins.
  const x = (index) => WIDTH - (history.length - 1 - index);
  const scaled = (name) => {
    const most = Math.max(1, ...history.map((point) => point[name]));
    return history.map((point, index) => `${x(index)},${(height - 4 - (point[name] / most) * (height - 10)).toFixed(1)}`);
  };
  const area = document.createElementNS(SVG, "polygon");
  area.setAttribute("class", "queued");
  area.setAttribute("points", [`${x(0)},${height - 4}`, ...scaled("queued"), `${WIDTH},${height - 4}`].join(" "));
  const line = document.createElementNS(SVG, "polyline");
  line.setAttribute("class", "ended");
  line.setAttribute("points", scaled("ended").join(" "));
  drawing.replaceChildren(area, line);
  for (const name of ["queued", "ended"]) set(`most-${name}`, Math.max(...history.map((point) => point[name])));
}

function drawPhases(phases) {
  const whole = phases.reduce((sum, [, time]) => sum + time, 0) || 1;
  let left = 0;
  const parts = phases.map(([, time], index) => {
    const part = document.createElementNS(SVG, "rect");
    const width = (time / whole) * WIDTH;
    part.setAttribute("class", `phase-${index}`);
    part.setAttribute("x", left);
    part.setAttribute("width", width);
    part.setAttribute("height", 24);
    left += width;
    return part;
  });
  at("phases").replaceChildren(...parts);
  const names = phases.map(([name, time], index) => {
    const item = document.createElement("li");
    const mark = document.createElement("i");
    mark.className = `phase-${index}`;
    item.append(mark, `${name.replaceAll("_", " ")} ${seconds(time)}`);
    return item;
  });
  at("phase-names").replaceChildren(...names);
}

function draw(state) {
  set("about", `${state.version} · ${state.store} · up ${seconds(state.uptime)} · ${bytes(state.process.memory)} · ${state.process.descriptors} descriptors · ${state.watchers} watched`);
  at("state").className = state.paused ? "paused" : "live";
  set("state", state.paused ? "paused" : "live");
  for (const name of ["queued", "leased", "succeeded", "failed"]) set(name, state.jobs[name]);
  set("pace", state.pace === null ? "–" : state.pace.toFixed(state.pace < 10 ? 1 : 0));
  set("oldest", state.jobs.queued === 0 ? "–" : seconds(state.oldest));
  drawHistory(state.history);
  fill("running", state.running.map((job) => row([
    [job.id, "name"], job.tenant, [job.worker, "name"], (job.phase ?? "–").replaceAll("_", " "), progress(job.done), seconds(job.since), seconds(job.remaining),
  ])), 7, "nothing at the moment");
  fill("workers", state.workers.map((worker) => row([
    [worker.name, "name"], worker.backend, worker.threads, bytes(worker.memory), worker.jobs, worker.proofs, `${seconds(worker.heard)} ago`,
    worker.quarantined ? ["quarantined", "bad"] : "working",
  ])), 8, "no worker has registered");
  const proofs = state.proofs === 1 ? "the last proof" : `the last ${state.proofs} proofs`;
  set("proofs", state.proofs === 0 ? "" : proofs);
  fill("latency", [["waiting", "waiting"], ["proving", "proving"], ["whole", "submission to proof"]].map(([key, name]) =>
    row([name, ...state.latency[key].map(seconds)])), 4, "");
  drawPhases(state.phases ?? []);
  fill("keys", state.keys.map((key) => row([
    [key.file, "name"], key.domain, bytes(key.memory), key.dev ? ["dev: whoever made it can forge proofs", "bad"] : "ceremony",
  ])), 4, "no key is loaded");
}

const events = new EventSource("events");
events.onmessage = (event) => draw(JSON.parse(event.data));
events.onerror = () => {
  at("state").className = "away";
  set("state", "the service does not answer");
};
