/* Computes the program of a decoder (genjax/sharing/publish_program.py), and nothing else.

   genjaxRuntime.load(program, base64) returns a function from the inputs, by name, to the image. It
   takes no library and fetches nothing, so that a page works where it was opened by a double click.

   An image costs a few milliseconds. Most of it goes into `multiply`, to which convolutions are led
   back as well: every place of the kernel becomes a row of numbers (im2col). Where the input of a
   convolution is spread by zeros, as that of a transposed one, the output falls apart into phases,
   each of which meets only some of the kernel; the zeros are never multiplied. Browsers multiply
   by 770 bytes of WebAssembly, four numbers at a time; one that has none, by the same in
   JavaScript. */
"use strict";
var genjaxRuntime = (function () {
  // multiply.wat, assembled: npx -p wabt wat2wasm multiply.wat --output=- | base64
  const MULTIPLY = [
    "AGFzbQEAAAABHgRgAXsBfWADf39/AX1gBX9/f39/AGAGf39/f39/AAIQAQRwYWdlBm1lbW9yeQIAAQMFBAABAgMHDAEIbXVsdGlw",
    "bHkAAwqwBQQZACAA/R8AIAD9HwGSIAD9HwIgAP0fA5KSCz8CAX8BeyAAIAJqIQMDQCAEIAD9AAQAIAH9AAQA/eYB/eQBIQQgAEEQ",
    "aiEAIAFBEGohASAAIANJDQALIAQQAAvCAgIFfwt7IAAgA2ohBiAGIANqIQcgByADaiEIIAEgA2ohCQNAIAEgBWr9AAQAIQogCSAF",
    "av0ABAAhCyAAIAVq/QAEACEMIA0gDCAK/eYB/eQBIQ0gDiAMIAv95gH95AEhDiAGIAVq/QAEACEMIA8gDCAK/eYB/eQBIQ8gECAM",
    "IAv95gH95AEhECAHIAVq/QAEACEMIBEgDCAK/eYB/eQBIREgEiAMIAv95gH95AEhEiAIIAVq/QAEACEMIBMgDCAK/eYB/eQBIRMg",
    "FCAMIAv95gH95AEhFCAFQRBqIQUgBSADSQ0ACyACIA0QADgCACACIA4QADgCBCACIARqIQIgAiAPEAA4AgAgAiAQEAA4AgQgAiAE",
    "aiECIAIgERAAOAIAIAIgEhAAOAIEIAIgBGohAiACIBMQADgCACACIBQQADgCBAuPAgEIfyAFQQJ0IQggBEECdCEJIAAhCgJAA0Ag",
    "BiADTw0BQQRBASAGQQRqIANNGyENQQAhByABIQsgAiEMAkADQCAHIARPDQEgDUEERiAHQQJqIARNcQRAIAogCyAMIAggCRACIAdB",
    "AmohByALIAhBAXRqIQsgDEEIaiEMBSAMIAogCyAIEAE4AgAgDUEERgRAIAwgCWogCiAIaiALIAgQATgCACAMIAlBAmxqIAogCEEC",
    "bGogCyAIEAE4AgAgDCAJQQNsaiAKIAhBA2xqIAsgCBABOAIACyAHQQFqIQcgCyAIaiELIAxBBGohDAsMAAsLIAYgDWohBiAKIAgg",
    "DWxqIQogAiAJIA1saiECDAALCws=",
  ].join("");
  const ARRAYS = { f32: Float32Array, bf16: Float32Array, i32: Int32Array, u32: Uint32Array, u8: Uint8Array };

  const erf = (x) => {  // Numerical Recipes, 6.2: an error below 1.2e-7
    const t = 1 / (1 + 0.5 * Math.abs(x));
    const p = [0.17087277, -0.82215223, 1.48851587, -1.13520398, 0.27886807, -0.18628806, 0.09678418, 0.37409196, 1.00002368, -1.26551223];
    const tail = t * Math.exp(-x * x + p.reduce((sum, c) => sum * t + c, 0));
    return x >= 0 ? 1 - tail : tail - 1;
  };
  const FUNCTIONS = {
    abs: Math.abs, ceil: Math.ceil, cos: Math.cos, erf, exp: Math.exp, exp2: (x) => 2 ** x,
    expm1: Math.expm1, floor: Math.floor, is_finite: (x) => +Number.isFinite(x), log: Math.log,
    log1p: Math.log1p, logistic: (x) => 1 / (1 + Math.exp(-x)), neg: (x) => -x,
    rsqrt: (x) => 1 / Math.sqrt(x), sign: Math.sign, sin: Math.sin, sqrt: Math.sqrt,
    square: (x) => x * x, tanh: Math.tanh,
    add: (x, y) => x + y, atan2: Math.atan2, div: (x, y) => x / y, eq: (x, y) => +(x === y),
    ge: (x, y) => +(x >= y), gt: (x, y) => +(x > y), le: (x, y) => +(x <= y), lt: (x, y) => +(x < y),
    max: (x, y) => Math.max(x, y), min: (x, y) => Math.min(x, y), mul: (x, y) => x * y,
    ne: (x, y) => +(x !== y), pow: Math.pow, rem: (x, y) => x % y, sub: (x, y) => x - y,
    and: (x, y) => x & y, or: (x, y) => x | y,
    select: (which, x, y) => (which ? y : x),
    clamp: (low, x, high) => Math.min(Math.max(x, low), high),
  };
  const STARTS = { add: 0, mul: 1, max: -Infinity, min: Infinity, and: -1, or: 0 };

  /* Call f(i, j) for every index of a shape, i = 0, 1, ... and j = offset + sum index * stride. */
  function walk(shape, strides, offset, f) {
    const rank = shape.length;
    if (!rank) return f(0, offset);
    const last = shape[rank - 1], step = strides[rank - 1], index = new Int32Array(rank);
    const total = shape.reduce((n, m) => n * m, 1);
    for (let i = 0, j = offset; i < total;) {
      for (let end = i + last, at = j; i < end; i++, at += step) f(i, at);
      for (let d = rank - 2; d >= 0; d--) {
        j += strides[d];
        if (++index[d] < shape[d]) break;
        j -= strides[d] * shape[d];
        index[d] = 0;
      }
    }
  }

  /* out[m, n] = sum_k a[m, k] b[n, k], in blocks of 4 x 2 numbers that stay in registers. */
  function multiplyPlainly(a, b, out, m, n, k) {
    let i = 0;
    for (; i + 4 <= m; i += 4) {
      const a0 = i * k, a1 = a0 + k, a2 = a1 + k, a3 = a2 + k;
      let j = 0;
      for (; j + 2 <= n; j += 2) {
        const b0 = j * k, b1 = b0 + k;
        let s00 = 0, s01 = 0, s10 = 0, s11 = 0, s20 = 0, s21 = 0, s30 = 0, s31 = 0;
        for (let l = 0; l < k; l++) {
          const x = b[b0 + l], y = b[b1 + l];
          const p = a[a0 + l], q = a[a1 + l], r = a[a2 + l], s = a[a3 + l];
          s00 += p * x; s01 += p * y; s10 += q * x; s11 += q * y;
          s20 += r * x; s21 += r * y; s30 += s * x; s31 += s * y;
        }
        const o = i * n + j;
        out[o] = s00; out[o + 1] = s01; out[o + n] = s10; out[o + n + 1] = s11;
        out[o + 2 * n] = s20; out[o + 2 * n + 1] = s21; out[o + 3 * n] = s30; out[o + 3 * n + 1] = s31;
      }
      for (; j < n; j++) for (let r = 0; r < 4; r++) out[(i + r) * n + j] = dot(a, (i + r) * k, b, j * k, k);
    }
    for (; i < m; i++) for (let j = 0; j < n; j++) out[i * n + j] = dot(a, i * k, b, j * k, k);
  }

  function dot(a, i, b, j, k) {
    let sum = 0;
    for (const end = i + k; i < end;) sum += a[i++] * b[j++];
    return sum;
  }

  /* Of each of the outputs 0 .. count - 1 along an axis: its phase, and where the kernel meets the input. */
  function findPhases(count, taps, stride, pad, spread, dilation, size) {
    const phases = new Map();
    for (let o = 0; o < count; o++) {
      const met = [], at = [];
      for (let t = 0; t < taps; t++) {
        const place = o * stride + t * dilation - pad;
        if (((place % spread) + spread) % spread === 0) { met.push(t); at.push(place / spread); }
      }
      const name = met.join();
      if (!phases.has(name)) phases.set(name, { taps: met, outputs: [] });
      phases.get(name).outputs.push({ o, at: at.map((i) => (i >= 0 && i < size ? i : -1)) });
    }
    return [...phases.values()];
  }

  /* The parts of a convolution, one for each pair of phases, with the sizes of their arrays. */
  function prepareConvolution(step) {
    const [, h, w, c] = step.x, [kh, kw, , features] = step.w, [, oh, ow] = step.sizes;
    const [down, across] = [[oh, kh, h], [ow, kw, w]].map(([count, taps, size], d) =>
      findPhases(count, taps, step.stride[d], step.pad[d], step.spread[d], step.dilation[d], size));
    const parts = [];
    for (const rows of down) for (const columns of across) {
      const used = rows.taps.length * columns.taps.length * c, length = (used + 3) & ~3;
      const places = rows.outputs.length * columns.outputs.length;
      const sizes = { kernel: features * length, patches: places * length, products: places * features };
      parts.push({ rows, columns, used, length, places, sizes });
    }
    return parts;
  }

  function packKernel(part, kernel, c, features, kw) {
    for (let f = 0; f < features; f++) {
      let to = f * part.length;
      for (const ty of part.rows.taps) for (const tx of part.columns.taps)
        for (let i = 0; i < c; i++) part.kernel[to++] = kernel[((ty * kw + tx) * c + i) * features + f];
    }
  }

  function packPatches(part, image, w, c) {
    const { patches, rows, columns } = part, gap = part.length - part.used;
    let to = 0;
    for (const { at: ys } of rows.outputs) for (const { at: xs } of columns.outputs) {
      for (const y of ys) for (const x of xs) {
        const from = (y * w + x) * c;
        if (y < 0 || x < 0) patches.fill(0, to, to + c);
        else for (let i = 0; i < c; i++) patches[to + i] = image[from + i];
        to += c;
      }
      to += gap;
    }
  }

  function convolve(step, [x, kernel], out, multiply) {
    const [n, h, w, c] = step.x, [, kw, , features] = step.w, [, oh, ow] = step.sizes;
    if (!step.packed) for (const part of step.parts) packKernel(part, kernel, c, features, kw);
    step.packed = step.fixed;
    for (let image = 0; image < n; image++) for (const part of step.parts) {
      packPatches(part, x.subarray(image * h * w * c), w, c);
      multiply(part.patches, part.kernel, part.products, part.places, features, part.length);
      let from = 0;
      for (const { o: oy } of part.rows.outputs) for (const { o: ox } of part.columns.outputs) {
        const to = ((image * oh + oy) * ow + ox) * features;
        for (let f = 0; f < features; f++) out[to + f] = part.products[from++];
      }
    }
  }

  function reduce(step, [x], out) {
    const { f, length } = step;
    for (let i = 0; i < out.length; i++) {
      const row = x.subarray(i * length, (i + 1) * length);
      if (f === "argmax" || f === "argmin") {
        let best = 0;
        for (let j = 1; j < length; j++) if (f === "argmax" ? row[j] > row[best] : row[j] < row[best]) best = j;
        out[i] = best;
      } else out[i] = row.reduce(FUNCTIONS[f], STARTS[f]);
    }
  }

  function map(step, inputs, out) {
    const n = out.length, [x, y, z] = inputs, [dx, dy, dz] = inputs.map((input) => +(input.length === n));
    const f = FUNCTIONS[step.f];
    switch (step.f) {  // those that an image consists of, written out, which is much faster
      case "add": for (let i = 0; i < n; i++) out[i] = x[i * dx] + y[i * dy]; break;
      case "mul": for (let i = 0; i < n; i++) out[i] = x[i * dx] * y[i * dy]; break;
      case "sub": for (let i = 0; i < n; i++) out[i] = x[i * dx] - y[i * dy]; break;
      case "max": for (let i = 0; i < n; i++) out[i] = Math.max(x[i * dx], y[i * dy]); break;
      case "convert": for (let i = 0; i < n; i++) out[i] = x[i]; break;
      case "not": for (let i = 0; i < n; i++) out[i] = out instanceof Uint8Array ? 1 - x[i] : ~x[i]; break;
      default: for (let i = 0; i < n; i++) out[i] = f(x[i * dx], y && y[i * dy], z && z[i * dz]);
    }
  }

  /* Call f(g, start, inside) for every look-up: where its window starts, moved inside the array. */
  function lookUp(step, starts, f) {
    const depth = step.strides.length;
    for (let g = 0; g < step.count; g++) {
      let start = 0, inside = true;
      for (let d = 0; d < depth; d++) {
        const index = starts[g * depth + d], moved = Math.min(Math.max(index, 0), step.limits[d]);
        inside = inside && moved === index;
        start += moved * step.strides[d];
      }
      f(g, start, inside);
    }
  }

  function gather(step, [x, starts], out) {
    const size = out.length / step.count, fill = step.fill === null ? NaN : step.fill;
    lookUp(step, starts, (g, start, inside) =>
      walk(step.window, step.steps, start, (i, j) => { out[g * size + i] = inside || !step.fills ? x[j] : fill; }));
  }

  function scatter(step, [x, starts, updates], out) {
    const size = updates.length / step.count;
    out.set(x);
    lookUp(step, starts, (g, start, inside) => {
      if (inside) walk(step.window, step.steps, start, (i, j) => { out[j] = updates[g * size + i]; });
    });
  }

  const KINDS = {
    view: (step, [x], out) => walk(step.sizes, step.strides, step.offset, (i, j) => { out[i] = x[j]; }),
    place: (step, inputs, out) => {
      out.fill(step.fill);
      step.places.forEach((place, p) => walk(place.shape, place.strides, place.offset, (i, j) => { out[j] = inputs[p][i]; }));
    },
    multiply: ({ b, m, n, k }, [x, y], out, multiply) => {
      for (let i = 0; i < b; i++)
        multiply(x.subarray(i * m * k), y.subarray(i * n * k), out.subarray(i * m * n), m, n, k);
    },
    map, reduce, convolve, gather, scatter,
  };

  /* Round to the nearest number of bfloat16, ties to even. */
  function roundToBfloat16(array) {
    const bits = new Uint32Array(array.buffer, array.byteOffset, array.length);
    for (let i = 0; i < bits.length; i++) {
      if (array[i] === array[i]) bits[i] = ((bits[i] + 0x7fff + ((bits[i] >>> 16) & 1)) & 0xffff0000) >>> 0;
    }
  }

  function runSteps(steps, arrays, types, multiply) {
    for (const step of steps) {
      if (step.kind === "loop") { runLoop(step, arrays, types, multiply); continue; }
      const inputs = step.in.map((number) => arrays[number]), out = arrays[step.out];
      KINDS[step.kind](step, inputs, out, multiply);
      if (types[step.out][0] === "bf16") roundToBfloat16(out);
    }
  }

  function runLoop(step, arrays, types, multiply) {
    const { states, parts, results, length } = step, carried = states.length;
    states.forEach((number, i) => arrays[number].set(arrays[step.in[i]]));
    for (let turn = 0; turn < length; turn++) {
      const row = step.reverse ? length - 1 - turn : turn;
      parts.forEach((number, i) => {
        const part = arrays[number];
        part.set(arrays[step.in[carried + i]].subarray(row * part.length, (row + 1) * part.length));
      });
      runSteps(step.body, arrays, types, multiply);
      const found = results.map((number) => arrays[number].slice());
      found.forEach((result, i) =>
        i < carried ? arrays[states[i]].set(result) : arrays[step.outs[i]].set(result, row * result.length));
    }
    states.forEach((number, i) => arrays[step.outs[i]].set(arrays[number]));
  }

  function readBase64(text) {
    const binary = atob(text), bytes = new Uint8Array(binary.length);
    for (let i = 0; i < bytes.length; i++) bytes[i] = binary.charCodeAt(i);
    return bytes.buffer;
  }

  /* Room for so many numbers, and `multiply` of what lies in it. */
  function makeRoom(size, plain) {
    let buffer = null, multiply = multiplyPlainly, used = 0;
    try {
      if (plain) throw new Error("as asked");
      const memory = new WebAssembly.Memory({ initial: Math.ceil(size / 16384) + 1 });
      const { exports } = new WebAssembly.Instance(new WebAssembly.Module(readBase64(MULTIPLY)), { page: { memory } });
      buffer = memory.buffer;
      multiply = (a, b, out, m, n, k) => (k % 4 ? multiplyPlainly(a, b, out, m, n, k)
        : exports.multiply(a.byteOffset, b.byteOffset, out.byteOffset, m, n, k));
    } catch { buffer = new ArrayBuffer(4 * size); }
    const take = (count) => {
      used += (count + 3) & ~3;
      return new Float32Array(buffer, 4 * (used - ((count + 3) & ~3)), count);
    };
    return { take, multiply };
  }

  function listConvolutions(steps) {
    return steps.flatMap((step) => (step.kind === "loop" ? listConvolutions(step.body) : step.kind === "convolve" ? [step] : []));
  }

  function load(program, base64, { plain = false } = {}) {
    const constants = readBase64(base64), { types } = program, isFloat = (type) => ARRAYS[type] === Float32Array;
    const convolutions = listConvolutions([...program.once, ...program.each]);
    for (const step of convolutions) Object.assign(step, { parts: prepareConvolution(step), packed: false });
    const parts = convolutions.flatMap((step) => step.parts);
    const counts = [...types.map(([type, size]) => (isFloat(type) ? size : 0)), ...parts.flatMap(({ sizes }) => Object.values(sizes))];
    const { take, multiply } = makeRoom(counts.reduce((sum, count) => sum + ((count + 3) & ~3), 0), plain);
    const arrays = types.map(([type, size]) => (isFloat(type) ? take(size) : new ARRAYS[type](size)));
    for (const part of parts) for (const [name, size] of Object.entries(part.sizes)) part[name] = take(size);
    for (const [number, offset] of program.constants) {
      const [type, size] = types[number];
      arrays[number].set(new (isFloat(type) ? Float32Array : Int32Array)(constants, 4 * offset, size));
    }
    runSteps(program.once, arrays, types, multiply);
    return (inputs) => {
      for (const [name, number] of Object.entries(program.inputs)) {
        const value = inputs[name];
        if (typeof value === "number") arrays[number][0] = value;
        else arrays[number].set(value);
      }
      runSteps(program.each, arrays, types, multiply);
      return arrays[program.output];
    };
  }

  return { load, readBase64 };
})();
