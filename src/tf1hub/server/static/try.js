// "Try it": a module runs in this browser where it can, else in the server where that is allowed.

const SVG = "http://www.w3.org/2000/svg";
const sessions = new Map();

async function imageValues(field) {
  const { height, width, channels } = Object.fromEntries(
    ["height", "width", "channels"].map((name) => [name, Number(field.dataset[name])]));
  const picture = await createImageBitmap(field.files[0], { resizeWidth: width, resizeHeight: height, resizeQuality: "high" });
  const canvas = document.createElement("canvas");
  [canvas.width, canvas.height] = [width, height];
  const pen = canvas.getContext("2d");
  pen.drawImage(picture, 0, 0);
  const pixels = pen.getImageData(0, 0, width, height).data;
  const rows = [];
  for (let y = 0; y < height; y += 1) {
    const row = [];
    for (let x = 0; x < width; x += 1) {
      const at = 4 * (y * width + x);
      const [red, green, blue] = [pixels[at] / 255, pixels[at + 1] / 255, pixels[at + 2] / 255];
      row.push(channels === 3 ? [red, green, blue] : [0.299 * red + 0.587 * green + 0.114 * blue]);
    }
    rows.push(row);
  }
  return [rows];
}

async function valueOf(field) {
  if (field.dataset.kind === "image") return imageValues(field);
  if (field.dataset.kind === "texts") return field.value.split("\n").filter((line) => line.trim());
  return JSON.parse(field.value);
}

async function fetched(address) {
  const answer = await fetch(address);
  if (answer.ok) return answer;
  const words = await answer.json().then(({ error }) => error.message, () => `The server answered with ${answer.status}.`);
  throw Object.assign(new Error(words), { elsewhere: true });
}

// A model ready to be run, and what makes the arrays that it takes of what the visitor gives.
async function opened(form) {
  const runtime = new URL(form.dataset.runtime, document.baseURI).href;
  const ort = await import(`${runtime}ort.wasm.min.mjs`);
  ort.env.wasm.wasmPaths = runtime;
  ort.env.wasm.numThreads = 1; // more would ask for isolation from other pages
  const [path, query] = form.dataset.model.split("?");
  const answer = await fetched(form.dataset.model);
  let feeds = (inputs) => inputs;
  // A server of files sends no such header: its pages say where the program is.
  const texts = form.dataset.texts ?? (answer.headers.has("X-TF1Hub-Texts") ? `${path}.text?${query}` : "");
  if (texts) {
    const [{ prepare }, program] = await Promise.all([import("./text.js"), fetched(texts).then((text) => text.json())]);
    feeds = prepare(program);
  }
  return { ort, feeds, session: await ort.InferenceSession.create(new Uint8Array(await answer.arrayBuffer())) };
}

const KINDS = { float32: Float32Array, float64: Float64Array, int32: Int32Array, int64: BigInt64Array, uint8: Uint8Array, int8: Int8Array, int16: Int16Array, uint16: Uint16Array, uint32: Uint32Array, bool: Uint8Array };

async function runHere(form, inputs) {
  const { arrayOf, bytesOf } = await import("./text.js");
  const address = form.dataset.model;
  if (!sessions.has(address)) sessions.set(address, await opened(form));
  const { ort, feeds, session } = sessions.get(address);
  const given = feeds(Object.fromEntries(Object.entries(inputs).map(
    ([name, value]) => [name, arrayOf(value, (each) => (typeof each === "string" ? bytesOf(each) : Number(each)))])));
  const tensors = {};
  for (const { name, type } of session.inputMetadata) {
    const value = given[name];
    if (value === undefined || !(type in KINDS)) throw Object.assign(new Error(`Its input ${name} cannot be made here.`), { elsewhere: true });
    const data = KINDS[type].from(type === "int64" ? value.data.map((each) => BigInt(each)) : value.data.map(Number));
    tensors[name] = new ort.Tensor(type, data, value.shape);
  }
  const found = await session.run(tensors);
  return Object.fromEntries(Object.entries(found).map(
    ([name, tensor]) => [name, { dtype: tensor.type, shape: [...tensor.dims], values: [...tensor.data].slice(0, 5000).map((each) => typeof each === "string" ? each : Number(each)) }]));
}

async function runThere(form, inputs) {
  const answer = await fetch(form.dataset.address, {
    method: "POST",
    headers: { "Content-Type": "application/json" },
    body: JSON.stringify({ signature: form.dataset.signature, inputs }),
  });
  const document_ = await answer.json();
  if (!answer.ok) throw new Error(document_.error.message);
  return document_.outputs;
}

function element(name, text, className) {
  const made = document.createElement(name);
  if (text !== undefined) made.textContent = text;
  if (className) made.className = className;
  return made;
}

function shape(name, given) {
  const made = document.createElementNS(SVG, name);
  for (const [key, value] of Object.entries(given)) made.setAttribute(key, value);
  return made;
}

function plotOf(values, label) {
  const most = 8;
  const first = values.map((value, index) => ({ value, index })).sort((a, b) => b.value - a.value).slice(0, most);
  const range = Math.max(...first.map(({ value }) => Math.abs(value)), 1e-12);
  const svg = shape("svg", { viewBox: `0 0 420 ${first.length * 22}`, class: "plot", role: "img" });
  svg.setAttribute("aria-label", `${label}: ${first.map(({ index, value }) => `${index}: ${value.toPrecision(3)}`).join(", ")}`);
  first.forEach(({ value, index }, row) => {
    const y = row * 22;
    const name = shape("text", { x: 44, y: y + 15, "text-anchor": "end" });
    name.textContent = index;
    svg.append(name, shape("rect", { x: 52, y: y + 3, height: 16, rx: 3, width: Math.max(1, (280 * Math.abs(value)) / range), class: value < 0 ? "p4" : "p0" }));
    const number = shape("text", { x: 60 + Math.max(1, (280 * Math.abs(value)) / range), y: y + 15 });
    number.textContent = value.toPrecision(3);
    svg.append(number);
  });
  return svg;
}

function neighboursOf(rows, names) {
  const length = (row) => Math.hypot(...row) || 1;
  const table = element("table");
  const head = table.createTHead().insertRow();
  for (const words of ["of", "nearest first (cosine)"]) {
    const cell = element("th", words);
    cell.scope = "col";
    head.append(cell);
  }
  const body = table.createTBody();
  rows.forEach((row, number) => {
    const near = rows.map((other, index) => ({ index, cosine: row.reduce((sum, value, place) => sum + value * other[place], 0) / length(row) / length(other) }))
      .filter(({ index }) => index !== number).sort((a, b) => b.cosine - a.cosine).slice(0, 5);
    const line = body.insertRow();
    line.insertCell().textContent = names[number];
    line.insertCell().textContent = near.map(({ index, cosine }) => `${names[index]} (${cosine.toFixed(3)})`).join(", ");
  });
  return table;
}

function show(holder, outputs, texts) {
  holder.replaceChildren();
  for (const [name, { dtype, shape: sizes, values }] of Object.entries(outputs)) {
    holder.append(element("h4", `${name} `));
    holder.lastChild.append(element("small", `${dtype} [${sizes.join(", ")}]`));
    const width = sizes.at(-1) ?? 1;
    const rows = [];
    for (let at = 0; at + width <= values.length && rows.length < 12; at += width) rows.push(values.slice(at, at + width));
    const numbers = values.every((value) => typeof value === "number");
    if (!numbers || sizes.length > 2 || sizes.length === 0 || width < 2) {
      holder.append(element("pre", JSON.stringify(values.slice(0, 60))));
      holder.lastChild.tabIndex = 0;
      continue;
    }
    const names = rows.map((_, index) => texts?.[index] ?? String(index));
    rows.slice(0, 4).forEach((row, index) => {
      if (rows.length > 1) holder.append(element("p", names[index], "of"));
      holder.append(plotOf(row, names[index]));
    });
    if (rows.length > 1) holder.append(neighboursOf(rows, names));
  }
}

async function run(form) {
  const said = form.querySelector(".said");
  const holder = form.querySelector(".outputs");
  const button = form.querySelector("button");
  said.textContent = "Running …";
  button.disabled = true;
  try {
    const inputs = {};
    let texts;
    for (const field of form.querySelectorAll("[data-name]")) {
      inputs[field.dataset.name] = await valueOf(field);
      if (field.dataset.kind === "texts") texts = inputs[field.dataset.name];
    }
    let outputs;
    let where = "in this browser";
    if (form.dataset.where !== "server") {
      try {
        outputs = await runHere(form, inputs);
      } catch (error) {
        if (!error.elsewhere || form.dataset.where !== "both") throw error;
      }
    }
    if (outputs === undefined) {
      outputs = await runThere(form, inputs);
      where = "in the server";
    }
    show(holder, outputs, texts);
    said.textContent = `Ran ${where}.`;
  } catch (error) {
    holder.replaceChildren();
    said.textContent = error instanceof SyntaxError ? "That is not JSON." : error.message;
  } finally {
    button.disabled = false;
  }
}

for (const form of document.querySelectorAll("form.try")) {
  form.hidden = false;
  form.addEventListener("submit", (event) => {
    event.preventDefault();
    run(form);
  });
}
