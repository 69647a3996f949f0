// The fast path through the C ABI against plain loops in double precision, over random shapes: odd sizes, one pixel, channels that fill no vector,
// batches of 1 to 9, every variant of the vector code, both number formats. native/tests/sanitize runs it under AddressSanitizer and
// UndefinedBehaviorSanitizer, so that reads and writes beyond a tensor end it. Before each call the memory that the result will get is filled with
// NaN, so that a number that was never written shows.
#include "../posterior.h"

#include <cmath>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <functional>
#include <random>
#include <string>
#include <utility>
#include <vector>

namespace {

constexpr int32_t kFloat = 6, kBfloat16 = 15;
int failures = 0, checks = 0;
std::mt19937_64 engine(20261125);

void check(int status, const char* what) {
    if (status == PT_OK) return;
    std::fprintf(stderr, "%s: %s\n", what, pt_error());
    std::exit(2);
}

int64_t between(int64_t low, int64_t high) { return std::uniform_int_distribution<int64_t>(low, high)(engine); }

float round_to(float value, int32_t dtype) {
    if (dtype == kFloat) return value;
    uint32_t bits;
    std::memcpy(&bits, &value, 4);
    bits += 0x7fff + ((bits >> 16) & 1);
    bits &= 0xffff0000;
    std::memcpy(&value, &bits, 4);
    return value;
}

// A tensor of a shape in a number format with its values as doubles in row-major order.
struct Array {
    std::vector<int64_t> shape;
    std::vector<double> values;
    pt_tensor tensor = nullptr;

    Array(std::vector<int64_t> sizes, int32_t dtype, double scale = 1, bool last = false) : shape(std::move(sizes)) {
        int64_t count = 1;
        for (auto size : shape) count *= size;
        std::normal_distribution<float> normal;
        std::vector<float> floats(count);
        for (auto& value : floats) value = round_to(static_cast<float>(scale) * normal(engine), dtype);
        values.assign(floats.begin(), floats.end());
        tensor = make(floats, dtype, last);
    }
    Array(const Array&) = delete;
    ~Array() { check(pt_tensor_free(tensor), "free"); }

    // Channels-last tensors [N, C, H, W] are permuted views of [N, H, W, C].
    pt_tensor make(const std::vector<float>& floats, int32_t dtype, bool last) const {
        std::vector<float> ordered = floats;
        std::vector<int64_t> stored = shape;
        if (last) {
            const auto n = shape[0], c = shape[1], h = shape[2], w = shape[3];
            for (int64_t b = 0; b < n; b++)
                for (int64_t k = 0; k < c; k++)
                    for (int64_t i = 0; i < h * w; i++) ordered[(b * h * w + i) * c + k] = floats[(b * c + k) * h * w + i];
            stored = {n, h, w, c};
        }
        pt_tensor made;
        if (dtype == kFloat) {
            check(pt_tensor_new(ordered.data(), ordered.size() * 4, dtype, stored.data(), stored.size(), &made), "new");
        } else {
            std::vector<uint16_t> halves(ordered.size());
            for (size_t i = 0; i < halves.size(); i++) {
                uint32_t bits;
                std::memcpy(&bits, &ordered[i], 4);
                halves[i] = bits >> 16;
            }
            check(pt_tensor_new(halves.data(), halves.size() * 2, dtype, stored.data(), stored.size(), &made), "new");
        }
        if (!last) return made;
        const int64_t order[] = {0, 3, 1, 2};
        return permuted(made, order, 4);
    }

    static pt_tensor permuted(pt_tensor made, const int64_t* order, int32_t rank) {
        pt_op permute;
        check(pt_op_find("aten::permute", "", &permute), "permute");
        pt_value arguments[2] = {{PT_TENSOR, 0, {}}, {PT_INT_LIST, rank, {}}}, result[1];
        arguments[0].p = made;
        arguments[1].p = order;
        int32_t count = 1;
        check(pt_op_call(permute, arguments, 2, result, &count), "permute");
        check(pt_tensor_free(made), "free");
        return const_cast<pt_tensor>(result[0].p);
    }
};

std::vector<double> read(pt_tensor tensor) {
    int64_t shape[8], strides[8];
    int32_t rank, dtype, device;
    check(pt_tensor_info(tensor, shape, strides, 8, &rank, &dtype, &device), "info");
    int64_t count = 1;
    for (int32_t i = 0; i < rank; i++) count *= shape[i];
    std::vector<double> values(count);
    if (dtype == kFloat) {
        std::vector<float> floats(count);
        check(pt_tensor_read(tensor, floats.data(), count * 4), "read");
        values.assign(floats.begin(), floats.end());
    } else {
        std::vector<uint16_t> halves(count);
        check(pt_tensor_read(tensor, halves.data(), count * 2), "read");
        for (int64_t i = 0; i < count; i++) {
            const uint32_t bits = static_cast<uint32_t>(halves[i]) << 16;
            float value;
            std::memcpy(&value, &bits, 4);
            values[i] = value;
        }
    }
    return values;
}

// Memory of the size of the expected result, full of NaN and free again: the pooling allocator hands it out next.
void poison(size_t count, int32_t dtype) {
    const auto size = dtype == kFloat ? 4 : 2;
    const std::vector<uint8_t> ones(count * size, 0xff);
    const int64_t shape[] = {static_cast<int64_t>(count)};
    pt_tensor filled;
    check(pt_tensor_new(ones.data(), ones.size(), dtype, shape, 1, &filled), "new");
    check(pt_tensor_free(filled), "free");
}

void compare(const std::string& what, const std::vector<double>& expected, int32_t dtype, const std::function<int(pt_tensor*)>& run) {
    poison(expected.size(), dtype);
    pt_tensor out = nullptr;
    check(run(&out), what.c_str());
    if (out == nullptr) return;  // not supported here: the caller would take ATen
    const auto found = read(out);
    check(pt_tensor_free(out), "free");
    checks++;
    double largest = 0, worst = 0;
    for (auto value : expected) largest = std::fmax(largest, std::fabs(value));
    for (size_t i = 0; i < expected.size(); i++) {
        const auto error = std::fabs(found[i] - expected[i]);
        worst = error <= worst ? worst : error;  // keeps NaN
    }
    const auto tolerance = (dtype == kFloat ? 2e-5 : 3e-2) * std::fmax(largest, 1e-3);
    if (found.size() == expected.size() && worst <= tolerance) return;
    failures++;
    std::printf("FAILED %s: error %g of %g\n", what.c_str(), worst, largest);
}

double activate(double x, int32_t activation) {
    if (activation == PT_SILU) return x / (1 + std::exp(-x));
    return activation == PT_RELU ? std::fmax(x, 0) : x;
}

void convolution(int32_t dtype) {
    const auto n = between(1, 9), groups = between(0, 3) == 0 ? between(2, 2) : between(1, 1), inputs = groups * between(1, 24), outputs = groups * between(1, 24);
    const int64_t size = between(0, 2) == 0 ? 1 : 3, stride = between(1, 2), padding = size / 2, h = between(1, 13), w = between(1, 13);
    const auto last = between(0, 1) == 1, with_residual = between(0, 1) == 1, modulated = between(0, 1) == 1;
    const auto activation = static_cast<int32_t>(between(PT_IDENTITY, PT_RELU));
    const auto rows = (h + 2 * padding - size) / stride + 1, columns = (w + 2 * padding - size) / stride + 1;
    Array x({n, inputs, h, w}, dtype, 1, last), weight({outputs, inputs / groups, size, size}, dtype, 0.2), bias({outputs}, dtype);
    Array residual({n, outputs, rows, columns}, dtype, 1, last), scale({n, outputs, 1, 1}, dtype, 0.3), shift({n, outputs, 1, 1}, dtype);
    std::vector<double> expected(n * outputs * rows * columns);
    for (int64_t b = 0, i = 0; b < n; b++)
        for (int64_t o = 0; o < outputs; o++)
            for (int64_t r = 0; r < rows; r++)
                for (int64_t c = 0; c < columns; c++, i++) {
                    auto sum = bias.values[o];
                    const auto each = inputs / groups, first = o / (outputs / groups) * each;
                    for (int64_t k = 0; k < each; k++)
                        for (int64_t u = 0; u < size; u++)
                            for (int64_t v = 0; v < size; v++) {
                                const auto row = r * stride + u - padding, column = c * stride + v - padding;
                                if (row < 0 || row >= h || column < 0 || column >= w) continue;
                                sum += x.values[((b * inputs + first + k) * h + row) * w + column] * weight.values[((o * each + k) * size + u) * size + v];
                            }
                    if (with_residual) sum += residual.values[i];
                    if (modulated) sum = sum * (1 + scale.values[b * outputs + o]) + shift.values[b * outputs + o];
                    expected[i] = activate(sum, activation);
                }
    pt_convolution layer;
    check(pt_convolution_new(weight.tensor, bias.tensor, stride, stride, padding, padding, groups, &layer), "convolution");
    if (layer == nullptr) return;
    const auto what = "convolution " + std::to_string(n) + "x" + std::to_string(inputs) + "x" + std::to_string(h) + "x" + std::to_string(w) + " to " + std::to_string(outputs) +
                      " of " + std::to_string(size) + " by " + std::to_string(stride) + (last ? " last" : "") + (with_residual ? " residual" : "") + (modulated ? " modulated" : "") + " act " + std::to_string(activation) + (dtype == kFloat ? " fp32" : " bf16");
    for (int repeat = 0; repeat < 2; repeat++)
        compare(what, expected, dtype, [&](pt_tensor* out) {
            return pt_convolution_run(layer, x.tensor, with_residual ? residual.tensor : nullptr, modulated ? scale.tensor : nullptr, modulated ? shift.tensor : nullptr, activation, out);
        });
    check(pt_convolution_free(layer), "free");
}

// Mean and variance of the g-th run of `each` numbers.
std::pair<double, double> moments(const Array& x, int64_t g, int64_t each) {
    double mean = 0, variance = 0;
    for (int64_t i = 0; i < each; i++) mean += x.values[g * each + i] / each;
    for (int64_t i = 0; i < each; i++) variance += std::pow(x.values[g * each + i] - mean, 2) / each;
    return {mean, variance};
}

void group_norm(int32_t dtype) {
    const auto n = between(1, 9), groups = between(1, 8), channels = groups * between(1, 9), h = between(1, 11), w = between(1, 11);
    const auto modulated = between(0, 1) == 1;
    const auto activation = static_cast<int32_t>(between(PT_IDENTITY, PT_SILU));
    Array x({n, channels, h, w}, dtype, 1, true), weight({channels}, dtype), bias({channels}, dtype), scale({n, channels, 1, 1}, dtype, 0.3), shift({n, channels, 1, 1}, dtype);
    std::vector<double> expected(x.values.size());
    const auto each = channels / groups * h * w;
    for (int64_t g = 0; g < n * groups; g++) {
        const auto [mean, variance] = moments(x, g, each);
        for (int64_t i = 0; i < each; i++) {
            const auto at = g * each + i, b = at / (channels * h * w), c = at / (h * w) % channels;
            auto y = (x.values[at] - mean) / std::sqrt(variance + 1e-3) * weight.values[c] + bias.values[c];
            if (modulated) y = y * (1 + scale.values[b * channels + c]) + shift.values[b * channels + c];
            expected[at] = activate(y, activation);
        }
    }
    compare("group norm " + std::to_string(channels) + " in " + std::to_string(groups), expected, dtype, [&](pt_tensor* out) {
        return pt_group_norm(x.tensor, groups, weight.tensor, bias.tensor, 1e-3, modulated ? scale.tensor : nullptr, modulated ? shift.tensor : nullptr, activation, out);
    });
}

// The derivative of sum(seed * run(x)) with respect to x.
void compare_gradient(const std::string& what, const Array& x, const Array& seed, const std::vector<double>& expected, int32_t dtype, const std::function<int(pt_tensor*)>& run) {
    int32_t previous;
    check(pt_grad_mode(1, &previous), "grad mode");
    check(pt_requires_grad_set(x.tensor, 1), "requires grad");
    pt_tensor y = nullptr;
    check(run(&y), what.c_str());
    if (y != nullptr) {
        compare("derivative of " + what, expected, dtype, [&](pt_tensor* out) { return pt_grad(&y, &seed.tensor, 1, &x.tensor, 1, 0, out); });
        check(pt_tensor_free(y), "free");
    }
    check(pt_requires_grad_set(x.tensor, 0), "requires grad");
    check(pt_grad_mode(0, &previous), "grad mode");
}

void group_norm_gradient(int32_t dtype) {
    const auto n = between(1, 5), groups = between(1, 6), channels = groups * between(1, 9), h = between(1, 11), w = between(2, 11);
    const auto activation = static_cast<int32_t>(between(PT_IDENTITY, PT_SILU));
    Array x({n, channels, h, w}, dtype, 1, true), seed({n, channels, h, w}, dtype, 1, true), weight({channels}, kFloat), bias({channels}, kFloat);
    std::vector<double> expected(x.values.size());
    const auto each = channels / groups * h * w;
    for (int64_t g = 0; g < n * groups; g++) {
        const auto [mean, variance] = moments(x, g, each);
        const auto inverse = 1 / std::sqrt(variance + 0.1);
        double average = 0, correlation = 0;
        std::vector<double> above(each), normal(each);
        for (int64_t i = 0; i < each; i++) {
            const auto at = g * each + i, c = at / (h * w) % channels;
            normal[i] = (x.values[at] - mean) * inverse;
            const auto z = normal[i] * weight.values[c] + bias.values[c], s = 1 / (1 + std::exp(-z));
            above[i] = seed.values[at] * weight.values[c] * (activation == PT_SILU ? s * (1 + z * (1 - s)) : 1);
            average += above[i] / each;
            correlation += above[i] * normal[i] / each;
        }
        for (int64_t i = 0; i < each; i++) expected[g * each + i] = inverse * (above[i] - average - normal[i] * correlation);
    }
    compare_gradient("group norm " + std::to_string(channels) + " in " + std::to_string(groups), x, seed, expected, dtype,
                     [&](pt_tensor* out) { return pt_group_norm(x.tensor, groups, weight.tensor, bias.tensor, 0.1, nullptr, nullptr, activation, out); });
}

void resample(int32_t dtype) {
    const auto n = between(1, 5), channels = between(1, 40), h = between(2, 11), w = between(2, 11), count = between(1, 4), border = (count - 1) / 2;
    const auto up = between(0, 1) == 1;
    const auto size = [&](int64_t side) { return up ? 2 * (side - 1) + count - 2 * border : (side + 2 * border - count) / 2 + 1; };
    const auto rows = size(h), columns = size(w);
    Array x({n, channels, h, w}, dtype, 1, true), seed({n, channels, rows, columns}, dtype, 1, true);
    std::vector<double> taps(count), expected(seed.values.size()), gradient(x.values.size());
    for (auto& tap : taps) tap = 0.1 * static_cast<double>(between(1, 9));
    // Each pair of an input and an output pixel that a tap joins: small = 2 * large - border + tap, where the small image is the input going up.
    for (int64_t image = 0; image < n * channels; image++)
        for (int64_t i = 0; i < (up ? h : rows); i++)
            for (int64_t j = 0; j < (up ? w : columns); j++)
                for (int64_t a = 0; a < count; a++)
                    for (int64_t b = 0; b < count; b++) {
                        const auto u = 2 * i - border + a, v = 2 * j - border + b;
                        if (u < 0 || v < 0 || u >= (up ? rows : h) || v >= (up ? columns : w)) continue;
                        const auto in = image * h * w + (up ? i * w + j : u * w + v), out = image * rows * columns + (up ? u * columns + v : i * columns + j);
                        expected[out] += taps[a] * taps[b] * x.values[in];
                        gradient[in] += taps[a] * taps[b] * seed.values[out];
                    }
    const auto run = [&](pt_tensor* out) { return pt_resample(x.tensor, taps.data(), static_cast<int32_t>(count), border, up, out); };
    const auto what = std::string("resampling ") + (up ? "up, " : "down, ") + std::to_string(count) + " taps";
    compare(what, expected, dtype, run);
    compare_gradient(what, x, seed, gradient, dtype, run);
}

void silu(int32_t dtype) {
    Array x({between(1, 9), between(1, 40), between(1, 11), between(1, 11)}, dtype, 4, between(0, 1) == 1);
    std::vector<double> expected(x.values.size());
    for (size_t i = 0; i < expected.size(); i++) expected[i] = activate(x.values[i], PT_SILU);
    compare("silu", expected, dtype, [&](pt_tensor* out) { return pt_silu(x.tensor, out); });
}

void attention(int32_t dtype) {
    const auto n = between(1, 5), heads = between(1, 4), d = between(1, 40), t = between(1, 50), s = between(1, 50);
    // Features lie side by side: [N, heads, T, d] seen as [N, heads, d, T].
    Array q({n, heads, t, d}, dtype), k({n, heads, s, d}, dtype), v({n, heads, s, d}, dtype);
    std::vector<double> expected(n * heads * t * d);
    for (int64_t g = 0; g < n * heads; g++)
        for (int64_t i = 0; i < t; i++) {
            std::vector<double> weights(s);
            double most = -INFINITY, sum = 0;
            for (int64_t j = 0; j < s; j++) {
                for (int64_t f = 0; f < d; f++) weights[j] += q.values[(g * t + i) * d + f] * k.values[(g * s + j) * d + f] / std::sqrt(static_cast<double>(d));
                most = std::fmax(most, weights[j]);
            }
            for (auto& weight : weights) sum += weight = std::exp(weight - most);
            for (int64_t j = 0; j < s; j++)
                for (int64_t f = 0; f < d; f++) expected[(g * t + i) * d + f] += weights[j] / sum * v.values[(g * s + j) * d + f];
        }
    const int64_t order[] = {0, 1, 3, 2};
    for (auto* one : {&q, &k, &v}) one->tensor = Array::permuted(one->tensor, order, 4);
    compare("attention " + std::to_string(t) + " to " + std::to_string(s) + " of " + std::to_string(d), expected, dtype, [&](pt_tensor* out) { return pt_attention(q.tensor, k.tensor, v.tensor, out); });
}

void window_attention(int32_t dtype) {
    const auto n = between(1, 3), window = between(2, 8), down = between(1, 3), across = between(1, 3), heads = between(1, 6), d = between(1, 33), shift = between(0, 1) * (window / 2);
    const auto tokens = window * window, h = down * window, w = across * window, channels = heads * d;
    const auto masked = between(0, 1) == 1;
    Array qkv({n, h, w, 3 * channels}, dtype), seed({n, h, w, channels}, dtype), bias({heads, tokens, tokens}, kFloat), mask({down * across, tokens, tokens}, kFloat, 5);
    const auto scale = 1 / std::sqrt(static_cast<double>(d));
    std::vector<double> expected(seed.values.size()), gradient(qkv.values.size());
    for (int64_t index = 0; index < n * down * across * heads; index++) {
        const auto head = index % heads, place = index / heads % (down * across), image = index / heads / (down * across);
        std::vector<int64_t> rows;
        for (int64_t i = 0; i < tokens; i++)
            rows.push_back((image * h + (place / across * window + shift + i / window) % h) * w + (place % across * window + shift + i % window) % w);
        const auto at = [&](int64_t t, int64_t part, int64_t f) { return (rows[t] * 3 + part) * channels + head * d + f; };
        for (int64_t i = 0; i < tokens; i++) {
            std::vector<double> weights(tokens), slopes(tokens);
            double most = -INFINITY, sum = 0, mean = 0;
            for (int64_t j = 0; j < tokens; j++) {
                weights[j] = bias.values[(head * tokens + i) * tokens + j] + (masked ? mask.values[(place * tokens + i) * tokens + j] : 0);
                for (int64_t f = 0; f < d; f++) weights[j] += scale * qkv.values[at(i, 0, f)] * qkv.values[at(j, 1, f)];
                most = std::fmax(most, weights[j]);
            }
            for (auto& weight : weights) sum += weight = std::exp(weight - most);
            for (int64_t j = 0; j < tokens; j++) {
                weights[j] /= sum;
                for (int64_t f = 0; f < d; f++) {
                    const auto above = seed.values[rows[i] * channels + head * d + f];
                    expected[rows[i] * channels + head * d + f] += weights[j] * qkv.values[at(j, 2, f)];
                    gradient[at(j, 2, f)] += weights[j] * above;
                    slopes[j] += above * qkv.values[at(j, 2, f)];
                }
                mean += weights[j] * slopes[j];
            }
            for (int64_t j = 0; j < tokens; j++)
                for (int64_t f = 0; f < d; f++) {
                    const auto slope = scale * weights[j] * (slopes[j] - mean);
                    gradient[at(i, 0, f)] += slope * qkv.values[at(j, 1, f)];
                    gradient[at(j, 1, f)] += slope * qkv.values[at(i, 0, f)];
                }
        }
    }
    const auto run = [&](pt_tensor* out) { return pt_window_attention(qkv.tensor, heads, window, shift, scale, bias.tensor, masked ? mask.tensor : nullptr, out); };
    const auto what = "attention in windows of " + std::to_string(window) + ", " + std::to_string(heads) + " heads of " + std::to_string(d);
    compare(what, expected, dtype, run);
    compare_gradient(what, qkv, seed, gradient, dtype, run);
}

void linear(int32_t dtype) {
    const auto n = between(1, 9), rows = between(1, 12), inputs = between(1, 70), outputs = between(1, 70);
    const auto biased = between(0, 1) == 1, with_residual = between(0, 1) == 1;
    Array x({n, rows, inputs}, dtype), weight({outputs, inputs}, dtype, 0.2), bias({outputs}, dtype), residual({n, rows, outputs}, dtype);
    std::vector<double> expected(residual.values.size());
    for (size_t i = 0; i < expected.size(); i++) {
        const auto row = i / outputs, o = i % outputs;
        expected[i] = (biased ? bias.values[o] : 0) + (with_residual ? residual.values[i] : 0);
        for (int64_t k = 0; k < inputs; k++) expected[i] += x.values[row * inputs + k] * weight.values[o * inputs + k];
    }
    pt_convolution layer;
    check(pt_convolution_new(weight.tensor, biased ? bias.tensor : nullptr, 1, 1, 0, 0, 1, &layer), "linear");
    if (layer == nullptr) return;
    for (int repeat = 0; repeat < 2; repeat++)
        compare("linear layer of " + std::to_string(n * rows) + " rows, " + std::to_string(inputs) + " to " + std::to_string(outputs) + (with_residual ? " residual" : ""), expected, dtype,
                [&](pt_tensor* out) { return pt_linear_run(layer, x.tensor, with_residual ? residual.tensor : nullptr, out); });
    check(pt_convolution_free(layer), "free");
}

void rms_norm(int32_t dtype) {
    const auto n = between(1, 9), rows = between(1, 12), width = between(1, 150);
    const auto each = between(0, 1) == 1;
    Array x({n, rows, width}, dtype), gain({each ? n : 1, width}, dtype);
    std::vector<double> expected(x.values.size());
    for (int64_t row = 0; row < n * rows; row++) {
        double square = 0;
        for (int64_t c = 0; c < width; c++) square += std::pow(x.values[row * width + c], 2) / width;
        for (int64_t c = 0; c < width; c++) expected[row * width + c] = x.values[row * width + c] / std::sqrt(square + 1e-6) * gain.values[(each ? row / rows : 0) * width + c];
    }
    compare("RMS norm of " + std::to_string(width), expected, dtype, [&](pt_tensor* out) { return pt_rms_norm(x.tensor, gain.tensor, 1e-6, out); });
}

void gated_gelu(int32_t dtype) {
    const auto rows = between(1, 30), width = between(1, 70);
    Array x({rows, 2 * width}, dtype, 3);
    std::vector<double> expected(rows * width);
    for (int64_t i = 0; i < rows * width; i++) {
        const auto a = x.values[i / width * 2 * width + i % width], b = x.values[i / width * 2 * width + width + i % width];
        expected[i] = a * b / 2 * std::erfc(-b / std::sqrt(2.0));
    }
    compare("gated gelu of " + std::to_string(width), expected, dtype, [&](pt_tensor* out) { return pt_gated_gelu(x.tensor, out); });
}

void rotary_attention(int32_t dtype) {
    const auto n = between(1, 9), tokens = between(1, 40), heads = between(1, 4), pairs = between(1, 18), d = 4 * pairs, features = heads * d;
    const auto tiles = between(1, 4), each_queries = (tokens + tiles - 1) / tiles, each_keys = between(1, tokens);
    const auto two = between(0, 1) == 1, masked = between(0, 1) == 1;
    Array qkv({n, tokens, 3 * features}, dtype), other({n, tokens, 2 * features}, dtype), angles({tokens, heads, pairs}, kFloat, 2);
    Array scale({heads}, kFloat), cosines({tokens, heads, pairs}, kFloat), sines({tokens, heads, pairs}, kFloat);
    const auto write = [](Array& to, const std::vector<double>& values) {
        std::vector<float> floats(values.begin(), values.end());
        to.values.assign(floats.begin(), floats.end());
        check(pt_tensor_free(to.tensor), "free");
        to.tensor = to.make(floats, kFloat, false);
    };
    std::vector<double> lengths, cosine, sine;
    for (auto value : scale.values) lengths.push_back(3 + std::fabs(value));
    for (auto angle : angles.values) {
        cosine.push_back(std::cos(angle));
        sine.push_back(std::sin(angle));
    }
    write(scale, lengths);
    write(cosines, cosine);
    write(sines, sine);
    std::vector<int64_t> queries(tiles * each_queries), keys(tiles * each_keys);
    for (int64_t i = 0; i < tiles * each_queries; i++) queries[i] = i < tokens ? tokens - 1 - i : -1;
    for (auto& key : keys) key = between(0, tokens - 1);
    std::vector<float> mask(tiles * each_queries * each_keys);
    for (int64_t i = 0; i < static_cast<int64_t>(mask.size()); i++) mask[i] = i % each_keys != 0 && between(0, 1) == 1 ? -INFINITY : 0;

    // A token's numbers of one head with their length and rotation.
    const auto placed = [&](const Array& from, int64_t at, int64_t token, int64_t head) {
        std::vector<double> v(d);
        double square = 1e-6;
        for (int64_t f = 0; f < d; f++) square += from.values[at + f] * from.values[at + f];
        for (int64_t f = 0; f < d; f++) v[f] = from.values[at + f] * std::sqrt(scale.values[head] / square);
        for (int64_t i = 0; i < pairs; i++) {
            const auto a = v[i], b = v[i + pairs], c = cosines.values[(token * heads + head) * pairs + i], s = sines.values[(token * heads + head) * pairs + i];
            v[i] = a * c - b * s;
            v[i + pairs] = b * c + a * s;
        }
        return v;
    };
    std::vector<double> expected(n * tokens * features);
    for (int64_t task = 0; task < n * heads * tiles * each_queries; task++) {
        const auto slot = task % (tiles * each_queries), head = task / (tiles * each_queries) % heads, row = task / (tiles * each_queries * heads) * tokens, query = queries[slot];
        if (query < 0) continue;
        const auto q = placed(qkv, (row + query) * 3 * features + head * d, query, head);
        std::vector<double> weights, most{-INFINITY};
        for (int64_t j = 0; j < (two ? 2 : 1) * each_keys; j++) {
            const auto key = keys[slot / each_queries * each_keys + j % each_keys], second = j / each_keys;
            const auto k = second ? placed(other, (row + key) * 2 * features + head * d, key, head) : placed(qkv, ((row + key) * 3 + 1) * features + head * d, key, head);
            double sum = masked ? mask[slot * each_keys + j % each_keys] : 0;
            for (int64_t f = 0; f < d; f++) sum += q[f] * k[f];
            weights.push_back(sum);
            most[0] = std::fmax(most[0], sum);
        }
        double total = 0;
        for (auto& weight : weights) total += weight = std::exp(weight - most[0]);
        for (size_t j = 0; j < weights.size(); j++) {
            const auto key = keys[slot / each_queries * each_keys + j % each_keys];
            for (int64_t f = 0; f < d; f++)
                expected[(row + query) * features + head * d + f] += weights[j] / total * (static_cast<int64_t>(j) >= each_keys ? other.values[((row + key) * 2 + 1) * features + head * d + f]
                                                                                                                            : qkv.values[((row + key) * 3 + 2) * features + head * d + f]);
        }
    }
    compare("rotary attention of " + std::to_string(tokens) + " tokens in " + std::to_string(tiles) + " tiles, " + std::to_string(heads) + " heads of " + std::to_string(d), expected, dtype, [&](pt_tensor* out) {
        return pt_rotary_attention(qkv.tensor, two ? other.tensor : nullptr, heads, scale.tensor, cosines.tensor, sines.tensor, queries.data(), keys.data(), masked ? mask.data() : nullptr, tiles, each_queries,
                                   each_keys, out);
    });
}

}  // namespace

int main(int argc, char** argv) {
    const int rounds = argc > 1 ? std::atoi(argv[1]) : 40;
    int32_t previous;
    check(pt_grad_mode(0, &previous), "grad mode");
    check(pt_threads_set(2), "threads");
    const std::string variants = pt_vector_variants();
    for (size_t start = 0; start <= variants.size();) {
        const auto end = std::min(variants.find(' ', start), variants.size());
        const auto variant = variants.substr(start, end - start);
        check(pt_vector_variant_set(variant.c_str()), "variant");
        const auto before = checks;
        for (int round = 0; round < rounds; round++)
            for (auto dtype : {kFloat, kBfloat16}) {
                convolution(dtype);
                group_norm(dtype);
                group_norm_gradient(dtype);
                resample(dtype);
                silu(dtype);
                attention(dtype);
                window_attention(dtype);
                linear(dtype);
                rms_norm(dtype);
                gated_gelu(dtype);
                rotary_attention(dtype);
            }
        std::printf("%s: %d calls compared\n", variant.c_str(), checks - before);
        start = end + 1;
    }
    std::printf("%d passed, %d failed\n", checks - failures, failures);
    return failures == 0 && checks > 0 ? 0 : 1;
}
