// A NeRF on the graphics card: weights and occupancy as textures, and pictures of any camera, band by band.
"use strict";

const N_WEIGHTS = 18432, ROW_TEXELS = 16, HIDDEN_ROWS = 272;

const bytesOf = (text) => Uint8Array.from(atob(text), (letter) => letter.charCodeAt(0));

async function inflate(bytes) {
  const unpacked = new Blob([bytes]).stream().pipeThrough(new DecompressionStream("deflate"));
  return new Uint8Array(await new Response(unpacked).arrayBuffer());
}

// Flat [out, in] matrices to rows of 16 texels: row j holds all weights that leave input j of a layer.
function weightTexels(flat) {
  const texels = new Uint16Array(4 * ROW_TEXELS * (HIDDEN_ROWS + 4));
  let begin = 0, row = 0;
  for (const n of [144, 64, 64]) {
    for (let out = 0; out < 64; ++out) for (let j = 0; j < n; ++j) texels[64 * (row + j) + out] = flat[begin + out * n + j];
    begin += 64 * n;
    row += n;
  }
  for (let out = 0; out < 4; ++out) for (let j = 0; j < 64; ++j) texels[64 * row + 4 * j + out] = flat[begin + out * 64 + j];
  return texels;
}

// One byte a cell, [x, y, z] order, and the smallest box around the occupied ones (the samples do not depend on it).
function occupancyOf(bits, n, [low, high]) {
  const cells = new Uint8Array(n ** 3), first = [n, n, n], last = [-1, -1, -1];
  for (let i = 0; i < cells.length; ++i) {
    cells[i] = (bits[i >> 3] >> (7 - (i & 7))) & 1;
    if (cells[i])
      [Math.floor(i / (n * n)), Math.floor(i / n) % n, i % n].forEach((cell, axis) => {
        first[axis] = Math.min(first[axis], cell);
        last[axis] = Math.max(last[axis], cell);
      });
  }
  const side = (high - low) / n, none = last[0] < 0;
  return { cells, lowest: first.map((cell) => (none ? low : low + cell * side)), highest: last.map((cell) => (none ? high : low + (cell + 1) * side)) };
}

function compile(gl, vertex, fragment) {
  const program = gl.createProgram();
  for (const [kind, text] of [[gl.VERTEX_SHADER, vertex], [gl.FRAGMENT_SHADER, fragment]]) {
    const shader = gl.createShader(kind);
    gl.shaderSource(shader, text);
    gl.compileShader(shader);
    gl.attachShader(program, shader);
    if (!gl.getShaderParameter(shader, gl.COMPILE_STATUS) && !gl.isContextLost()) throw new Error(gl.getShaderInfoLog(shader));
  }
  gl.linkProgram(program);
  if (!gl.getProgramParameter(program, gl.LINK_STATUS)) throw new Error(gl.getProgramInfoLog(program) || "the shader does not link");
  return program;
}

function texture(gl, unit, target, upload) {
  const made = gl.createTexture();
  gl.activeTexture(gl.TEXTURE0 + unit);
  gl.bindTexture(target, made);
  gl.texParameteri(target, gl.TEXTURE_MIN_FILTER, gl.NEAREST);
  gl.texParameteri(target, gl.TEXTURE_MAG_FILTER, gl.NEAREST);
  upload();
  return made;
}

const WHOLE_SCREEN = `#version 300 es
void main() { gl_Position = vec4(vec2(gl_VertexID == 1 ? 3 : -1, gl_VertexID == 2 ? 3 : -1), 0, 1); }`;

// nerf: {weights, occupancy, resolution, box, angle, step}. Returns draw(view, from, to, withCounts).
async function makeRenderer(nerf, shader) {
  const gl = document.createElement("canvas").getContext("webgl2", { antialias: false, depth: false });
  if (!gl) throw new Error("this browser has no WebGL2");
  if (typeof DecompressionStream === "undefined") throw new Error("this browser cannot unpack the occupancy grid");
  const grid = occupancyOf(await inflate(bytesOf(nerf.occupancy)), nerf.resolution, nerf.box);
  const flat = new Uint16Array(bytesOf(nerf.weights).buffer);
  if (flat.length !== N_WEIGHTS) throw new Error(`${flat.length} weights instead of ${N_WEIGHTS}`);
  const program = compile(gl, WHOLE_SCREEN, shader), n = nerf.resolution;
  gl.useProgram(program);
  gl.pixelStorei(gl.UNPACK_ALIGNMENT, 1);
  texture(gl, 0, gl.TEXTURE_2D, () => gl.texImage2D(gl.TEXTURE_2D, 0, gl.RGBA16F, ROW_TEXELS, HIDDEN_ROWS + 4, 0, gl.RGBA, gl.HALF_FLOAT, weightTexels(flat)));
  texture(gl, 1, gl.TEXTURE_3D, () => gl.texImage3D(gl.TEXTURE_3D, 0, gl.R8UI, n, n, n, 0, gl.RED_INTEGER, gl.UNSIGNED_BYTE, grid.cells));
  const at = (name) => gl.getUniformLocation(program, name);
  gl.uniform1i(at("weights"), 0);
  gl.uniform1i(at("occupancy"), 1);
  gl.uniform2f(at("box"), ...nerf.box);
  gl.enable(gl.SCISSOR_TEST);
  let size = 0, targets = [];

  function resize(wanted) {
    if (size === wanted) return;
    targets.forEach((old) => gl.deleteTexture(old));
    size = wanted;
    targets = [gl.RGBA8, gl.RG32UI].map((format) => texture(gl, 2, gl.TEXTURE_2D, () => gl.texStorage2D(gl.TEXTURE_2D, 1, format, size, size)));
    gl.bindFramebuffer(gl.FRAMEBUFFER, gl.createFramebuffer());
    targets.forEach((target, i) => gl.framebufferTexture2D(gl.FRAMEBUFFER, gl.COLOR_ATTACHMENT0 + i, gl.TEXTURE_2D, target, 0));
    gl.drawBuffers([gl.COLOR_ATTACHMENT0, gl.COLOR_ATTACHMENT1]);
    if (gl.checkFramebufferStatus(gl.FRAMEBUFFER) !== gl.FRAMEBUFFER_COMPLETE) throw new Error("the graphics card cannot draw into these textures");
    gl.viewport(0, 0, size, size);
  }

  function read(attachment, format, type, low, high, Kind) {
    const found = new Kind(4 * size * (high - low));
    gl.readBuffer(attachment);
    gl.readPixels(0, low, size, high - low, format, type, found);
    return found;
  }

  // Rows [from, to) of a square picture, top row first: pixels RGBA, and (samples, network evaluations, 0, 0) a pixel.
  return function draw(view, from = 0, to = view.size, withCounts = true) {
    resize(view.size);
    const c = view.c2w, cut = view.cut || { axis: -1, at: 0 };
    gl.uniform3f(at("eye"), c[3], c[7], c[11]);
    gl.uniformMatrix3fv(at("axes"), false, [c[0], c[4], c[8], c[1], c[5], c[9], c[2], c[6], c[10]]);
    gl.uniform1f(at("size"), size);
    gl.uniform1f(at("focal"), (0.5 * size) / Math.tan(nerf.angle / 2));
    gl.uniform1f(at("stride"), view.step || nerf.step);
    gl.uniform3fv(at("lowest"), view.everywhere ? Array(3).fill(nerf.box[0]) : grid.lowest);
    gl.uniform3fv(at("highest"), view.everywhere ? Array(3).fill(nerf.box[1]) : grid.highest);
    gl.uniform1i(at("everywhere"), view.everywhere ? 1 : 0);
    gl.uniform1i(at("cutAxis"), cut.axis);
    gl.uniform1f(at("cutAt"), cut.at);
    const low = size - to, high = size - from;  // WebGL counts rows from the bottom
    gl.scissor(0, low, size, high - low);
    gl.drawArrays(gl.TRIANGLES, 0, 3);
    const pixels = read(gl.COLOR_ATTACHMENT0, gl.RGBA, gl.UNSIGNED_BYTE, low, high, Uint8Array);
    const counts = withCounts ? read(gl.COLOR_ATTACHMENT1, gl.RGBA_INTEGER, gl.UNSIGNED_INT, low, high, Uint32Array) : null;
    if (gl.isContextLost()) throw new Error("the graphics card gave up");
    return { pixels: flipped(pixels, 4 * size), counts: counts && flipped(counts, 4 * size) };
  };
}

function flipped(values, width) {
  const out = new values.constructor(values.length), n = values.length / width;
  for (let row = 0; row < n; ++row) out.set(values.subarray(row * width, (row + 1) * width), (n - 1 - row) * width);
  return out;
}
