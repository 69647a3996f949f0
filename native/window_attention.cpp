// Self-attention inside windows of an image, shifted or not (Liu et al. 2021, arXiv:2103.14030), on the CPU, with its derivatives of the first order. Logits exist for one
// window and head at a time, in the caches; tokens are read and written where they lie in the image, so that nothing is rolled or cut into windows.
#include "bridge.h"
#include "vector_kernels.h"

#include <ATen/ATen.h>
#include <ATen/Parallel.h>
#include <torch/csrc/autograd/custom_function.h>

#include <algorithm>
#include <cstdint>
#include <vector>

using posterior::borrow;
using posterior::guard;
using posterior::most_groups;
using posterior::no_weight;
using posterior::padded;
using posterior::WindowShape;

namespace {

constexpr int64_t most_tokens = 256;  // of a window whose logits fit a cache

struct Layout {
    int64_t height, width, window, shift, down, across, windows, groups;

    Layout(const at::Tensor& qkv, int64_t window, int64_t shift)
        : height(qkv.size(1)), width(qkv.size(2)), window(window), shift(shift), down(height / window), across(width / window), windows(qkv.size(0) * down * across),
          groups(std::min(windows, most_groups)) {}

    int64_t first_of(int64_t group) const { return group * windows / groups; }

    // The pixels of a window, as rows of the image batch.
    void places(int64_t index, int64_t* to) const {
        const auto image = index / (down * across), top = index / across % down * window + shift, left = index % across * window + shift;
        for (int64_t i = 0; i < window; ++i)
            for (int64_t j = 0; j < window; ++j) *to++ = (image * height + (top + i) % height) * width + (left + j) % width;
    }

    // Calls body(group, window, its places, scratch memory) for every window.
    template <class F>
    void for_each(const WindowShape& shape, const F& body) const {
        at::parallel_for(0, groups, 1, [&](int64_t begin, int64_t end) {
            auto scratch = at::empty({shape.scratch()}, at::kFloat);  // aligned to cache lines, and kept for the next call
            std::vector<int64_t> pixels(shape.tokens);
            for (auto group = begin; group < end; ++group)
                for (auto index = first_of(group); index < first_of(group + 1); ++index) {
                    places(index, pixels.data());
                    body(group, index, pixels.data(), scratch.data_ptr<float>());
                }
        });
    }
};

WindowShape shape_of(const at::Tensor& qkv, int64_t heads, int64_t window, double scale) {
    const auto width = qkv.size(3) / 3 / heads, tokens = window * window;
    return {heads, width, tokens, padded(width), padded(tokens), static_cast<float>(scale)};
}

// [..., tokens, tokens] with rows of whole vectors.
at::Tensor with_whole_rows(const at::Tensor& x, const WindowShape& shape, float filling) {
    return at::constant_pad_nd(x.to(at::kFloat), {0, shape.padded_tokens - shape.tokens}, filling).contiguous();
}

const float* mask_of(const at::Tensor& mask, const WindowShape& shape, int64_t window) {
    return mask.numel() == 0 ? nullptr : mask.data_ptr<float>() + window % mask.size(0) * shape.tokens * shape.padded_tokens;
}

struct Result {
    at::Tensor y, bias, mask, statistics;
};

Result attention(const at::Tensor& qkv, int64_t heads, int64_t window, int64_t shift, double scale, const at::Tensor& bias, const at::Tensor& mask) {
    const auto shape = shape_of(qkv, heads, window, scale);
    const Layout layout(qkv, window, shift);
    Result result{at::empty({qkv.size(0), qkv.size(1), qkv.size(2), heads * shape.width}, qkv.options()), with_whole_rows(bias, shape, no_weight),
                  mask.numel() == 0 ? mask : with_whole_rows(mask, shape, 0), at::empty({layout.windows, heads, shape.tokens, 2}, at::kFloat)};
    const auto half = qkv.scalar_type() == at::kBFloat16;
    const auto& kernels = posterior::vector_kernels();
    layout.for_each(shape, [&](int64_t, int64_t index, const int64_t* places, float* scratch) {
        kernels.window_attention[half](qkv.data_ptr(), result.y.data_ptr(), shape, places, result.bias.data_ptr<float>(), mask_of(result.mask, shape, index),
                                       result.statistics.data_ptr<float>() + index * heads * shape.tokens * 2, scratch);
    });
    return result;
}

struct RecordedWindowAttention : torch::autograd::Function<RecordedWindowAttention> {
    static at::Tensor forward(torch::autograd::AutogradContext* context, const at::Tensor& qkv, const at::Tensor& bias, const at::Tensor& mask, int64_t heads, int64_t window, int64_t shift,
                              double scale) {
        at::NoGradGuard no_grad;
        auto result = attention(qkv, heads, window, shift, scale, bias, mask);
        context->save_for_backward({qkv, result.bias, result.mask, result.statistics});
        context->saved_data["heads"] = heads;
        context->saved_data["window"] = window;
        context->saved_data["shift"] = shift;
        context->saved_data["scale"] = scale;
        context->saved_data["type"] = bias.scalar_type();
        return result.y;
    }

    static torch::autograd::variable_list backward(torch::autograd::AutogradContext* context, torch::autograd::variable_list gradients) {
        at::NoGradGuard no_grad;
        const auto saved = context->get_saved_variables();
        const auto qkv = saved[0], bias = saved[1], mask = saved[2], statistics = saved[3];
        const auto heads = context->saved_data["heads"].toInt(), window = context->saved_data["window"].toInt();
        const auto shape = shape_of(qkv, heads, window, context->saved_data["scale"].toDouble());
        const Layout layout(qkv, window, context->saved_data["shift"].toInt());
        const auto above = gradients[0].to(qkv.scalar_type()).contiguous();
        auto dqkv = at::empty(qkv.sizes(), qkv.options());
        const auto by_bias = context->needs_input_grad(1);
        const auto each = heads * shape.tokens * shape.padded_tokens;
        auto sums = at::zeros({by_bias ? layout.groups : 0, heads, shape.tokens, shape.padded_tokens}, at::kFloat);
        const auto half = qkv.scalar_type() == at::kBFloat16;
        const auto& kernels = posterior::vector_kernels();
        layout.for_each(shape, [&](int64_t group, int64_t index, const int64_t* places, float* scratch) {
            kernels.window_attention_gradient[half](qkv.data_ptr(), above.data_ptr(), dqkv.data_ptr(), shape, places, bias.data_ptr<float>(), mask_of(mask, shape, index),
                                                    statistics.data_ptr<float>() + index * heads * shape.tokens * 2,
                                                    by_bias ? sums.data_ptr<float>() + group * each : nullptr, scratch);
        });
        at::Tensor dbias;
        if (by_bias) dbias = sums.sum(0).narrow(2, 0, shape.tokens).to(context->saved_data["type"].toScalarType());
        return {dqkv, dbias, at::Tensor(), at::Tensor(), at::Tensor(), at::Tensor(), at::Tensor()};
    }
};

bool square(const at::Tensor& tensor, int64_t count, int64_t tokens) {
    return tensor.device().is_cpu() && tensor.dim() == 3 && tensor.size(0) == count && tensor.size(1) == tokens && tensor.size(2) == tokens;
}

}  // namespace

extern "C" {

int pt_window_attention(pt_tensor qkv, int64_t heads, int64_t window, int64_t shift, double scale, pt_tensor bias, pt_tensor mask, pt_tensor* out) {
    return guard([&] {
        *out = nullptr;
        auto input = borrow(qkv), biases = borrow(bias), masks = borrow(mask);
        if (!posterior::plain(input) || input.dim() != 4 || input.numel() == 0 || window < 1 || window * window > most_tokens || shift < 0 || heads < 1) return;
        if (input.size(1) % window != 0 || input.size(2) % window != 0 || input.size(3) % (3 * heads) != 0 || !square(biases, heads, window * window)) return;
        const auto of_image = input.size(1) / window * (input.size(2) / window);
        if (masks.defined() && (!square(masks, of_image, window * window) || posterior::recorded(masks))) return;
        const auto given = masks.defined() ? masks : at::empty({0}, at::kFloat);
        input = input.contiguous();
        if (posterior::recorded(input) || posterior::recorded(biases)) {
            *out = posterior::release(RecordedWindowAttention::apply(input, biases, given, heads, window, shift, scale));
            return;
        }
        at::NoGradGuard no_grad;
        *out = posterior::release(attention(input, heads, window, shift, scale, biases, given).y);
    });
}

}  // extern "C"
