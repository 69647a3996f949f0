// What transformers do between matrix products, on the CPU, with derivatives of the first order: root-mean-square normalisation and gates.
#include "bridge.h"
#include "vector_kernels.h"

#include <ATen/ATen.h>
#include <ATen/Parallel.h>
#include <torch/csrc/autograd/custom_function.h>

#include <algorithm>

using posterior::at_element;
using posterior::borrow;
using posterior::guard;
using posterior::most_groups;
using posterior::plain;
using posterior::recorded;

namespace {

constexpr int64_t grain = 1 << 15;  // elements: less work than it costs to wake the other threads

// Calls body(begin, end) for parts of rows of `width` numbers.
template <class F>
void for_rows(int64_t rows, int64_t width, const F& body) {
    at::parallel_for(0, rows, std::max<int64_t>(1, grain / width), body);
}

bool is_half(const at::Tensor& x) { return x.scalar_type() == at::kBFloat16; }

// Gains are float32, [width] or [images, width].
at::Tensor rms_norm(const at::Tensor& x, const at::Tensor& gains, double epsilon) {
    auto y = at::empty(x.sizes(), x.options());
    const auto width = x.size(-1), rows = x.numel() / width, each = rows / (gains.numel() / width);
    const auto& kernels = posterior::vector_kernels();
    for_rows(rows, width, [&](int64_t begin, int64_t end) {
        for (auto row = begin; row < end;) {
            const auto image = row / each, next = std::min(end, (image + 1) * each);
            kernels.rms_norm[is_half(x)](at_element(x, row * width), at_element(y, row * width), next - row, width, gains.data_ptr<float>() + image * width, static_cast<float>(epsilon));
            row = next;
        }
    });
    return y;
}

struct RecordedRmsNorm : torch::autograd::Function<RecordedRmsNorm> {
    static at::Tensor forward(torch::autograd::AutogradContext* context, const at::Tensor& x, const at::Tensor& gains, double epsilon) {
        at::NoGradGuard no_grad;
        context->save_for_backward({x, gains});
        context->saved_data["epsilon"] = epsilon;
        return rms_norm(x, gains.to(at::kFloat).contiguous(), epsilon);
    }

    static torch::autograd::variable_list backward(torch::autograd::AutogradContext* context, torch::autograd::variable_list gradients) {
        at::NoGradGuard no_grad;
        const auto saved = context->get_saved_variables();
        const auto x = saved[0], gains = saved[1].to(at::kFloat).contiguous();
        const auto epsilon = static_cast<float>(context->saved_data["epsilon"].toDouble());
        const auto width = x.size(-1), rows = x.numel() / width, images = gains.numel() / width;
        const auto groups = images > 1 ? images : std::min(rows, most_groups);
        const auto above = gradients[0].to(x.scalar_type()).contiguous();
        auto dx = at::empty(x.sizes(), x.options()), sums = at::zeros({groups, width}, at::kFloat);
        const auto& kernels = posterior::vector_kernels();
        at::parallel_for(0, groups, 1, [&](int64_t begin, int64_t end) {
            for (auto group = begin; group < end; ++group) {
                const auto first = group * rows / groups, next = (group + 1) * rows / groups;
                kernels.rms_norm_gradient[is_half(x)](at_element(x, first * width), at_element(above, first * width), at_element(dx, first * width), next - first, width,
                                                      gains.data_ptr<float>() + (images > 1 ? group * width : 0), epsilon, sums.data_ptr<float>() + group * width);
            }
        });
        const auto dgains = (images > 1 ? sums : sums.sum(0)).view(saved[1].sizes()).to(saved[1].scalar_type());
        return {dx, dgains, at::Tensor()};
    }
};

at::Tensor gated_gelu(const at::Tensor& x) {
    auto shape = x.sizes().vec();
    const auto width = shape.back() /= 2;
    auto y = at::empty(shape, x.options());
    const auto& kernels = posterior::vector_kernels();
    for_rows(y.numel() / width, width, [&](int64_t begin, int64_t end) { kernels.gated_gelu[is_half(x)](at_element(x, 2 * begin * width), at_element(y, begin * width), end - begin, width); });
    return y;
}

struct RecordedGatedGelu : torch::autograd::Function<RecordedGatedGelu> {
    static at::Tensor forward(torch::autograd::AutogradContext* context, const at::Tensor& x) {
        at::NoGradGuard no_grad;
        context->save_for_backward({x});
        return gated_gelu(x);
    }

    static torch::autograd::variable_list backward(torch::autograd::AutogradContext* context, torch::autograd::variable_list gradients) {
        at::NoGradGuard no_grad;
        const auto x = context->get_saved_variables()[0], above = gradients[0].to(x.scalar_type()).contiguous();
        auto dx = at::empty(x.sizes(), x.options());
        const auto width = x.size(-1) / 2;
        const auto& kernels = posterior::vector_kernels();
        for_rows(above.numel() / width, width, [&](int64_t begin, int64_t end) {
            kernels.gated_gelu_gradient[is_half(x)](at_element(x, 2 * begin * width), at_element(above, begin * width), at_element(dx, 2 * begin * width), end - begin, width);
        });
        return {dx};
    }
};

}  // namespace

extern "C" {

int pt_rms_norm(pt_tensor x, pt_tensor gain, double epsilon, pt_tensor* out) {
    return guard([&] {
        *out = nullptr;
        auto input = borrow(x), gains = borrow(gain);
        if (!plain(input) || !plain(gains) || input.dim() == 0 || input.numel() == 0) return;
        const auto width = input.size(-1), images = gains.numel() / width;
        if (gains.scalar_type() != input.scalar_type() || gains.size(-1) != width || (images != 1 && images != input.size(0))) return;
        input = input.contiguous();
        if (recorded(input) || recorded(gains)) {
            *out = posterior::release(RecordedRmsNorm::apply(input, gains, epsilon));
            return;
        }
        at::NoGradGuard no_grad;
        *out = posterior::release(rms_norm(input, gains.to(at::kFloat).contiguous(), epsilon));
    });
}

int pt_gated_gelu(pt_tensor x, pt_tensor* out) {
    return guard([&] {
        *out = nullptr;
        auto input = borrow(x);
        if (!plain(input) || input.dim() == 0 || input.numel() == 0 || input.size(-1) % 2 != 0) return;
        input = input.contiguous();
        if (recorded(input)) {
            *out = posterior::release(RecordedGatedGelu::apply(input));
            return;
        }
        at::NoGradGuard no_grad;
        *out = posterior::release(gated_gelu(input));
    });
}

}  // extern "C"
