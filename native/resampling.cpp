// Resampling of channels-last images by the factor 2 with a separable filter, as the convolution of stride 2 (down) or its transpose (up) with the same
// filter for every channel, and its derivative. ATen's grouped transposed convolution works channel by channel.
#include "bridge.h"
#include "vector_kernels.h"

#include <ATen/ATen.h>
#include <ATen/Parallel.h>
#include <torch/csrc/autograd/custom_function.h>

#include <stdexcept>
#include <vector>

using posterior::borrow;
using posterior::guard;

namespace {

struct Tap {
    int64_t source;
    float weight;
};

// For each output of one axis the inputs that it sums. Down: y(i) = sum_a t(a) x(2 i - border + a). Up, the transpose: y(i) = sum_a t(a) x((i + border - a) / 2).
std::vector<std::vector<Tap>> axis(const std::vector<double>& taps, int64_t border, bool up, int64_t inputs, int64_t outputs) {
    std::vector<std::vector<Tap>> sums(outputs);
    for (int64_t i = 0; i < outputs; ++i)
        for (int64_t a = 0; a < static_cast<int64_t>(taps.size()); ++a) {
            const auto place = up ? i + border - a : 2 * i - border + a;
            if (up && (place & 1) != 0) continue;
            const auto source = up ? place / 2 : place;
            if (place >= 0 && source < inputs) sums[i].push_back({source, static_cast<float>(taps[a])});
        }
    return sums;
}

at::Tensor resample(const at::Tensor& x, const std::vector<double>& taps, int64_t border, bool up, int64_t height, int64_t width) {
    at::NoGradGuard no_grad;
    const auto batch = x.size(0), channels = x.size(1), rows = x.size(2), columns = x.size(3);
    auto y = at::empty({batch, channels, height, width}, x.options().memory_format(at::MemoryFormat::ChannelsLast));
    const auto down_rows = axis(taps, border, up, rows, height), across = axis(taps, border, up, columns, width);
    const auto half = x.scalar_type() == at::kBFloat16;
    const int64_t pixel = channels * (half ? 2 : 4);
    const auto from = static_cast<const char*>(x.data_ptr());
    const auto to = static_cast<char*>(y.data_ptr());
    const auto combine = posterior::vector_kernels().combine[half];
    at::parallel_for(0, batch * height, 1, [&](int64_t begin, int64_t end) {
        std::vector<const void*> sources(taps.size() * taps.size());
        std::vector<float> weights(sources.size());
        for (auto line = begin; line < end; ++line) {
            const auto image = from + line / height * rows * columns * pixel;
            for (int64_t j = 0; j < width; ++j) {
                int64_t count = 0;
                for (const auto& vertical : down_rows[line % height])
                    for (const auto& horizontal : across[j]) {
                        sources[count] = image + (vertical.source * columns + horizontal.source) * pixel;
                        weights[count++] = vertical.weight * horizontal.weight;
                    }
                combine(sources.data(), weights.data(), count, to + (line * width + j) * pixel, channels);
            }
        }
    });
    return y;
}

// The derivative of one direction is the other.
struct Resample : torch::autograd::Function<Resample> {
    static at::Tensor forward(torch::autograd::AutogradContext* context, const at::Tensor& x, std::vector<double> taps, int64_t border, bool up, int64_t height, int64_t width) {
        context->saved_data["taps"] = taps;
        context->saved_data["border"] = border;
        context->saved_data["up"] = up;
        context->saved_data["height"] = x.size(2);
        context->saved_data["width"] = x.size(3);
        return resample(x, taps, border, up, height, width);
    }

    static torch::autograd::variable_list backward(torch::autograd::AutogradContext* context, torch::autograd::variable_list gradients) {
        auto& saved = context->saved_data;
        auto result = apply(gradients[0].contiguous(at::MemoryFormat::ChannelsLast), saved["taps"].toDoubleVector(), saved["border"].toInt(), !saved["up"].toBool(),
                            saved["height"].toInt(), saved["width"].toInt());
        return {result, at::Tensor(), at::Tensor(), at::Tensor(), at::Tensor(), at::Tensor()};
    }
};

}  // namespace

extern "C" {

int pt_resample(pt_tensor x, const double* taps, int32_t count, int64_t border, int32_t up, pt_tensor* out) {
    return guard([&] {
        *out = nullptr;
        auto input = borrow(x);
        if (input.dim() != 4 || !posterior::plain(input) || input.numel() == 0 || !posterior::channels_last(input)) return;
        if (count < 1 || border < 0) throw std::invalid_argument("a resampling filter needs a tap at least and no negative border");
        const auto size = [&](int64_t n) { return up != 0 ? 2 * (n - 1) + count - 2 * border : (n + 2 * border - count) / 2 + 1; };
        const auto height = size(input.size(2)), width = size(input.size(3));
        if (height < 1 || width < 1) return;
        *out = posterior::release(Resample::apply(input, std::vector<double>(taps, taps + count), border, up != 0, height, width));
    });
}

}  // extern "C"
