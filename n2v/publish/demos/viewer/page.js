// The page around the renderer: orbit, zoom, slice, counts; coarse while something moves, fine when it rests.
"use strict";

const MOVING_MS = 30, BAND_MS = 60, REST_MS = 150, STILL_MS = 500;  // of a picture in motion, a band, a rest, a still
const MOST_BANDS = 32;  // of a picture at rest
const SMALLEST = 8, LARGEST = 2048;  // pixels
const nerf = JSON.parse(document.getElementById("nerf").textContent);
const $ = (id) => document.getElementById(id);
const canvas = $("view"), paint = canvas.getContext("2d");
const limited = (x, low, high) => Math.min(high, Math.max(low, x));
const state = { cut: null, everywhere: false, divisor: 1, ...readHash() };
let draw, msPerPixel = 0.01, moved = 0, job = null, counts = null;

// Degrees, degrees, scene units, pixels; from #azimuth=30&elevation=20&distance=1.8&size=256
function readHash() {
  const given = new URLSearchParams(location.hash.slice(1)), start = { ...nerf.start };
  for (const key of Object.keys(start)) if (Number.isFinite(parseFloat(given.get(key)))) start[key] = parseFloat(given.get(key));
  return { ...start, size: Math.round(limited(start.size, SMALLEST, LARGEST)), fixed: given.has("size") };
}

// The row-major c2w of n2v.scenes.cameras.look_at for a camera on a sphere that looks at the origin, z up.
function cameraOf({ azimuth, elevation, distance }) {
  const a = (azimuth * Math.PI) / 180, e = (limited(elevation, -89.9, 89.9) * Math.PI) / 180;
  const back = [Math.cos(e) * Math.cos(a), Math.cos(e) * Math.sin(a), Math.sin(e)];
  const right = [-Math.sin(a), Math.cos(a), 0];
  const up = [-Math.sin(e) * Math.cos(a), -Math.sin(e) * Math.sin(a), Math.cos(e)];
  const rows = [0, 1, 2].map((i) => [right[i], up[i], back[i], distance * back[i]]);
  return [...rows.flat(), 0, 0, 0, 1];
}

// Side of a picture that takes so long; without a wish for a size, one at rest has up to the screen's pixels.
const sizeWithin = (ms) => Math.floor(Math.sqrt(ms / msPerPixel));
const movingSize = () => limited(sizeWithin(MOVING_MS), SMALLEST, state.size);
const screenSize = () => Math.round(canvas.clientWidth * devicePixelRatio);
const stillSize = () => (state.fixed ? state.size : limited(Math.min(screenSize(), sizeWithin(STILL_MS)), state.size, LARGEST));

// Start a picture: change the number of pixels and keep what is seen.
function begin(size, moving) {
  job = { size, moving, row: 0, counts: new Uint32Array(4 * size ** 2) };
  if (canvas.width === size) return;
  const before = Object.assign(document.createElement("canvas"), { width: canvas.width, height: canvas.height });
  before.getContext("2d").drawImage(canvas, 0, 0);
  canvas.width = canvas.height = size;
  paint.drawImage(before, 0, 0, size, size);
}

// Draw the picture's next rows: all of one in motion, and of one at rest as many as BAND_MS allows.
function drawBand() {
  const { size, moving, row } = job, start = performance.now();
  const rows = moving ? size : Math.ceil(Math.max(size / MOST_BANDS, BAND_MS / (msPerPixel * size)));
  const to = Math.min(size, row + rows), step = nerf.step / (moving ? 1 : state.divisor);
  const found = draw({ ...state, c2w: cameraOf(state), size, step }, row, to);
  msPerPixel = 0.5 * msPerPixel + (0.5 * (performance.now() - start)) / (size * (to - row));
  paint.putImageData(new ImageData(found.pixels, size, to - row), 0, row);
  job.counts.set(found.counts, 4 * size * row);
  job.row = to;
  if (to < size) return;
  if (!moving) {
    counts = job.counts;
    canvas.dataset.state = "still";
    tellCounts();
  }
  job = null;
}

function frame() {
  try {
    if (job) drawBand();
    else if (performance.now() - moved > REST_MS) begin(stillSize(), false);
    if (canvas.dataset.state === "moving") requestAnimationFrame(frame);
  } catch (error) {
    fallBack(error);
  }
}

function changed() {
  const asleep = canvas.dataset.state !== "moving";
  moved = performance.now();
  counts = null;
  canvas.dataset.state = "moving";
  $("counts").textContent = "";
  begin(movingSize(), true);
  if (asleep) requestAnimationFrame(frame);
}

function tellCounts(at = null) {
  if (!counts) return;
  let samples = 0, asked = 0;
  for (let i = 0; i < counts.length; i += 4) [samples, asked] = [samples + counts[i], asked + counts[i + 1]];
  const whole = `Picture: ${samples.toLocaleString("en")} samples in occupied cells, the network asked for ${asked.toLocaleString("en")}`;
  const i = at && 4 * (at.row * canvas.width + at.column);
  $("counts").textContent = at ? `Ray under the pointer: ${counts[i]} samples, ${counts[i + 1]} asked. ${whole}.` : `${whole}.`;
}

function orbit(dx, dy) {
  state.azimuth = (state.azimuth - dx) % 360;
  state.elevation = limited(state.elevation + dy, -89.9, 89.9);
  changed();
}

function zoom(factor) {
  state.distance = limited(state.distance * factor, 0.3, 6);
  changed();
}

function home() {
  Object.assign(state, readHash());
  changed();
}

function readControls() {
  const axis = Number($("axis").value), place = Number($("place").value), none = axis < 0;
  $("place").disabled = $("legend").hidden = none;
  $("shown-place").textContent = none ? "" : `at ${place.toFixed(2)}`;
  Object.assign(state, { cut: none ? null : { axis, at: place }, everywhere: $("everywhere").checked, divisor: Number($("divisor").value) });
  changed();
}

function listen() {
  const fingers = new Map();
  const apart = () => { const [p, q] = [...fingers.values()]; return Math.hypot(p.x - q.x, p.y - q.y); };
  canvas.addEventListener("pointerdown", (event) => {
    canvas.setPointerCapture(event.pointerId);
    fingers.set(event.pointerId, { x: event.clientX, y: event.clientY });
  });
  for (const end of ["pointerup", "pointercancel"]) canvas.addEventListener(end, (event) => fingers.delete(event.pointerId));
  canvas.addEventListener("pointermove", (event) => {
    const before = fingers.get(event.pointerId), box = canvas.getBoundingClientRect();
    if (!before) {
      const place = (x, side) => limited(Math.floor((x / side) * canvas.width), 0, canvas.width - 1);
      return tellCounts({ column: place(event.clientX - box.left, box.width), row: place(event.clientY - box.top, box.height) });
    }
    const wide = fingers.size === 2 && apart();
    fingers.set(event.pointerId, { x: event.clientX, y: event.clientY });
    if (wide) zoom(wide / Math.max(apart(), 1));
    else orbit(((event.clientX - before.x) * 180) / box.width, ((event.clientY - before.y) * 180) / box.height);
  });
  canvas.addEventListener("pointerleave", () => tellCounts());
  canvas.addEventListener("wheel", (event) => {
    event.preventDefault();
    zoom(Math.exp(limited(event.deltaY, -200, 200) / 800));
  }, { passive: false });
  const keys = { ArrowLeft: () => orbit(5, 0), ArrowRight: () => orbit(-5, 0), ArrowUp: () => orbit(0, 5), ArrowDown: () => orbit(0, -5), "+": () => zoom(0.9), "=": () => zoom(0.9), "-": () => zoom(1 / 0.9), Home: home };
  canvas.addEventListener("keydown", (event) => {
    if (!keys[event.key] || event.ctrlKey || event.metaKey || event.altKey) return;
    event.preventDefault();
    keys[event.key]();
  });
  for (const id of ["axis", "place", "everywhere", "divisor"]) $(id).addEventListener("input", readControls);
  window.addEventListener("hashchange", home);
}

function fallBack(error) {
  document.body.dataset.live = "no";
  $("why").textContent = `No live view: ${error.message.split("\n")[0]}. This picture was rendered beforehand.`;
}

// For tests: {pixels: RGB bytes row by row, samples: on each ray, asked: network evaluations} of any camera.
window.n2vPixels = (view) => {
  const { pixels, counts } = draw({ c2w: cameraOf(state), ...view });
  const each = (values, k) => Array.from(values).filter((_, i) => i % 4 === k);
  return { pixels: Array.from(pixels).filter((_, i) => i % 4 < 3), samples: each(counts, 0), asked: each(counts, 1).reduce((a, b) => a + b, 0) };
};

window.n2vReady = makeRenderer(nerf, $("shader").textContent.trim())
  .then((made) => {
    draw = made;
    document.body.dataset.live = "yes";
    listen();
    readControls();
  })
  .catch(fallBack);
