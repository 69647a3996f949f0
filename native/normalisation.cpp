// Group normalisation (Wu, He 2018) with an optional scale and shift per image and channel and an activation, on the CPU: one pass over channels-last
// memory for the statistics, one for the result; two more for the derivatives. SiLU alone, for inference.
#include "affine.h"
#include "bridge.h"
#include "vector_kernels.h"

#include <ATen/ATen.h>
#include <torch/csrc/autograd/custom_function.h>

#include <algorithm>
#include <cmath>
#include <cstring>
#include <vector>

using posterior::borrow;
using posterior::guard;

namespace {

using posterior::channels_last;
using posterior::floats_of;
using posterior::for_each;
using posterior::Image;
using posterior::per_channel;
using posterior::placeholder;
using posterior::plain;
using posterior::present;
using posterior::recorded;
using posterior::row_block;
using posterior::serial_below;

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

// What the normalisation of one batch comes to: y = activation(x gain + offset), with the moments that its derivatives need.
struct Normalised {
    std::vector<float> gain, offset;      // for each image and channel
    std::vector<double> mean, inverse;    // for each image and group
};

// Of the channels of several images of one size, one after another.
Normalised normalise(at::ArrayRef<at::Tensor> sources, int64_t groups, const at::Tensor& weight, const at::Tensor& bias, double epsilon, const at::Tensor& scale, const at::Tensor& shift) {
    const Image shape(sources[0]);
    int64_t channels = 0, first_of_source = 0;
    for (const auto& source : sources) channels += source.size(1);
    std::vector<double> means(shape.batch * channels), deviations(shape.batch * channels);
    for (const auto& source : sources) {
        const auto each = source.size(1);
        std::vector<double> own_means(shape.batch * each), own_deviations(shape.batch * each);
        channel_moments(Image(source), source.data_ptr(), own_means, own_deviations);
        for (int64_t n = 0; n < shape.batch; ++n) {
            std::copy_n(own_means.begin() + n * each, each, means.begin() + n * channels + first_of_source);
            std::copy_n(own_deviations.begin() + n * each, each, deviations.begin() + n * channels + first_of_source);
        }
        first_of_source += each;
    }

    const auto each = channels / groups;
    auto gains = floats_of(weight), offsets = floats_of(bias);
    auto scales = scale.defined() ? floats_of(scale) : std::vector<float>(), shifts = shift.defined() ? floats_of(shift) : std::vector<float>();
    Normalised result;
    result.gain.resize(shape.batch * channels);
    result.offset.resize(shape.batch * channels);
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
            result.mean.push_back(mean);
            result.inverse.push_back(inverse);
            for (int64_t k = 0; k < each; ++k) {
                const auto c = g * each + k;
                auto a = inverse * gains[c], b = offsets[c] - mean * a;
                if (!scales.empty()) {
                    a *= 1.0 + scales[first + k];
                    b *= 1.0 + scales[first + k];
                }
                if (!shifts.empty()) b += shifts[first + k];
                result.gain[first + k] = static_cast<float>(a);
                result.offset[first + k] = static_cast<float>(b);
            }
        }
    return result;
}

at::Tensor group_norm(const at::Tensor& x, const Normalised& given, int32_t activation, bool overwrites = false) {
    auto y = overwrites ? x : at::empty_strided(x.sizes(), x.strides(), x.options());
    posterior::affine(Image(x), x.data_ptr(), Image(y), y.data_ptr(), 0, given.gain.data(), given.offset.data(), activation);
    return y;
}

// Of images side by side: nothing is concatenated before.
at::Tensor group_norm(const at::Tensor& x, const at::Tensor& beside, const Normalised& given, int32_t activation) {
    auto y = at::empty({x.size(0), x.size(1) + beside.size(1), x.size(2), x.size(3)}, x.options(), at::MemoryFormat::ChannelsLast);
    posterior::affine(Image(x), x.data_ptr(), Image(y), y.data_ptr(), 0, given.gain.data(), given.offset.data(), activation);
    posterior::affine(Image(beside), beside.data_ptr(), Image(y), y.data_ptr(), x.size(1), given.gain.data(), given.offset.data(), activation);
    return y;
}

// The derivatives of the first order; the bridge asks for no others. With g = dy activation'(z) for z = x gain + offset, and x^ = (x - mean) inverse, where z = (x^ weight + bias) (1 + scale) + shift.
struct RecordedGroupNorm : torch::autograd::Function<RecordedGroupNorm> {
    static at::Tensor forward(torch::autograd::AutogradContext* context, const at::Tensor& x, const at::Tensor& weight, const at::Tensor& bias, const at::Tensor& scale,
                              const at::Tensor& shift, int64_t groups, double epsilon, int64_t activation) {
        at::NoGradGuard no_grad;
        auto given = normalise(x, groups, weight, bias, epsilon, present(scale), present(shift));
        auto y = group_norm(x, given, static_cast<int32_t>(activation));
        context->save_for_backward({x, weight, bias, scale, shift});
        context->saved_data["mean"] = given.mean;
        context->saved_data["inverse"] = given.inverse;
        context->saved_data["gain"] = at::tensor(given.gain);
        context->saved_data["offset"] = at::tensor(given.offset);
        context->saved_data["activation"] = activation;
        return y;
    }

    static torch::autograd::variable_list backward(torch::autograd::AutogradContext* context, torch::autograd::variable_list gradients) {
        at::NoGradGuard no_grad;
        const auto saved = context->get_saved_variables();
        const auto x = saved[0], scale = present(saved[3]), shift = present(saved[4]);
        const auto mean = context->saved_data["mean"].toDoubleVector(), inverse = context->saved_data["inverse"].toDoubleVector();
        const auto gains = context->saved_data["gain"].toTensor(), offsets = context->saved_data["offset"].toTensor();
        const auto gain = gains.data_ptr<float>(), offset = offsets.data_ptr<float>();
        const auto activation = static_cast<int32_t>(context->saved_data["activation"].toInt());
        const Image shape(x);
        auto above = gradients[0].to(x.scalar_type());
        if (above.strides() != x.strides()) above = at::empty_strided(x.sizes(), x.strides(), x.options()).copy_(above);
        const auto channels = shape.channels, groups = static_cast<int64_t>(mean.size()) / shape.batch, each = channels / groups;

        // Sums over positions of g and of g (x - mean), for each image and channel.
        std::vector<float> pivots(shape.batch * channels);
        for (int64_t i = 0; i < shape.batch * channels; ++i) pivots[i] = static_cast<float>(mean[i / each]);
        const auto [sum, product] = posterior::affine_sums(shape, x.data_ptr(), above.data_ptr(), gain, offset, pivots.data(), activation);

        const auto weights = floats_of(saved[1]), biases = floats_of(saved[2]), scales = scale.defined() ? floats_of(scale) : std::vector<float>(shape.batch * channels, 0.0f);
        std::vector<float> slope(shape.batch * channels), constant(shape.batch * channels), by_scale(shape.batch * channels), by_shift(shape.batch * channels);
        std::vector<double> by_weight(channels, 0.0), by_bias(channels, 0.0);
        for (int64_t n = 0; n < shape.batch; ++n)
            for (int64_t g = 0; g < groups; ++g) {
                const auto r = inverse[n * groups + g], m = mean[n * groups + g], count = static_cast<double>(each * shape.positions);
                double average = 0, correlation = 0;  // of dx^, and of dx^ x^
                for (int64_t k = 0; k < each; ++k) {
                    const auto c = g * each + k, i = n * channels + c;
                    const auto factor = 1.0 + scales[i], normal = product[i] * r;
                    average += weights[c] * factor * sum[i] / count;
                    correlation += weights[c] * factor * normal / count;
                    by_weight[c] += factor * normal;
                    by_bias[c] += factor * sum[i];
                    by_scale[i] = static_cast<float>(weights[c] * normal + biases[c] * sum[i]);
                    by_shift[i] = static_cast<float>(sum[i]);
                }
                for (int64_t k = 0; k < each; ++k) {
                    const auto i = n * channels + g * each + k;
                    slope[i] = static_cast<float>(-r * r * correlation);
                    constant[i] = static_cast<float>(r * (r * correlation * m - average));
                }
            }

        at::Tensor dx;
        if (context->needs_input_grad(0)) {
            dx = at::empty_strided(x.sizes(), x.strides(), x.options());
            posterior::affine_gradient(shape, x.data_ptr(), above.data_ptr(), dx.data_ptr(), gain, offset, slope.data(), constant.data(), activation);
        }
        const auto like = [](const auto& numbers, const at::Tensor& target) {
            return target.defined() ? at::tensor(at::ArrayRef(numbers)).to(target.scalar_type()).reshape(target.sizes()) : at::Tensor();
        };
        return {dx, like(by_weight, saved[1]), like(by_bias, saved[2]), like(by_scale, scale), like(by_shift, shift), at::Tensor(), at::Tensor(), at::Tensor()};
    }
};

}  // namespace

extern "C" {

int pt_group_norm(pt_tensor x, pt_tensor beside, int64_t groups, pt_tensor weight, pt_tensor bias, double epsilon, pt_tensor scale, pt_tensor shift, int32_t activation, int32_t overwrites,
                  pt_tensor* out) {
    return guard([&] {
        *out = nullptr;
        auto input = borrow(x), second = borrow(beside), gains = borrow(weight), offsets = borrow(bias), scales = borrow(scale), shifts = borrow(shift);
        if (input.dim() < 3 || !plain(input) || input.numel() == 0) return;
        const auto channels = input.size(1) + (second.defined() ? second.size(1) : 0);
        if (!gains.device().is_cpu() || gains.numel() != channels || offsets.numel() != channels || groups <= 0 || channels % groups != 0) return;
        if (second.defined()) {
            const auto fits = plain(second) && second.scalar_type() == input.scalar_type() && second.numel() > 0 && input.dim() == 4 && second.dim() == 4 && second.size(0) == input.size(0) &&
                              second.size(2) == input.size(2) && second.size(3) == input.size(3);
            if (!fits || scales.defined() || shifts.defined() || !channels_last(input) || !channels_last(second)) return;
            for (const auto& tensor : {input, second, gains, offsets})
                if (recorded(tensor)) return;
            at::NoGradGuard no_grad;
            *out = posterior::release(group_norm(input, second, normalise({input, second}, groups, gains, offsets, epsilon, scales, shifts), activation));
            return;
        }
        if (!channels_last(input) || !per_channel(scales, input) || !per_channel(shifts, input)) return;
        if (recorded(input) || recorded(gains) || recorded(offsets) || recorded(scales) || recorded(shifts)) {
            *out = posterior::release(RecordedGroupNorm::apply(input, gains, offsets, placeholder(scales), placeholder(shifts), groups, epsilon, static_cast<int64_t>(activation)));
            return;
        }
        at::NoGradGuard no_grad;
        *out = posterior::release(group_norm(input, normalise(input, groups, gains, offsets, epsilon, scales, shifts), activation, overwrites != 0));
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
