// Convolutions and modulations that are recorded for differentiation, and their derivatives, against plain loops in double precision.
#include "comparison.h"

using namespace comparison;

namespace {

// Of few channels for oneDNN, or of enough channels and pixels for Winograd's algorithm.
void recorded_convolution(bool large, int32_t dtype) {
    const auto n = large ? between(3, 5) : between(1, 4), inputs = large ? 16 * between(2, 5) : between(1, 20), outputs = large ? 16 * between(2, 6) : between(1, 20);
    const auto h = large ? between(17, 21) : between(1, 9), w = large ? between(19, 23) : between(1, 9), size = large || between(0, 1) == 1 ? int64_t{3} : int64_t{1}, padding = size / 2;
    const auto last = between(0, 1) == 1, with_residual = between(0, 1) == 1;
    Array x({n, inputs, h, w}, dtype, 1, last), weight({outputs, inputs, size, size}, kFloat, 0.2), bias({outputs}, kFloat);
    Array residual({n, outputs, h, w}, dtype, 1, last), seed({n, outputs, h, w}, dtype, 1, last);
    std::vector<double> expected(seed.values.size()), by_x(x.values.size()), by_weight(weight.values.size()), by_bias(outputs);
    for (int64_t b = 0, i = 0; b < n; b++)
        for (int64_t o = 0; o < outputs; o++)
            for (int64_t r = 0; r < h; r++)
                for (int64_t c = 0; c < w; c++, i++) {
                    expected[i] = bias.values[o] + (with_residual ? residual.values[i] : 0);
                    by_bias[o] += seed.values[i];
                    for (int64_t k = 0; k < inputs; k++)
                        for (int64_t u = 0; u < size; u++)
                            for (int64_t v = 0; v < size; v++) {
                                const auto row = r + u - padding, column = c + v - padding;
                                if (row < 0 || row >= h || column < 0 || column >= w) continue;
                                const auto pixel = ((b * inputs + k) * h + row) * w + column, factor = ((o * inputs + k) * size + u) * size + v;
                                expected[i] += x.values[pixel] * weight.values[factor];
                                by_x[pixel] += seed.values[i] * weight.values[factor];
                                by_weight[factor] += seed.values[i] * x.values[pixel];
                            }
                }
    pt_convolution layer;
    check(pt_convolution_new(weight.tensor, bias.tensor, 1, 1, padding, padding, 1, &layer), "convolution");
    if (layer == nullptr) return;
    const auto run = [&](pt_tensor* out) { return pt_convolution_record(layer, x.tensor, with_residual ? residual.tensor : nullptr, out); };
    const auto what = "recorded convolution " + std::to_string(n) + "x" + std::to_string(inputs) + "x" + std::to_string(h) + "x" + std::to_string(w) + " to " + std::to_string(outputs) + " of " +
                      std::to_string(size) + (last ? " last" : "") + (with_residual ? " residual" : "") + (dtype == kFloat ? "" : " bf16");
    compare_gradient(what, x, seed, by_x, dtype, run);
    compare_gradient(what + " by its weights", weight, seed, by_weight, dtype, run);
    compare_gradient(what + " by its bias", bias, seed, by_bias, kFloat, run);
    if (with_residual) compare_gradient(what + " by its residual", residual, seed, seed.values, dtype, run);
    int32_t previous;
    check(pt_grad_mode(1, &previous), "grad mode");
    check(pt_requires_grad_set(weight.tensor, 1), "requires grad");
    pt_tensor made = nullptr;
    check(run(&made), what.c_str());
    if (made != nullptr) check(pt_tensor_free(made), "free");
    else if (dtype == kFloat || pt_winograd_halves() != 0) failures++, std::printf("FAILED %s: left to ATen\n", what.c_str());
    compare(what, expected, dtype, run);
    check(pt_requires_grad_set(weight.tensor, 0), "requires grad");
    check(pt_grad_mode(0, &previous), "grad mode");
    check(pt_convolution_free(layer), "free");
}

void modulation(int32_t dtype) {
    const auto n = between(1, 5), channels = between(1, 40), h = between(1, 11), w = between(1, 11);
    const auto scaled = between(0, 1) == 1, shifted = !scaled || between(0, 1) == 1;
    const auto activation = static_cast<int32_t>(between(PT_IDENTITY, PT_RELU));
    Array x({n, channels, h, w}, dtype, 1, true), seed({n, channels, h, w}, dtype, 1, true), scale({n, channels, 1, 1}, kFloat, 0.3), shift({n, channels, 1, 1}, kFloat);
    std::vector<double> expected(x.values.size()), by_x(x.values.size()), by_scale(n * channels), by_shift(n * channels);
    for (size_t i = 0; i < x.values.size(); i++) {
        const auto c = i / (h * w);
        const auto gain = 1 + (scaled ? scale.values[c] : 0), z = x.values[i] * gain + (shifted ? shift.values[c] : 0), s = 1 / (1 + std::exp(-z));
        const auto above = seed.values[i] * (activation == PT_SILU ? s * (1 + z * (1 - s)) : activation == PT_RELU ? z > 0 : 1);
        expected[i] = activation == PT_SILU ? z * s : activation == PT_RELU ? std::fmax(z, 0) : z;
        by_x[i] = above * gain;
        by_scale[c] += above * x.values[i];
        by_shift[c] += above;
    }
    const auto run = [&](pt_tensor* out) { return pt_modulate(x.tensor, scaled ? scale.tensor : nullptr, shifted ? shift.tensor : nullptr, activation, out); };
    const auto what = "modulation " + std::to_string(n) + "x" + std::to_string(channels) + "x" + std::to_string(h) + "x" + std::to_string(w) + " act " + std::to_string(activation);
    int32_t previous;
    check(pt_grad_mode(1, &previous), "grad mode");
    check(pt_requires_grad_set(x.tensor, 1), "requires grad");
    pt_tensor made = nullptr;
    check(run(&made), what.c_str());
    if (made == nullptr) failures++, std::printf("FAILED %s: left to ATen\n", what.c_str());
    else check(pt_tensor_free(made), "free");
    compare(what, expected, dtype, run);
    check(pt_requires_grad_set(x.tensor, 0), "requires grad");
    check(pt_grad_mode(0, &previous), "grad mode");
    compare_gradient(what, x, seed, by_x, dtype, run);
    if (scaled) compare_gradient(what + " by its scale", scale, seed, by_scale, dtype, run);
    if (shifted) compare_gradient(what + " by its shift", shift, seed, by_shift, dtype, run);
}

}  // namespace

void check_recorded_convolutions(int32_t dtype) {
    modulation(dtype);
    if (dtype == kFloat) recorded_convolution(false, dtype);
    recorded_convolution(true, dtype);
}
