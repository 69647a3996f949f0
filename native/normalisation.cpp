// Group normalisation (Wu, He 2018) with an optional scale and shift per image and channel and an activation, for inference on the CPU:
// one pass over channels-last memory for the statistics, one for the result. Scale, shift and activation alone, and SiLU alone.
#include "bridge.h"
#include "vector_kernels.h"

#include <ATen/ATen.h>
#include <ATen/Parallel.h>

#include <algorithm>
#include <cmath>
#include <cstring>
#include <stdexcept>
#include <vector>

using posterior::borrow;
using posterior::guard;

namespace {

constexpr int64_t row_block = 128;         // rows whose sums are accumulated in single precision
constexpr int64_t serial_below = 1 << 15;  // elements: less work than it costs to wake the other threads

bool plain(const at::Tensor& tensor) {
    return tensor.device().is_cpu() && tensor.layout() == at::kStrided && (tensor.scalar_type() == at::kFloat || tensor.scalar_type() == at::kBFloat16);
}

bool recorded(const at::Tensor& tensor) { return tensor.defined() && c10::GradMode::is_enabled() && tensor.requires_grad(); }

// Whether the memory is [N, positions, C] without gaps.
bool channels_last(const at::Tensor& x) {
    if (x.dim() < 3) return false;
    const auto channels = x.size(1);
    if (channels > 1 && x.stride(1) != 1) return false;
    auto expected = channels;
    for (auto d = x.dim() - 1; d >= 2; --d) {
        if (x.size(d) > 1 && x.stride(d) != expected) return false;
        expected *= x.size(d);
    }
    return x.size(0) <= 1 || x.stride(0) == expected;
}

std::vector<float> floats_of(const at::Tensor& tensor) {
    auto dense = tensor.to(at::kFloat).contiguous();
    auto first = dense.data_ptr<float>();
    return std::vector<float>(first, first + dense.numel());
}

template <class F>
void for_each(int64_t count, int64_t elements, const F& body) {
    if (elements < serial_below) body(0, count);
    else at::parallel_for(0, count, 1, body);
}

struct Image {
    int64_t batch, positions, channels, blocks, elements;
    bool half;

    explicit Image(const at::Tensor& x)
        : batch(x.size(0)), positions(x.numel() / (x.size(0) * x.size(1))), channels(x.size(1)), blocks((positions + row_block - 1) / row_block),
          elements(x.numel()), half(x.scalar_type() == at::kBFloat16) {}

    const char* at(const void* base, int64_t image, int64_t row) const {
        return static_cast<const char*>(base) + (image * positions + row) * channels * (half ? 2 : 4);
    }
    int64_t rows(int64_t block) const { return std::min(row_block, positions - block * row_block); }
};

// Mean and variance of each channel of each image, around the channel's first value so that a large mean costs no precision.
void channel_moments(const Image& shape, const void* x, std::vector<double>& means, std::vector<double>& deviations) {
    const auto& kernels = posterior::vector_kernels();
    const auto channels = shape.channels;
    std::vector<float> pivots(shape.batch * channels), partial(shape.batch * shape.blocks * channels * 2, 0.0f);
    for (int64_t n = 0; n < shape.batch; ++n) {
        auto first = shape.at(x, n, 0);
        for (int64_t c = 0; c < channels; ++c) {
            if (shape.half) {
                uint16_t bits;
                std::memcpy(&bits, first + 2 * c, 2);
                uint32_t wide = static_cast<uint32_t>(bits) << 16;
                std::memcpy(&pivots[n * channels + c], &wide, 4);
            } else {
                std::memcpy(&pivots[n * channels + c], first + 4 * c, 4);
            }
        }
    }
    for_each(shape.batch * shape.blocks, shape.elements, [&](int64_t begin, int64_t end) {
        for (auto task = begin; task < end; ++task) {
            const auto n = task / shape.blocks, block = task % shape.blocks;
            auto sums = partial.data() + task * channels * 2;
            kernels.moments[shape.half](shape.at(x, n, block * row_block), pivots.data() + n * channels, shape.rows(block), channels, sums, sums + channels);
        }
    });
    const auto count = static_cast<double>(shape.positions);
    for (int64_t n = 0; n < shape.batch; ++n) {
        std::vector<double> sum(channels, 0.0), square(channels, 0.0);
        for (int64_t block = 0; block < shape.blocks; ++block) {
            auto sums = partial.data() + (n * shape.blocks + block) * channels * 2;
            for (int64_t c = 0; c < channels; ++c) {
                sum[c] += sums[c];
                square[c] += sums[channels + c];
            }
        }
        for (int64_t c = 0; c < channels; ++c) {
            means[n * channels + c] = pivots[n * channels + c] + sum[c] / count;
            deviations[n * channels + c] = std::max(0.0, square[c] - sum[c] * sum[c] / count);
        }
    }
}

// y = activation(x gain + offset), with a gain and an offset for each image and channel.
void apply(const Image& shape, const void* x, void* y, const float* gain, const float* offset, int32_t activation) {
    const auto& kernels = posterior::vector_kernels();
    for_each(shape.batch * shape.blocks, shape.elements, [&](int64_t begin, int64_t end) {
        for (auto task = begin; task < end; ++task) {
            const auto n = task / shape.blocks, row = task % shape.blocks * row_block;
            kernels.affine[shape.half](shape.at(x, n, row), const_cast<char*>(shape.at(y, n, row)), shape.rows(task % shape.blocks), shape.channels,
                                       gain + n * shape.channels, offset + n * shape.channels, activation);
        }
    });
}

at::Tensor group_norm(const at::Tensor& x, int64_t groups, const at::Tensor& weight, const at::Tensor& bias, double epsilon, const at::Tensor& scale,
                      const at::Tensor& shift, int32_t activation) {
    const auto channels = x.size(1);
    const Image shape(x);
    std::vector<double> means(shape.batch * channels), deviations(shape.batch * channels);
    channel_moments(shape, x.data_ptr(), means, deviations);

    const auto each = channels / groups;
    auto gains = floats_of(weight), offsets = floats_of(bias);
    auto scales = scale.defined() ? floats_of(scale) : std::vector<float>(), shifts = shift.defined() ? floats_of(shift) : std::vector<float>();
    std::vector<float> gain(shape.batch * channels), offset(shape.batch * channels);
    for (int64_t n = 0; n < shape.batch; ++n)
        for (int64_t g = 0; g < groups; ++g) {
            const auto first = n * channels + g * each;
            double mean = 0, deviation = 0;
            for (int64_t k = 0; k < each; ++k) mean += means[first + k];
            mean /= static_cast<double>(each);
            for (int64_t k = 0; k < each; ++k) {
                const auto distance = means[first + k] - mean;
                deviation += deviations[first + k] + static_cast<double>(shape.positions) * distance * distance;
            }
            const auto inverse = 1 / std::sqrt(deviation / static_cast<double>(each * shape.positions) + epsilon);
            for (int64_t k = 0; k < each; ++k) {
                const auto c = g * each + k;
                auto a = inverse * gains[c], b = offsets[c] - mean * a;
                if (!scales.empty()) {
                    a *= 1.0 + scales[first + k];
                    b *= 1.0 + scales[first + k];
                }
                if (!shifts.empty()) b += shifts[first + k];
                gain[first + k] = static_cast<float>(a);
                offset[first + k] = static_cast<float>(b);
            }
        }

    auto y = at::empty_strided(x.sizes(), x.strides(), x.options());
    apply(shape, x.data_ptr(), y.data_ptr(), gain.data(), offset.data(), activation);
    return y;
}

bool per_channel(const at::Tensor& tensor, const at::Tensor& x) {
    return !tensor.defined() || (tensor.device().is_cpu() && !recorded(tensor) && tensor.numel() == x.size(0) * x.size(1));
}

}  // namespace

namespace posterior {

void modulate(at::Tensor& x, const at::Tensor& scale, const at::Tensor& shift, int32_t activation) {
    const Image shape(x);
    const auto count = static_cast<size_t>(shape.batch * shape.channels);
    auto gain = scale.defined() ? floats_of(scale) : std::vector<float>(count, 0.0f);
    auto offset = shift.defined() ? floats_of(shift) : std::vector<float>(count, 0.0f);
    if (gain.size() != count || offset.size() != count) throw std::invalid_argument("a scale and a shift need one number for each image and channel");
    for (auto& factor : gain) factor += 1;
    apply(shape, x.data_ptr(), x.data_ptr(), gain.data(), offset.data(), activation);
}

}  // namespace posterior

extern "C" {

int pt_group_norm(pt_tensor x, int64_t groups, pt_tensor weight, pt_tensor bias, double epsilon, pt_tensor scale, pt_tensor shift, int32_t activation, pt_tensor* out) {
    return guard([&] {
        *out = nullptr;
        auto input = borrow(x), gains = borrow(weight), offsets = borrow(bias), scales = borrow(scale), shifts = borrow(shift);
        if (input.dim() < 3 || !plain(input) || input.numel() == 0 || recorded(input) || recorded(gains) || recorded(offsets)) return;
        if (!gains.device().is_cpu() || gains.numel() != input.size(1) || offsets.numel() != input.size(1) || groups <= 0 || input.size(1) % groups != 0) return;
        if (!channels_last(input) || !per_channel(scales, input) || !per_channel(shifts, input)) return;
        at::NoGradGuard no_grad;
        *out = posterior::release(group_norm(input, groups, gains, offsets, epsilon, scales, shifts, activation));
    });
}

int pt_silu(pt_tensor x, pt_tensor* out) {
    return guard([&] {
        *out = nullptr;
        auto input = borrow(x);
        if (!plain(input) || recorded(input) || input.numel() == 0 || !input.is_non_overlapping_and_dense()) return;
        auto y = at::empty_strided(input.sizes(), input.strides(), input.options());
        const auto half = input.scalar_type() == at::kBFloat16;
        const auto size = half ? 2 : 4;
        auto from = static_cast<const char*>(input.data_ptr());
        auto to = static_cast<char*>(y.data_ptr());
        const auto& kernels = posterior::vector_kernels();
        at::parallel_for(0, input.numel(), serial_below, [&](int64_t begin, int64_t end) { kernels.silu[half](from + begin * size, to + begin * size, end - begin); });
        *out = posterior::release(std::move(y));
    });
}

}  // extern "C"
