#version 300 es
// One pixel of one NeRF: what n2v.nerf.march, n2v.nerf.encoding, n2v.nerf.field and n2v.nerf.render compute, in that order.
precision highp float;
precision highp int;
precision highp sampler2D;
precision highp usampler3D;

uniform sampler2D weights;     // texel (o, j): weights from input j to outputs 4o .. 4o + 3, layer below layer; four inputs
                               // of the output layer stand in one row
uniform usampler3D occupancy;  // texel (z, y, x): 1 where a cell can hold matter
uniform vec3 eye;              // scene units
uniform mat3 axes;             // columns: right, up, backward
uniform float size;            // side of the picture in pixels
uniform float focal;           // pixels
uniform float stride;          // sample length, scene units
uniform vec2 box;              // its lowest and highest coordinate, scene units; no constant: compilers turn a division
                               // by one into a product, which rounds differently, and high octaves see the last bit
uniform vec3 lowest;           // smallest box around the occupied cells, scene units
uniform vec3 highest;
uniform bool everywhere;       // ask the network in empty cells, too
uniform int cutAxis;           // 0, 1, 2: a slice across x, y, z; -1: none
uniform float cutAt;           // its place, scene units

layout(location = 0) out vec4 colour;
layout(location = 1) out uvec4 counts;  // samples in occupied cells; samples for which the network was asked

const int OCTAVES = 24, HIDDEN = 64, LAYERS_END = 272;  // rows of `weights` before the output layer
const int MOST = 4096;            // samples of a ray
const float DARK = 1e-4;          // light left at which nothing more is seen (nerfacc's threshold)
const int BATCH = 2;              // samples that share one reading of the weights
#define Batch vec2

Batch inputs[HIDDEN], sums[HIDDEN];

// sin(2 pi t) for t in [-0.5, 0.75]; the polynomial of n2v/nerf/native/fused.cpp, worst error 4e-7.
Batch sineOfTurns(Batch t) {
  t -= step(0.5, t);
  Batch x = min(abs(t), 0.5 - abs(t)) * 6.283185307179586;
  Batch x2 = x * x;
  Batch p = x2 * -2.3868346521031027e-8 + 2.7523971074631e-6;
  p = p * x2 - 1.9840782426250314e-4;
  p = p * x2 + 8.333329385889463e-3;
  p = p * x2 - 0.16666666641626524;
  return sign(t) * (x + x * x2 * p);
}

// Written out: constant places let a compiler keep the sums in registers.
void addInput(int row, Batch value) {
  vec4 w;
#define ADD(o) w = texelFetch(weights, ivec2(o, row), 0); \
  sums[4 * o] += w.x * value; sums[4 * o + 1] += w.y * value; sums[4 * o + 2] += w.z * value; sums[4 * o + 3] += w.w * value;
  ADD(0) ADD(1) ADD(2) ADD(3) ADD(4) ADD(5) ADD(6) ADD(7) ADD(8) ADD(9) ADD(10) ADD(11) ADD(12) ADD(13) ADD(14) ADD(15)
}

// The sums become the next layer's inputs.
void nextLayer() {
  for (int i = 0; i < HIDDEN; ++i) {
    inputs[i] = max(sums[i], 0.0);
    sums[i] = Batch(0);
  }
}

// Outputs (red, green, blue, density before activation) at BATCH places in the unit box.
void network(vec3 unit[BATCH], out vec4 outputs[BATCH]) {
  for (int i = 0; i < HIDDEN; ++i) sums[i] = Batch(0);
  int row = 0;
  for (int axis = 0; axis < 3; ++axis) {
    Batch x;
    for (int i = 0; i < BATCH; ++i) x[i] = unit[i][axis];
    float scale = 0.5;  // 2^(k - 1): the product is exact, so the reduction to one turn loses nothing
    for (int k = 0; k < OCTAVES; ++k, scale *= 2.0) {
      Batch turns = x * scale;
      turns -= roundEven(turns);
      addInput(row++, sineOfTurns(turns));
      addInput(row++, sineOfTurns(turns + 0.25));
    }
  }
  nextLayer();
  for (int layer = 0; layer < 2; ++layer) {
    for (int j = 0; j < HIDDEN; ++j) addInput(row++, inputs[j]);
    nextLayer();
  }
  for (int i = 0; i < BATCH; ++i) outputs[i] = vec4(0);
  for (int j = 0; j < HIDDEN; ++j) {
    vec4 w = texelFetch(weights, ivec2(4 * (j % 4), LAYERS_END + j / 4), 0);
    for (int i = 0; i < BATCH; ++i) outputs[i] += w * inputs[j][i];
  }
}

bool occupied(vec3 unit) {
  int n = textureSize(occupancy, 0).x;
  ivec3 cell = clamp(ivec3(unit * float(n)), 0, n - 1);
  return everywhere || texelFetch(occupancy, cell.zyx, 0).r > 0u;
}

vec3 toUnit(vec3 position) { return (position - box.x) / (box.y - box.x); }

bool inside(vec3 unit) { return all(greaterThan(unit, vec3(0))) && all(lessThan(unit, vec3(1))); }

// Density as a colour: viridis over 1, 10, 100, 1000 per scene unit.
vec3 densityColour(float sigma) {
  vec3 stops[5] = vec3[5](vec3(.267, .005, .329), vec3(.229, .322, .546), vec3(.128, .567, .551), vec3(.369, .789, .383), vec3(.993, .906, .144));
  float x = clamp(log(max(sigma, 1.0)) / log(1000.0), 0.0, 1.0) * 4.0;
  int i = min(int(x), 3);
  return mix(stops[i], stops[i + 1], x - float(i));
}

void main() {
  vec2 centre = gl_FragCoord.xy - size / 2.0;  // the lowest row of the target is the picture's first
  vec3 direction = axes[0] * (centre.x / focal) + axes[1] * (-centre.y / focal) - axes[2];
  vec3 squares = direction * direction;  // separate operations, as on the CPU: high octaves see the last bit of a position
  direction /= sqrt(squares.x + squares.y + squares.z);
  vec3 slope = mix(direction, vec3(1e-12), lessThan(abs(direction), vec3(1e-12)));
  vec3 one = (lowest - eye) / slope, two = (highest - eye) / slope;
  vec3 enter = min(one, two), leave = max(one, two);
  float near = max(max(max(enter.x, enter.y), enter.z), 0.0), far = min(min(leave.x, leave.y), leave.z);

  bool cut = cutAxis >= 0, sliced = false;  // what stands before the slice is taken away
  vec3 onSlice = vec3(0);
  if (cut) {
    float meets = (cutAt - eye[cutAxis]) / slope[cutAxis];
    onSlice = toUnit(eye + direction * meets);
    onSlice[cutAxis] = clamp(onSlice[cutAxis], 1e-6, 1.0 - 1e-6);
    sliced = meets > 0.0 && inside(onSlice);
    near = meets > 0.0 ? max(near, meets) : far;
  }

  vec3 blended = vec3(0);
  float depth = 0.0, light = 1.0;
  if (sliced && !occupied(onSlice)) {  // a pane of grey glass
    light = 0.65;
    depth = -log(light);
    blended = (1.0 - light) * vec3(0.6);
    sliced = false;
  }
  float at = ceil(near / stride - 0.5), end = min(ceil(far / stride - 0.5), at + float(MOST));
  counts = uvec4(0);
  for (int turn = 0; turn < MOST; ++turn) {
    vec3 units[BATCH];
    int found = 0;
    if (sliced) units[found++] = onSlice;
    else
      for (; at < end && found < BATCH; ++at) {
        float start = at * stride;
        vec3 unit = toUnit(eye + direction * ((start + (start + stride)) / 2.0));
        if (occupied(unit)) units[found++] = unit;
      }
    if (found == 0) break;
    counts.r += uint(found);
    if (light < DARK) continue;
    counts.g += uint(found);
    for (int i = 0; i < BATCH; ++i) if (i >= found) units[i] = units[0];
    vec4 outputs[BATCH];
    network(units, outputs);
    if (sliced) {
      colour = vec4(densityColour(exp(outputs[0].w - 1.0)), 1.0);
      return;
    }
    for (int i = 0; i < found; ++i) {
      float sigma = inside(units[i]) ? exp(outputs[i].w - 1.0) : 0.0;
      float before = exp(-depth), thickness = min(sigma * stride, 1e4);
      blended += before * (1.0 - exp(-thickness)) / (1.0 + exp(-outputs[i].rgb));
      depth += thickness;
    }
    light = exp(-depth);
  }
  colour = vec4(clamp(blended + light, 0.0, 1.0), 1.0);  // over white
}
