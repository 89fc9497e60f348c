// What stands before the model of a module that takes texts: its ops on strings and tables, and the small ones between them.
// A string is a string of bytes here, as it is in a graph: one letter for each byte of its UTF-8.

const MASK = (1n << 64n) - 1n;
const encoder = new TextEncoder();
const decoder = new TextDecoder();

export function bytesOf(text) {
  let bytes = "";
  for (const byte of encoder.encode(text)) bytes += String.fromCharCode(byte);
  return bytes;
}

export function textOf(bytes) {
  return decoder.decode(Uint8Array.from(bytes, (letter) => letter.charCodeAt(0)));
}

function refuse(words) {
  throw Object.assign(new Error(words), { elsewhere: true });
}

// Arrays of any rank: { shape, data }, the elements in row-major order.

const countOf = (shape) => shape.reduce((product, side) => product * side, 1);
const vector = (data) => ({ shape: [data.length], data });
const scalar = (value) => ({ shape: [], data: [value] });
const each = (change) => (_, x) => [{ shape: x.shape, data: x.data.map(change) }];

export function arrayOf(value, convert) {
  const shape = [];
  for (let inner = value; Array.isArray(inner); inner = inner[0]) shape.push(inner.length);
  const data = [value].flat(Infinity).map(convert);
  if (data.length !== countOf(shape)) throw new Error("Its rows have different lengths.");
  return { shape, data };
}

function stridesOf(shape) {
  const strides = new Array(shape.length).fill(1);
  for (let axis = shape.length - 2; axis >= 0; axis -= 1) strides[axis] = strides[axis + 1] * shape[axis + 1];
  return strides;
}

// For each element of a shape, in order: its place along each axis.
function* placesOf(shape) {
  const place = new Array(shape.length).fill(0);
  for (let left = countOf(shape); left > 0; left -= 1) {
    yield place;
    for (let axis = shape.length - 1; axis >= 0; axis -= 1) {
      place[axis] += 1;
      if (place[axis] < shape[axis]) break;
      place[axis] = 0;
    }
  }
}

// The elements of an array that lie at start + place * step, for each place of a shape.
function view(x, shape, start, steps) {
  const data = [];
  for (const place of placesOf(shape)) data.push(x.data[place.reduce((sum, each_, axis) => sum + each_ * steps[axis], start)]);
  return { shape, data };
}

function broadcast(arrays) {
  const rank = Math.max(...arrays.map((x) => x.shape.length));
  const padded = arrays.map((x) => [...new Array(rank - x.shape.length).fill(1), ...x.shape]);
  const shape = [];
  for (let axis = 0; axis < rank; axis += 1) {
    const sides = padded.map((each_) => each_[axis]).filter((side) => side !== 1);
    if (sides.some((side) => side !== sides[0])) throw new Error("Two shapes do not fit.");
    shape.push(sides.length ? sides[0] : 1);
  }
  return arrays.map((x, number) => {
    const strides = stridesOf(padded[number]).map((step, axis) => (padded[number][axis] === 1 ? 0 : step));
    return view(x, shape, 0, strides);
  });
}

function elementwise(combine) {
  return (_, ...arrays) => {
    const all = broadcast(arrays);
    return [{ shape: all[0].shape, data: all[0].data.map((__, index) => combine(...all.map((x) => x.data[index]))) }];
  };
}

function reduced(combine, start) {
  return ({ keep_dims }, x, axes) => {
    const rank = x.shape.length;
    const gone = new Set(axes.data.map((axis) => (axis + rank) % rank));
    const whole = x.shape.map((side, axis) => (gone.has(axis) ? 1 : side));
    const strides = stridesOf(whole).map((step, axis) => (gone.has(axis) ? 0 : step));
    const data = new Array(countOf(whole)).fill(start);
    let index = 0;
    for (const place of placesOf(x.shape)) {
      const at = place.reduce((sum, each_, axis) => sum + each_ * strides[axis], 0);
      data[at] = combine(data[at], x.data[index]);
      index += 1;
    }
    return [{ shape: keep_dims ? whole : x.shape.filter((_, axis) => !gone.has(axis)), data }];
  };
}

function reshape(x, wanted) {
  const known = countOf(wanted.filter((side) => side >= 0));
  return { shape: wanted.map((side) => (side < 0 ? (known ? x.data.length / known : 0) : side)), data: x.data };
}

function concat(axis, arrays) {
  const rank = arrays[0].shape.length;
  const along = (axis + rank) % rank;
  const outer = countOf(arrays[0].shape.slice(0, along));
  const data = [];
  for (let row = 0; row < outer; row += 1) {
    for (const x of arrays) {
      const piece = countOf(x.shape.slice(along));
      for (let at = row * piece; at < (row + 1) * piece; at += 1) data.push(x.data[at]);
    }
  }
  const shape = [...arrays[0].shape];
  shape[along] = arrays.reduce((sum, x) => sum + x.shape[along], 0);
  return { shape, data };
}

function stridedSlice(masks, x, begin, end, strides) {
  const has = (mask, place) => (mask >> place) & 1;
  const count = begin.data.length;
  const newAxes = [...Array(count).keys()].filter((place) => has(masks.new_axis_mask, place)).length;
  const own = stridesOf(x.shape);
  const shape = [];
  const steps = [];
  let start = 0;
  let axis = 0;
  const keepAll = () => {
    shape.push(x.shape[axis]);
    steps.push(own[axis]);
    axis += 1;
  };
  for (let place = 0; place < count; place += 1) {
    if (has(masks.ellipsis_mask, place)) {
      const after = count - place - 1 - [...Array(count).keys()].filter((other) => other > place && has(masks.new_axis_mask, other)).length;
      while (axis < x.shape.length - after) keepAll();
    } else if (has(masks.new_axis_mask, place)) {
      shape.push(1);
      steps.push(0);
    } else {
      const side = x.shape[axis];
      const step = strides.data[place];
      const clip = (value, low, high) => Math.min(Math.max(value < 0 ? value + side : value, low), high);
      const [low, high] = step > 0 ? [0, side] : [-1, side - 1];
      if (has(masks.shrink_axis_mask, place)) {
        const at = begin.data[place] < 0 ? begin.data[place] + side : begin.data[place];
        if (at < 0 || at >= side) throw new Error("An index is out of range.");
        start += at * own[axis];
      } else {
        const first = has(masks.begin_mask, place) ? (step > 0 ? 0 : side - 1) : clip(begin.data[place], low, high);
        const last = has(masks.end_mask, place) ? (step > 0 ? side : -1) : clip(end.data[place], low, high);
        shape.push(Math.max(0, Math.ceil((last - first) / step)));
        start += first * own[axis];
        steps.push(step * own[axis]);
      }
      axis += 1;
    }
  }
  if (newAxes + x.shape.length < count) throw new Error("A slice has more axes than its tensor.");
  while (axis < x.shape.length) keepAll();
  return view(x, shape, start, steps);
}

function gather(x, indices, axis) {
  const along = axis < 0 ? axis + x.shape.length : axis;
  const [before, after] = [x.shape.slice(0, along), x.shape.slice(along + 1)];
  const inner = countOf(after);
  const data = [];
  for (let row = 0; row < countOf(before); row += 1) {
    for (const index of indices.data) {
      if (index < 0 || index >= x.shape[along]) throw new Error("An index is out of range.");
      const at = (row * x.shape[along] + index) * inner;
      for (let place = at; place < at + inner; place += 1) data.push(x.data[place]);
    }
  }
  return { shape: [...before, ...indices.shape, ...after], data };
}

function gatherNd(x, indices) {
  const depth = indices.shape.at(-1);
  const [strides, inner] = [stridesOf(x.shape), countOf(x.shape.slice(depth))];
  const data = [];
  for (let at = 0; at < indices.data.length; at += depth) {
    let start = 0;
    for (let axis = 0; axis < depth; axis += 1) start += indices.data[at + axis] * strides[axis];
    for (let place = start; place < start + inner; place += 1) data.push(x.data[place]);
  }
  return { shape: [...indices.shape.slice(0, -1), ...x.shape.slice(depth)], data };
}

// Sparse matrices: indices, values, shape.

function sparse(rows) {
  const indices = [];
  rows.forEach((row, number) => row.forEach((_, place) => indices.push(number, place)));
  const values = rows.flat();
  return [{ shape: [values.length, 2], data: indices }, vector(values), vector([rows.length, Math.max(0, ...rows.map((row) => row.length))])];
}

function rowsOf({ shape: [count, width], data }) {
  return Array.from({ length: count }, (_, row) => data.slice(row * width, (row + 1) * width));
}

function fillEmptyRows(_, indices, values, shape, fallback) {
  const rows = rowsOf(indices).map((place, index) => ({ place, value: values.data[index], index }));
  const full = new Set(rows.map(({ place }) => place[0]));
  const empty = Array.from({ length: shape.data[0] }, (__, row) => !full.has(row));
  empty.forEach((isEmpty, row) => {
    if (isEmpty) rows.push({ place: [row, ...new Array(indices.shape[1] - 1).fill(0)], value: fallback.data[0], index: -1 });
  });
  rows.sort((a, b) => a.place[0] - b.place[0]);
  const went = new Array(values.data.length);
  rows.forEach(({ index }, place) => {
    if (index >= 0) went[index] = place;
  });
  return [
    { shape: [rows.length, indices.shape[1]], data: rows.flatMap(({ place }) => place) },
    vector(rows.map(({ value }) => value)), vector(empty), vector(went),
  ];
}

function sparseReshape(_, indices, shape, wanted) {
  const known = countOf(wanted.data.filter((side) => side >= 0));
  const sides = wanted.data.map((side) => (side < 0 ? (known ? countOf(shape.data) / known : 0) : side));
  const [old, strides] = [stridesOf(shape.data), stridesOf(sides)];
  const data = rowsOf(indices).flatMap((place) => {
    const flat = place.reduce((sum, each_, axis) => sum + each_ * old[axis], 0);
    return strides.map((step, axis) => Math.floor(flat / step) % sides[axis]);
  });
  return [{ shape: [indices.shape[0], sides.length], data }, vector(sides)];
}

function toDense(_, indices, shape, values, fallback) {
  const data = new Array(countOf(shape.data)).fill(fallback.data[0]);
  const strides = stridesOf(shape.data);
  const width = shape.data.length;
  const flat = indices.data.length;
  for (let at = 0; at < flat / width; at += 1) {
    let place = 0;
    for (let axis = 0; axis < width; axis += 1) place += indices.data[at * width + axis] * strides[axis];
    data[place] = values.data.length === 1 && values.shape.length === 0 ? values.data[0] : values.data[at];
  }
  return [{ shape: [...shape.data], data }];
}

// Hashes.

const [K0, K1, K2] = [0xC3A5C85C97CB3127n, 0xB492B66FBE98F273n, 0x9AE16A3B2F90404Fn];

function word(data, at, size = 8) {
  let value = 0n;
  for (let place = size - 1; place >= 0; place -= 1) value = (value << 8n) | BigInt(data.charCodeAt(at + place));
  return value;
}

function rotate(value, by) {
  const whole = value & MASK;
  return ((whole >> BigInt(by)) | (whole << BigInt(64 - by))) & MASK;
}

function mix(value) {
  const whole = value & MASK;
  return whole ^ (whole >> 47n);
}

const ofTwo = (first, second, factor) => (mix((second ^ mix((first ^ second) * factor)) * factor) * factor) & MASK;

function weak(data, at, first, second) {
  const [w, x, y, z] = [0, 8, 16, 24].map((offset) => word(data, at + offset));
  let a = (first + w) & MASK;
  let b = rotate(second + a + z, 21);
  const before = a;
  a = (a + x + y) & MASK;
  b = (b + rotate(a, 44)) & MASK;
  return [(a + z) & MASK, (b + before) & MASK];
}

function fingerprintOfLong(data) {
  const size = data.length;
  let [x, y] = [81n, (81n * K1 + 113n) & MASK];
  let z = (mix(y * K2 + 113n) * K2) & MASK;
  let [v, w] = [[0n, 0n], [0n, 0n]];
  x = (x * K2 + word(data, 0)) & MASK;
  const end = Math.floor((size - 1) / 64) * 64;
  const round = (at, factor, extra) => {
    x = (rotate(x + y + v[0] + word(data, at + 8), 37) * factor) & MASK;
    y = (rotate(y + v[1] + word(data, at + 48), 42) * factor) & MASK;
    x ^= (w[1] * extra) & MASK;
    y = (y + v[0] * extra + word(data, at + 40)) & MASK;
    z = (rotate(z + w[0], 33) * factor) & MASK;
    v = weak(data, at, (v[1] * factor) & MASK, (x + w[0]) & MASK);
    w = weak(data, at + 32, (z + w[1]) & MASK, (y + word(data, at + 16)) & MASK);
    [z, x] = [x, z];
  };
  for (let at = 0; at < end; at += 64) round(at, K1, 1n);
  const factor = K1 + ((z & 0xFFn) << 1n);
  w = [(w[0] + BigInt((size - 1) & 63)) & MASK, w[1]];
  v = [(v[0] + w[0]) & MASK, v[1]];
  w = [(w[0] + v[0]) & MASK, w[1]];
  round(size - 64, factor, 9n);
  return ofTwo((ofTwo(v[0], w[0], factor) + mix(y) * K0 + z) & MASK, (ofTwo(v[1], w[1], factor) + x) & MASK, factor);
}

// FarmHash's Fingerprint64.
export function fingerprint64(data) {
  const size = data.length;
  const factor = K2 + BigInt(size) * 2n;
  if (size > 64) return fingerprintOfLong(data);
  if (size > 32) {
    const [a, b] = [(word(data, 0) * K2) & MASK, word(data, 8)];
    const [c, d] = [(word(data, size - 8) * factor) & MASK, (word(data, size - 16) * K2) & MASK];
    const y = (rotate(a + b, 43) + rotate(c, 30) + d) & MASK;
    const z = ofTwo(y, (a + rotate(b + K2, 18) + c) & MASK, factor);
    const [e, f] = [(word(data, 16) * factor) & MASK, word(data, 24)];
    const g = ((y + word(data, size - 32)) * factor) & MASK;
    const h = ((z + word(data, size - 24)) * factor) & MASK;
    return ofTwo((rotate(e + f, 43) + rotate(g, 30) + h) & MASK, (e + rotate(f + a, 18) + g) & MASK, factor);
  }
  if (size > 16) {
    const [a, b] = [(word(data, 0) * K1) & MASK, word(data, 8)];
    const [c, d] = [(word(data, size - 8) * factor) & MASK, (word(data, size - 16) * K2) & MASK];
    return ofTwo((rotate(a + b, 43) + rotate(c, 30) + d) & MASK, (a + rotate(b + K2, 18) + c) & MASK, factor);
  }
  if (size >= 8) {
    const [a, b] = [(word(data, 0) + K2) & MASK, word(data, size - 8)];
    return ofTwo((rotate(b, 37) * factor + a) & MASK, ((rotate(a, 25) + b) * factor) & MASK, factor);
  }
  if (size >= 4) return ofTwo((BigInt(size) + (word(data, 0, 4) << 3n)) & MASK, word(data, size - 4, 4), factor);
  if (!size) return K2;
  const y = BigInt(data.charCodeAt(0) + (data.charCodeAt(size >> 1) << 8));
  const z = BigInt(size + (data.charCodeAt(size - 1) << 2));
  return (mix(((y * K2) & MASK) ^ ((z * K0) & MASK)) * K2) & MASK;
}

// SipHash-2-4, with a key of two numbers.
export function siphash(key, data) {
  const v = [key[0] ^ 0x736F6D6570736575n, key[1] ^ 0x646F72616E646F6Dn, key[0] ^ 0x6C7967656E657261n, key[1] ^ 0x7465646279746573n];
  const rounds = (count) => {
    for (let round = 0; round < count; round += 1) {
      v[0] = (v[0] + v[1]) & MASK;
      v[1] = rotate(v[1], 51) ^ v[0];
      v[0] = rotate(v[0], 32);
      v[2] = (v[2] + v[3]) & MASK;
      v[3] = rotate(v[3], 48) ^ v[2];
      v[0] = (v[0] + v[3]) & MASK;
      v[3] = rotate(v[3], 43) ^ v[0];
      v[2] = (v[2] + v[1]) & MASK;
      v[1] = rotate(v[1], 47) ^ v[2];
      v[2] = rotate(v[2], 32);
    }
  };
  const padded = data + "\0".repeat(7 - (data.length % 8)) + String.fromCharCode(data.length & 0xFF);
  for (let at = 0; at < padded.length; at += 8) {
    const piece = word(padded, at);
    v[3] ^= piece;
    rounds(2);
    v[0] ^= piece;
  }
  v[2] ^= 0xFFn;
  rounds(4);
  return v[0] ^ v[1] ^ v[2] ^ v[3];
}

// Strings.

const lower = (bytes) => bytes.replace(/[A-Z]/g, (letter) => letter.toLowerCase());
const upper = (bytes) => bytes.replace(/[a-z]/g, (letter) => letter.toUpperCase());
const strip = (bytes) => bytes.replace(/^[ \t\n\v\f\r]+|[ \t\n\v\f\r]+$/g, "");
const changeCase = (ofBytes, ofText) => ({ encoding }, x) => each(encoding === "utf-8" ? (bytes) => bytesOf(ofText(textOf(bytes))) : ofBytes)({}, x);

function replaceMatches({ pattern, flags, rewrite, replace_global: everywhere }, x) {
  const expression = new RegExp(pattern, `g${flags}`);
  return each((bytes) => {
    const text = textOf(bytes);
    let [result, last, barred] = ["", 0, -1];
    for (const match of text.matchAll(expression)) {
      const end = match.index + match[0].length;
      // There is no empty match right behind a match.
      if (match[0] === "" && match.index === barred) continue;
      result += text.slice(last, match.index);
      for (const part of rewrite) result += typeof part === "number" ? match[part] ?? "" : part;
      last = barred = end;
      if (!everywhere) break;
    }
    return bytesOf(result + text.slice(last));
  })({}, x);
}

function split({ skip_empty }, x, delimiter) {
  const marks = delimiter.data[0];
  return sparse(x.data.map((text) => {
    if (!marks) return [...text];
    const pieces = text ? [...marks].reduce((rest, mark) => rest.replaceAll(mark, marks[0]), text).split(marks[0]) : [];
    return skip_empty ? pieces.filter(Boolean) : pieces;
  }));
}

function splitLikePython({ maxsplit }, x, separator) {
  if (maxsplit >= 0) refuse("It splits only so often.");
  const mark = separator.data[0];
  return sparse(x.data.map((text) => (mark ? text.split(mark) : text.split(/[ \t\n\v\f\r]+/).filter(Boolean))));
}

function substring({ unit }, x, position, length) {
  const inLetters = unit === "UTF8_CHAR";
  return elementwise((bytes, start, count) => {
    const whole = inLetters ? [...textOf(bytes)] : bytes;
    if (Math.abs(start) > whole.length) throw new Error("A text is shorter than what is cut out of it.");
    const first = start < 0 ? start + whole.length : start;
    const found = whole.slice(first, first + Math.max(count, 0));
    return inLetters ? bytesOf(found.join("")) : found;
  })({}, x, position, length);
}

function find({ table }, keys, fallback) {
  if (fallback.data.length !== 1) refuse("A table has a value for each key that it lacks.");
  return each((key) => (table.has(key) ? table.get(key) : fallback.data[0]))({}, keys);
}

const casts = { int: Math.trunc, bool: Boolean, float32: Math.fround, float64: Number };

// What each op does: its attributes and inputs to its outputs. The server knows these names, and offers nothing else.
export const OPS = {
  AddV2: elementwise((a, b) => a + b),
  Add: elementwise((a, b) => a + b),
  Cast: ({ to }, x) => each(casts[to] ?? (() => refuse(`It casts to ${to}.`)))({}, x),
  ConcatV2: (_, ...inputs) => [concat(inputs.at(-1).data[0], inputs.slice(0, -1))],
  Equal: elementwise((a, b) => a === b),
  ExpandDims: (_, x, axis) => {
    const at = axis.data[0] < 0 ? axis.data[0] + x.shape.length + 1 : axis.data[0];
    return [{ shape: [...x.shape.slice(0, at), 1, ...x.shape.slice(at)], data: x.data }];
  },
  Fill: (_, sizes, value) => [{ shape: [...sizes.data], data: new Array(countOf(sizes.data)).fill(value.data[0]) }],
  FloorMod: elementwise((a, b) => (a % b && a % b < 0 !== b < 0 ? (a % b) + b : a % b)),
  Gather: (_, x, indices) => [gather(x, indices, 0)],
  GatherNd: (_, x, indices) => [gatherNd(x, indices)],
  GatherV2: ({ batch_dims }, x, indices, axis) => [batch_dims ? refuse("It gathers in batches.") : gather(x, indices, axis.data[0])],
  Greater: elementwise((a, b) => a > b),
  GreaterEqual: elementwise((a, b) => a >= b),
  Identity: (_, x) => [x],
  Less: elementwise((a, b) => a < b),
  LessEqual: elementwise((a, b) => a <= b),
  LogicalAnd: elementwise((a, b) => a && b),
  LogicalNot: each((a) => !a),
  LogicalOr: elementwise((a, b) => a || b),
  LookupTableFind: find,
  LookupTableFindV2: find,
  LookupTableSizeV2: ({ table }) => [scalar(table.size)],
  Max: reduced(Math.max, -Infinity),
  Maximum: elementwise(Math.max),
  Min: reduced(Math.min, Infinity),
  Minimum: elementwise(Math.min),
  Mul: elementwise((a, b) => a * b),
  NotEqual: elementwise((a, b) => a !== b),
  OnesLike: each(() => 1),
  Pack: ({ axis }, ...inputs) => [concat(axis, inputs.map((x) => OPS.ExpandDims({}, x, scalar(axis))[0]))],
  Prod: reduced((a, b) => a * b, 1),
  Range: (_, start, limit, delta) => [vector(Array.from({ length: Math.max(0, Math.ceil((limit.data[0] - start.data[0]) / delta.data[0])) }, (__, index) => start.data[0] + index * delta.data[0]))],
  RegexReplace: replaceMatches,
  Reshape: (_, x, wanted) => [reshape(x, wanted.data)],
  // A vector of choices chooses rows.
  Select: (_, which, a, b) => OPS.SelectV2({}, { shape: [...which.shape, ...new Array(which.shape.length ? a.shape.length - which.shape.length : 0).fill(1)], data: which.data }, a, b),
  SelectV2: elementwise((which, a, b) => (which ? a : b)),
  Shape: (_, x) => [vector([...x.shape])],
  Size: (_, x) => [scalar(x.data.length)],
  Slice: (_, x, begin, size) => {
    const end = vector(size.data.map((side, axis) => (side < 0 ? x.shape[axis] : begin.data[axis] + side)));
    const whole = { begin_mask: 0, ellipsis_mask: 0, end_mask: 0, new_axis_mask: 0, shrink_axis_mask: 0 };
    return [stridedSlice(whole, x, begin, end, vector(begin.data.map(() => 1)))];
  },
  SparseFillEmptyRows: fillEmptyRows,
  SparseReshape: sparseReshape,
  SparseToDense: toDense,
  Squeeze: ({ squeeze_dims: axes }, x) => {
    const gone = new Set(axes.map((axis) => (axis + x.shape.length) % x.shape.length));
    return [{ shape: x.shape.filter((side, axis) => (axes.length ? !gone.has(axis) : side !== 1)), data: x.data }];
  },
  StaticRegexFullMatch: ({ pattern, flags }, x) => each((bytes) => new RegExp(`^(?:${pattern})$`, flags).test(textOf(bytes)))({}, x),
  StaticRegexReplace: replaceMatches,
  StridedSlice: (masks, x, begin, end, strides) => [stridedSlice(masks, x, begin, end, strides)],
  StringJoin: ({ separator }, ...inputs) => elementwise((...texts) => texts.join(separator))({}, ...inputs),
  StringLength: ({ unit }, x) => each((bytes) => (unit === "UTF8_CHAR" ? [...textOf(bytes)].length : bytes.length))({}, x),
  StringLower: changeCase(lower, (text) => text.toLowerCase()),
  StringSplit: split,
  StringSplitV2: splitLikePython,
  StringStrip: each(strip),
  StringToHashBucketFast: ({ num_buckets: count }, x) => each((bytes) => Number(fingerprint64(bytes) % BigInt(count)))({}, x),
  StringToHashBucketStrong: ({ num_buckets: count, key }, x) => each((bytes) => Number(siphash(key.map((part) => BigInt.asUintN(64, BigInt(part))), bytes) % BigInt(count)))({}, x),
  StringUpper: changeCase(upper, (text) => text.toUpperCase()),
  Sub: elementwise((a, b) => a - b),
  Substr: substring,
  Sum: reduced((a, b) => a + b, 0),
  Tile: (_, x, times) => {
    const shape = x.shape.map((side, axis) => side * times.data[axis]);
    const strides = stridesOf(x.shape);
    const data = [];
    for (const place of placesOf(shape)) data.push(x.data[place.reduce((sum, at, axis) => sum + (at % x.shape[axis]) * strides[axis], 0)]);
    return [{ shape, data }];
  },
  Where: (_, x) => {
    const found = [];
    let index = 0;
    for (const place of placesOf(x.shape)) {
      if (x.data[index]) found.push([...place]);
      index += 1;
    }
    return [{ shape: [found.length, x.shape.length], data: found.flat() }];
  },
  ZerosLike: each(() => 0),
};

// A program, ready to be run: a function from the arrays behind the inputs to those that the model takes, by name.
export function prepare(program) {
  const tables = new Map(Object.entries(program.tables).map(([name, { keys, values }]) => [name, new Map(keys.map((key, index) => [key, values ? values[index] : index]))]));
  return (given) => {
    const values = new Map(Object.entries(program.constants));
    for (const [name, tensor] of Object.entries(program.fed)) {
      if (!(name in given)) throw new Error(`The input ${name} is missing.`);
      values.set(tensor, given[name]);
    }
    for (const { op, inputs, outputs, attributes, table } of program.steps) {
      const found = OPS[op]({ ...attributes, table: tables.get(table) }, ...inputs.map((name) => values.get(name)));
      found.forEach((value, index) => values.set(outputs[index], value));
    }
    return Object.fromEntries(Object.entries(program.gives).map(([name, tensor]) => [name, values.get(tensor)]));
  };
}
