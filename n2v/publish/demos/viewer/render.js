// A NeRF on the graphics card: weights and occupancy as textures, and pictures of any camera, band by band.
"use strict";

const WHOLE_SCREEN = `#version 300 es
void main() { gl_Position = vec4(vec2(gl_VertexID == 1 ? 3 : -1, gl_VertexID == 2 ? 3 : -1), 0, 1); }`;

const bytesOf = (text) => Uint8Array.from(atob(text), (letter) => letter.charCodeAt(0));

async function inflate(bytes) {
  if (typeof DecompressionStream === "undefined") throw new Error("this browser cannot unpack the occupancy grid");
  const unpacked = new Blob([bytes]).stream().pipeThrough(new DecompressionStream("deflate"));
  return new Uint8Array(await new Response(unpacked).arrayBuffer());
}

// Use a program; returns what finds its uniforms.
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
  gl.useProgram(program);
  return (name) => gl.getUniformLocation(program, name);
}

function bindTexture(gl, unit, target) {
  gl.activeTexture(gl.TEXTURE0 + unit);
  gl.bindTexture(target, gl.createTexture());
  gl.texParameteri(target, gl.TEXTURE_MIN_FILTER, gl.NEAREST);
  gl.texParameteri(target, gl.TEXTURE_MAG_FILTER, gl.NEAREST);
}

// A function that gives the framebuffer's targets, colours and counts, another size.
function makeTargets(gl) {
  const targets = [gl.RGBA8, gl.RG32UI].map((format) => [format, gl.createRenderbuffer()]);
  gl.bindFramebuffer(gl.FRAMEBUFFER, gl.createFramebuffer());
  gl.enable(gl.SCISSOR_TEST);
  return (size) => {
    for (const [i, [format, target]] of targets.entries()) {
      gl.bindRenderbuffer(gl.RENDERBUFFER, target);
      gl.renderbufferStorage(gl.RENDERBUFFER, format, size, size);
      gl.framebufferRenderbuffer(gl.FRAMEBUFFER, gl.COLOR_ATTACHMENT0 + i, gl.RENDERBUFFER, target);
    }
    gl.drawBuffers([gl.COLOR_ATTACHMENT0, gl.COLOR_ATTACHMENT1]);
    if (gl.checkFramebufferStatus(gl.FRAMEBUFFER) !== gl.FRAMEBUFFER_COMPLETE) throw new Error("the graphics card cannot draw numbers");
    gl.viewport(0, 0, size, size);
  };
}

// nerf: {weights, occupancy, resolution, box, lowest, highest, angle, step}. Returns draw(view, from, to).
async function makeRenderer(nerf, shader) {
  const gl = document.createElement("canvas").getContext("webgl2", { antialias: false, depth: false });
  if (!gl) throw new Error("this browser has no WebGL2");
  const cells = await inflate(bytesOf(nerf.occupancy)), n = nerf.resolution;
  const at = compile(gl, WHOLE_SCREEN, shader), resize = makeTargets(gl);
  gl.pixelStorei(gl.UNPACK_ALIGNMENT, 1);
  bindTexture(gl, 0, gl.TEXTURE_2D);
  const weights = new Uint16Array(bytesOf(nerf.weights).buffer);
  gl.texImage2D(gl.TEXTURE_2D, 0, gl.RGBA16F, 16, weights.length / 64, 0, gl.RGBA, gl.HALF_FLOAT, weights);
  bindTexture(gl, 1, gl.TEXTURE_3D);
  gl.texImage3D(gl.TEXTURE_3D, 0, gl.R8UI, n, n, n, 0, gl.RED_INTEGER, gl.UNSIGNED_BYTE, cells);
  gl.uniform1i(at("weights"), 0);
  gl.uniform1i(at("occupancy"), 1);
  gl.uniform2f(at("box"), ...nerf.box);
  let size = 0;

  // Rows [from, to) of a square picture, top row first: pixels RGBA, and (samples, network evaluations, 0, 0) a pixel.
  return function draw(view, from = 0, to = view.size) {
    if (size !== view.size) resize((size = view.size));
    const c = view.c2w, cut = view.cut || { axis: -1, at: 0 }, n_values = 4 * size * (to - from);
    gl.uniform3f(at("eye"), c[3], c[7], c[11]);
    gl.uniformMatrix3fv(at("axes"), false, [c[0], c[4], c[8], c[1], c[5], c[9], c[2], c[6], c[10]]);
    gl.uniform1f(at("size"), size);
    gl.uniform1f(at("focal"), (0.5 * size) / Math.tan(nerf.angle / 2));
    gl.uniform1f(at("stride"), view.step || nerf.step);
    gl.uniform3fv(at("lowest"), view.everywhere ? Array(3).fill(nerf.box[0]) : nerf.lowest);
    gl.uniform3fv(at("highest"), view.everywhere ? Array(3).fill(nerf.box[1]) : nerf.highest);
    gl.uniform1i(at("everywhere"), view.everywhere ? 1 : 0);
    gl.uniform1i(at("cutAxis"), cut.axis);
    gl.uniform1f(at("cutAt"), cut.at);
    gl.scissor(0, from, size, to - from);
    gl.drawArrays(gl.TRIANGLES, 0, 3);
    const pixels = new Uint8ClampedArray(n_values), counts = new Uint32Array(n_values);
    gl.readBuffer(gl.COLOR_ATTACHMENT0);
    gl.readPixels(0, from, size, to - from, gl.RGBA, gl.UNSIGNED_BYTE, pixels);
    gl.readBuffer(gl.COLOR_ATTACHMENT1);
    gl.readPixels(0, from, size, to - from, gl.RGBA_INTEGER, gl.UNSIGNED_INT, counts);
    if (gl.isContextLost()) throw new Error("the graphics card gave up");
    return { pixels, counts };
  };
}
