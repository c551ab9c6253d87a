// One training step of one NeRF, fused: encoding, four layers, compositing, loss and their gradients, chunk by chunk
// of whole rays so that everything stays in a core's own cache. Plain C++17 with the vector extension of GCC and
// Clang; n2v/nerf/native/fused.py compiles and calls it. Its twin in PyTorch, and its oracle, is rendering_loss of
// n2v.nerf.engines.torch_engine.
//
// Rows are samples. A product keeps ROWS x COLUMNS vectors of sums in registers and runs through the shared index.

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <cstring>
#include <vector>
#if defined(__SSE__)
#include <xmmintrin.h>
#endif

#if defined(__AVX512F__)
constexpr int LANES = 16;
constexpr int ROWS = 8;
#elif defined(__AVX__)
constexpr int LANES = 8;
constexpr int ROWS = 4;
#else
constexpr int LANES = 4;
constexpr int ROWS = 8;
#endif
typedef float vec __attribute__((vector_size(LANES * 4), aligned(4)));
typedef int32_t ivec __attribute__((vector_size(LANES * 4), aligned(4)));

constexpr int IN = 144, HIDDEN = 64, OUT = 4, OUT_ROWS = 16, OCTAVES = 24;
constexpr int W1 = HIDDEN * IN, W2 = W1 + HIDDEN * HIDDEN, W3 = W2 + HIDDEN * HIDDEN, N_WEIGHTS = W3 + OUT_ROWS * HIDDEN;
constexpr int OUT_PAD = LANES > OUT ? LANES : OUT;  // columns of the transposed last matrix

static inline vec load(const float* p) { return *reinterpret_cast<const vec*>(p); }
static inline void store(float* p, vec v) { *reinterpret_cast<vec*>(p) = v; }
static inline vec all(float x) { return x - vec{}; }
static inline vec choose(ivec mask, vec a, vec b) {
    return reinterpret_cast<vec>((mask & reinterpret_cast<ivec>(a)) | (~mask & reinterpret_cast<ivec>(b)));
}

// Numbers below the smallest normal one cost a hundred times more and mean nothing here.
struct FlushDenormals {
#if defined(__SSE__)
    unsigned before = _mm_getcsr();
    FlushDenormals() { _mm_setcsr(before | 0x8040); }
    ~FlushDenormals() { _mm_setcsr(before); }
#endif
};

// y[s][0:16*NV] (+)= sum over k of a[s * row + k * column] * b[k][...], for R rows s.
template <int R, int NV, bool ADD>
static inline void product_block(const float* a, long row, long column, const float* b, long ldb, float* y, long ldy, int n) {
    vec sums[R][NV] = {};
    for (int k = 0; k < n; ++k) {
        vec line[NV];
        for (int j = 0; j < NV; ++j) line[j] = load(b + k * ldb + j * LANES);
        for (int r = 0; r < R; ++r) {
            vec scale = all(a[r * row + k * column]);
            for (int j = 0; j < NV; ++j) sums[r][j] += scale * line[j];
        }
    }
    for (int r = 0; r < R; ++r)
        for (int j = 0; j < NV; ++j) {
            float* at = y + r * ldy + j * LANES;
            store(at, ADD ? load(at) + sums[r][j] : sums[r][j]);
        }
}

// rows must be a multiple of R; columns a multiple of LANES.
template <int R, bool ADD>
static void product(const float* a, long row, long column, const float* b, long ldb, float* y, long ldy, int rows, int columns, int n) {
    constexpr int WIDE = LANES == 16 ? 3 : 2;
    for (int r = 0; r < rows; r += R) {
        const float* left = a + r * row;
        float* out = y + r * ldy;
        int c = 0;
        if (columns % (WIDE * LANES) == 0)
            for (; c < columns; c += WIDE * LANES) product_block<R, WIDE, ADD>(left, row, column, b + c, ldb, out + c, ldy, n);
        for (; c + 2 * LANES <= columns; c += 2 * LANES) product_block<R, 2, ADD>(left, row, column, b + c, ldb, out + c, ldy, n);
        for (; c < columns; c += LANES) product_block<R, 1, ADD>(left, row, column, b + c, ldb, out + c, ldy, n);
    }
}

static inline vec absolute(vec x) { return reinterpret_cast<vec>(reinterpret_cast<ivec>(x) & 0x7fffffff); }

// Nearest integer, exact for every float32: beyond 2^23 all are integers already.
static inline vec nearest(vec x) {
    const vec magic = all(8388608.0f);
    vec size = absolute(x);
    ivec sign = reinterpret_cast<ivec>(x) & (int32_t)0x80000000;
    vec rounded = reinterpret_cast<vec>(reinterpret_cast<ivec>((size + magic) - magic) | sign);
    return choose(size < magic, rounded, x);
}

// sin(2 pi t) for |t| <= 0.75; worst error 4e-7 (tests/nerf/test_native.py).
static inline vec sine_of_turns(vec t) {
    t = t - choose(t > 0.5f, all(1.0f), vec{});
    vec size = absolute(t);
    size = choose(size > 0.25f, 0.5f - size, size);
    vec x = size * 6.283185307179586f, x2 = x * x;
    vec p = x2 * -2.3868346521031027e-8f + 2.7523971074631e-6f;
    p = p * x2 + -1.9840782426250314e-4f;
    p = p * x2 + 8.333329385889463e-3f;
    p = p * x2 + -0.16666666641626524f;
    vec y = x + x * x2 * p;
    ivec sign = reinterpret_cast<ivec>(t) & (int32_t)0x80000000;
    return reinterpret_cast<vec>(reinterpret_cast<ivec>(y) ^ sign);
}

struct Lanes {
    alignas(64) float scale[2 * OCTAVES], quarter[2 * OCTAVES];
    Lanes() {
        for (int k = 0; k < OCTAVES; ++k)
            for (int odd = 0; odd < 2; ++odd) {
                scale[2 * k + odd] = std::ldexp(1.0f, k - 1);
                quarter[2 * k + odd] = odd ? 0.25f : 0.0f;
            }
    }
};

// features[s][dimension * 48 + 2 * octave + (0 sine, 1 cosine)] of positions in [0, 1]^3.
static void encode(const float* positions, int n, float* features) {
    static const Lanes lanes;
    for (int s = 0; s < n; ++s)
        for (int axis = 0; axis < 3; ++axis)
            for (int j = 0; j < 2 * OCTAVES; j += LANES) {
                vec turns = all(positions[3 * s + axis]) * load(lanes.scale + j);
                turns = turns - nearest(turns);
                store(features + s * IN + axis * 2 * OCTAVES + j, sine_of_turns(turns + load(lanes.quarter + j)));
            }
}

static void relu(float* h, int n) {
    for (int i = 0; i < n; ++i) h[i] = h[i] > 0 ? h[i] : 0;
}

struct Scratch {
    std::vector<float> memory;
    int rows;
    float *features, *h1, *h2, *h3, *out, *d_out, *d_a, *d_b;
    explicit Scratch(int n) : rows((n + ROWS - 1) / ROWS * ROWS) {
        memory.assign((size_t)rows * (IN + 5 * HIDDEN + OUT_PAD + OUT) + 64, 0.0f);
        float* at = memory.data();
        auto take = [&](int width) { float* here = at; at += (size_t)rows * width; return here; };
        features = take(IN); h1 = take(HIDDEN); h2 = take(HIDDEN); h3 = take(HIDDEN);
        out = take(OUT_PAD); d_out = take(OUT); d_a = take(HIDDEN); d_b = take(HIDDEN);
    }
};

struct Transposed {
    std::vector<float> memory;
    float *w0, *w1, *w2, *w3;
    explicit Transposed(const float* w) : memory((size_t)IN * HIDDEN + 2 * HIDDEN * HIDDEN + HIDDEN * OUT_PAD, 0.0f) {
        w0 = memory.data(); w1 = w0 + IN * HIDDEN; w2 = w1 + HIDDEN * HIDDEN; w3 = w2 + HIDDEN * HIDDEN;
        turn(w, HIDDEN, IN, w0, HIDDEN); turn(w + W1, HIDDEN, HIDDEN, w1, HIDDEN);
        turn(w + W2, HIDDEN, HIDDEN, w2, HIDDEN); turn(w + W3, OUT, HIDDEN, w3, OUT_PAD);
    }
    static void turn(const float* from, int rows, int columns, float* to, int width) {
        for (int c = 0; c < columns; ++c)
            for (int r = 0; r < rows; ++r) to[c * width + r] = from[r * columns + c];
    }
};

static void forward(const Transposed& t, const float* positions, int n, Scratch& s) {
    int rows = (n + ROWS - 1) / ROWS * ROWS;
    encode(positions, n, s.features);
    std::fill(s.features + (size_t)n * IN, s.features + (size_t)rows * IN, 0.0f);
    product<ROWS, false>(s.features, IN, 1, t.w0, HIDDEN, s.h1, HIDDEN, rows, HIDDEN, IN);
    relu(s.h1, rows * HIDDEN);
    product<ROWS, false>(s.h1, HIDDEN, 1, t.w1, HIDDEN, s.h2, HIDDEN, rows, HIDDEN, HIDDEN);
    relu(s.h2, rows * HIDDEN);
    product<ROWS, false>(s.h2, HIDDEN, 1, t.w2, HIDDEN, s.h3, HIDDEN, rows, HIDDEN, HIDDEN);
    relu(s.h3, rows * HIDDEN);
    product<ROWS, false>(s.h3, HIDDEN, 1, t.w3, OUT_PAD, s.out, OUT_PAD, rows, OUT_PAD, HIDDEN);
}

static void mask_where_idle(float* gradient, const float* h, int n) {
    for (int i = 0; i < n; ++i) gradient[i] = h[i] > 0 ? gradient[i] : 0;
}

// Adds to `gradient` (storage order of the weights) what d_out brings; d_out rows beyond n must be zero.
static void backward(const float* w, int n, Scratch& s, float* gradient) {
    int rows = (n + ROWS - 1) / ROWS * ROWS;
    product<OUT, true>(s.d_out, 1, OUT, s.h3, HIDDEN, gradient + W3, HIDDEN, OUT, HIDDEN, rows);
    product<ROWS, false>(s.d_out, OUT, 1, w + W3, HIDDEN, s.d_a, HIDDEN, rows, HIDDEN, OUT);
    mask_where_idle(s.d_a, s.h3, rows * HIDDEN);
    product<ROWS, true>(s.d_a, 1, HIDDEN, s.h2, HIDDEN, gradient + W2, HIDDEN, HIDDEN, HIDDEN, rows);
    product<ROWS, false>(s.d_a, HIDDEN, 1, w + W2, HIDDEN, s.d_b, HIDDEN, rows, HIDDEN, HIDDEN);
    mask_where_idle(s.d_b, s.h2, rows * HIDDEN);
    product<ROWS, true>(s.d_b, 1, HIDDEN, s.h1, HIDDEN, gradient + W1, HIDDEN, HIDDEN, HIDDEN, rows);
    product<ROWS, false>(s.d_b, HIDDEN, 1, w + W1, HIDDEN, s.d_a, HIDDEN, rows, HIDDEN, HIDDEN);
    mask_where_idle(s.d_a, s.h1, rows * HIDDEN);
    product<ROWS, true>(s.d_a, 1, HIDDEN, s.features, IN, gradient, IN, HIDDEN, IN, rows);
}

static inline float sigmoid(float x) { return 1.0f / (1.0f + std::exp(-x)); }

// Loss of one ray and the gradient of its samples' raw outputs (rows first .. first + n of the chunk).
static double ray_loss(const float* lengths, int first, int n, const float* target, const float* background, float share, Scratch& s) {
    thread_local std::vector<float> weight, through;
    weight.resize(n); through.resize(n);
    double before = 0, opacity = 0, colour[3] = {0, 0, 0};
    for (int i = 0; i < n; ++i) {
        float* out = s.out + (size_t)(first + i) * OUT_PAD;
        for (int c = 0; c < 3; ++c) out[c] = sigmoid(out[c]);
        float depth = std::min(std::exp(out[3] - 1) * lengths[i], 1e4f);
        float light = (float)std::exp(-before);
        weight[i] = light * -std::expm1(-depth);
        through[i] = light * std::exp(-depth);
        before += depth;
        opacity += weight[i];
        for (int c = 0; c < 3; ++c) colour[c] += weight[i] * out[c];
    }
    double loss = 0;
    float slope[3];
    for (int c = 0; c < 3; ++c) {
        float shown = (float)(colour[c] + background[c] * (1 - opacity));
        float error = shown - (target[c] * target[3] + background[c] * (1 - target[3]));
        float size = std::fabs(error);
        loss += size < 1 ? 0.5 * error * error : size - 0.5;
        slope[c] = std::max(-1.0f, std::min(1.0f, error)) * share;
    }
    double behind = 0;
    for (int i = n - 1; i >= 0; --i) {
        const float* out = s.out + (size_t)(first + i) * OUT_PAD;
        float* d_out = s.d_out + (size_t)(first + i) * OUT;
        float d_weight = 0;
        for (int c = 0; c < 3; ++c) {
            d_weight += slope[c] * (out[c] - background[c]);
            d_out[c] = slope[c] * weight[i] * out[c] * (1 - out[c]);
        }
        float d_depth = through[i] * d_weight - (float)behind;
        behind += weight[i] * d_weight;
        float argument = out[3] - 1;
        bool cut = std::exp(argument) * lengths[i] > 1e4f;
        d_out[3] = cut ? 0 : d_depth * lengths[i] * std::exp(std::min(argument, 15.0f));
    }
    return loss * share;
}

extern "C" {

int n2v_lanes() { return LANES; }

void n2v_encode(const float* positions, long n, float* features) {
    FlushDenormals guard;
    encode(positions, (int)n, features);
}

// Densities (per scene unit, without the test for the box) and colours of n positions in [0, 1]^3.
void n2v_evaluate(const float* w, const float* positions, long n, float* sigmas, float* rgbs) {
    FlushDenormals guard;
    constexpr int CHUNK = 256;
    Transposed t(w);
    Scratch s((int)std::min<long>(n, CHUNK));
    for (long start = 0; start < n; start += CHUNK) {
        int rows = (int)std::min<long>(CHUNK, n - start);
        forward(t, positions + 3 * start, rows, s);
        for (int i = 0; i < rows; ++i) {
            const float* out = s.out + (size_t)i * OUT_PAD;
            sigmas[start + i] = std::exp(out[3] - 1);
            for (int c = 0; c < 3; ++c) rgbs[3 * (start + i) + c] = sigmoid(out[c]);
        }
    }
}

// Mean smooth L1 over n_rays rays and three channels, and its gradient (overwritten). counts[r] samples belong to ray
// r, in order; backgrounds has one colour for all (background_stride 0) or one a ray (3).
double n2v_loss(const float* w, const float* positions, const float* lengths, const int32_t* counts, long n_rays,
                const float* targets, const float* backgrounds, long background_stride, float* gradient) {
    FlushDenormals guard;
    int longest = 0;
    for (long r = 0; r < n_rays; ++r) longest = std::max(longest, (int)counts[r]);
    int chunk = std::max(256, longest);
    Transposed t(w);
    Scratch s(chunk);
    std::memset(gradient, 0, sizeof(float) * N_WEIGHTS);
    float share = 1.0f / (3.0f * n_rays);
    double loss = 0;
    long sample = 0;
    for (long ray = 0; ray < n_rays;) {
        long end = ray, n = 0;
        while (end < n_rays && n + counts[end] <= chunk) n += counts[end++];
        forward(t, positions + 3 * sample, (int)n, s);
        std::fill(s.d_out + n * OUT, s.d_out + (n + ROWS - 1) / ROWS * ROWS * OUT, 0.0f);
        for (int first = 0; ray < end; first += counts[ray++])
            loss += ray_loss(lengths + sample + first, first, counts[ray], targets + 4 * ray,
                             backgrounds + background_stride * ray, share, s);
        if (n) backward(w, (int)n, s, gradient);
        sample += n;
    }
    return loss;
}

// torch.optim.Adam without weight decay; `step` counts from 1.
void n2v_adam(float* w, const float* gradient, float* mean, float* square, long step, float rate, float beta1, float beta2, float eps) {
    FlushDenormals guard;
    float size = (float)(rate / (1 - std::pow((double)beta1, (double)step)));
    float root = (float)std::sqrt(1 - std::pow((double)beta2, (double)step));
    for (int i = 0; i < N_WEIGHTS; ++i) {
        mean[i] += (1 - beta1) * (gradient[i] - mean[i]);
        square[i] = beta2 * square[i] + (1 - beta2) * gradient[i] * gradient[i];
        w[i] -= size * mean[i] / (std::sqrt(square[i]) / root + eps);
    }
}
}
