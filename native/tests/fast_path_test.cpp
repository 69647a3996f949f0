// The fast path through the C ABI against plain loops in double precision, over random shapes: odd sizes, one pixel, channels that fill no vector,
// batches of 1 to 9, every variant of the vector code, both number formats. native/tests/sanitize runs it under AddressSanitizer and
// UndefinedBehaviorSanitizer, so that reads and writes beyond a tensor end it. Before each call the memory that the result will get is filled with
// NaN, so that a number that was never written shows.
#include "comparison.h"

#include <utility>

using namespace comparison;

// What transformers are made of; transformer_checks.cpp.
void check_transformers(int32_t dtype);

// What is recorded for differentiation; convolution_checks.cpp.
void check_recorded_convolutions(int32_t dtype);

namespace {

double activate(double x, int32_t activation) {
    if (activation == PT_SILU) return x / (1 + std::exp(-x));
    return activation == PT_RELU ? std::fmax(x, 0) : x;
}

struct Convolution {
    int64_t images, groups, inputs, outputs, size, stride, height, width;
};

Convolution small_convolution() {
    const auto groups = between(0, 3) == 0 ? 2 : 1;
    return {between(1, 9), groups, groups * between(1, 24), groups * between(1, 24), between(0, 2) == 0 ? 1 : 3, between(1, 2), between(1, 13), between(1, 13)};
}

// Of enough channels and pixels for Winograd's algorithm.
Convolution large_convolution() { return {between(3, 5), 1, 16 * between(2, 5), 16 * between(2, 6), 3, 1, between(17, 21), between(19, 23)}; }

void convolution(int32_t dtype, const Convolution& shape) {
    const auto n = shape.images, groups = shape.groups, inputs = shape.inputs, outputs = shape.outputs, size = shape.size, stride = shape.stride, padding = size / 2, h = shape.height, w = shape.width;
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
            return pt_convolution_run(layer, x.tensor, with_residual ? residual.tensor : nullptr, modulated ? scale.tensor : nullptr, modulated ? shift.tensor : nullptr, activation, 0, out);
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
        return pt_group_norm(x.tensor, nullptr, groups, weight.tensor, bias.tensor, 1e-3, modulated ? scale.tensor : nullptr, modulated ? shift.tensor : nullptr, activation, 0, out);
    });
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
                     [&](pt_tensor* out) { return pt_group_norm(x.tensor, nullptr, groups, weight.tensor, bias.tensor, 0.1, nullptr, nullptr, activation, 0, out); });
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
                convolution(dtype, small_convolution());
                convolution(dtype, large_convolution());
                check_recorded_convolutions(dtype);
                group_norm(dtype);
                group_norm_gradient(dtype);
                resample(dtype);
                silu(dtype);
                attention(dtype);
                window_attention(dtype);
                check_transformers(dtype);
            }
        std::printf("%s: %d calls compared\n", variant.c_str(), checks - before);
        start = end + 1;
    }
    std::printf("%d passed, %d failed\n", checks - failures, failures);
    return failures == 0 && checks > 0 ? 0 : 1;
}
