#include "affine.h"

#include "bridge.h"
#include "vector_kernels.h"

#include <torch/csrc/autograd/custom_function.h>

#include <stdexcept>

namespace posterior {

namespace {

// 1 + scale, or ones.
std::vector<float> gains_of(const at::Tensor& scale, size_t count) {
    auto gain = scale.defined() ? floats_of(scale) : std::vector<float>(count, 0.0f);
    if (gain.size() != count) throw std::invalid_argument("a scale needs one number for each image and channel");
    for (auto& factor : gain) factor += 1;
    return gain;
}

std::vector<float> offsets_of(const at::Tensor& shift, size_t count) {
    auto offset = shift.defined() ? floats_of(shift) : std::vector<float>(count, 0.0f);
    if (offset.size() != count) throw std::invalid_argument("a shift needs one number for each image and channel");
    return offset;
}

// y = activation(x (1 + scale) + shift). The derivatives of the first order; the bridge asks for no others.
struct RecordedModulation : torch::autograd::Function<RecordedModulation> {
    static at::Tensor forward(torch::autograd::AutogradContext* context, const at::Tensor& x, const at::Tensor& scale, const at::Tensor& shift, int64_t activation) {
        at::NoGradGuard no_grad;
        const Image shape(x);
        const auto count = static_cast<size_t>(shape.batch * shape.channels);
        const auto gain = gains_of(present(scale), count), offset = offsets_of(present(shift), count);
        auto y = at::empty_strided(x.sizes(), x.strides(), x.options());
        affine(shape, x.data_ptr(), shape, y.data_ptr(), 0, gain.data(), offset.data(), static_cast<int32_t>(activation));
        context->save_for_backward({x, scale, shift});
        context->saved_data["activation"] = activation;
        return y;
    }

    static torch::autograd::variable_list backward(torch::autograd::AutogradContext* context, torch::autograd::variable_list gradients) {
        at::NoGradGuard no_grad;
        const auto saved = context->get_saved_variables();
        const auto x = saved[0], scale = present(saved[1]), shift = present(saved[2]);
        const auto activation = static_cast<int32_t>(context->saved_data["activation"].toInt());
        const Image shape(x);
        const auto count = static_cast<size_t>(shape.batch * shape.channels);
        const auto gain = gains_of(scale, count), offset = offsets_of(shift, count);
        const std::vector<float> zeros(count, 0.0f);
        auto dy = gradients[0].to(x.scalar_type());
        if (dy.strides() != x.strides()) dy = at::empty_strided(x.sizes(), x.strides(), x.options()).copy_(dy);
        at::Tensor dx, dscale, dshift;
        if (context->needs_input_grad(1) || context->needs_input_grad(2)) {
            const auto [sum, product] = affine_sums(shape, x.data_ptr(), dy.data_ptr(), gain.data(), offset.data(), zeros.data(), activation);
            const auto like = [](const std::vector<double>& numbers, const at::Tensor& target) { return at::tensor(numbers).to(target.scalar_type()).reshape(target.sizes()); };
            if (scale.defined()) dscale = like(product, scale);
            if (shift.defined()) dshift = like(sum, shift);
        }
        if (context->needs_input_grad(0)) {
            dx = at::empty_strided(x.sizes(), x.strides(), x.options());
            affine_gradient(shape, x.data_ptr(), dy.data_ptr(), dx.data_ptr(), gain.data(), offset.data(), zeros.data(), zeros.data(), activation);
        }
        return {dx, dscale, dshift, at::Tensor()};
    }
};

}  // namespace

std::vector<float> floats_of(const at::Tensor& tensor) {
    auto dense = tensor.to(at::kFloat).contiguous();
    auto first = dense.data_ptr<float>();
    return std::vector<float>(first, first + dense.numel());
}

bool per_channel(const at::Tensor& tensor, const at::Tensor& x) {
    return !tensor.defined() || (tensor.device().is_cpu() && tensor.numel() == x.size(0) * x.size(1));
}

void affine(const Image& shape, const void* x, const Image& whole, void* y, int64_t first, const float* gain, const float* offset, int32_t activation) {
    const auto& kernels = vector_kernels();
    for_each(shape.batch * shape.blocks, shape.elements, [&](int64_t begin, int64_t end) {
        for (auto task = begin; task < end; ++task) {
            const auto n = task / shape.blocks, row = task % shape.blocks * row_block;
            kernels.affine[shape.half](shape.at(x, n, row), const_cast<char*>(whole.at(y, n, row)) + first * (shape.half ? 2 : 4), shape.rows(task % shape.blocks), shape.channels, whole.channels,
                                       gain + n * whole.channels + first, offset + n * whole.channels + first, activation);
        }
    });
}

std::vector<double> channel_sums(const at::Tensor& images) {
    const auto& kernels = vector_kernels();
    const Image shape(images);
    const auto channels = shape.channels;
    const std::vector<float> zeros(channels, 0.0f);
    std::vector<float> partial(shape.batch * shape.blocks * channels * 2, 0.0f);
    for_each(shape.batch * shape.blocks, shape.elements, [&](int64_t begin, int64_t end) {
        for (auto task = begin; task < end; ++task) {
            auto sums = partial.data() + task * channels * 2;
            const auto block = task % shape.blocks;
            kernels.moments[shape.half](shape.at(images.data_ptr(), task / shape.blocks, block * row_block), zeros.data(), shape.rows(block), channels, sums, sums + channels);
        }
    });
    std::vector<double> total(channels, 0.0);
    for (int64_t task = 0; task < shape.batch * shape.blocks; ++task)
        for (int64_t c = 0; c < channels; ++c) total[c] += partial[task * channels * 2 + c];
    return total;
}

std::pair<std::vector<double>, std::vector<double>> affine_sums(const Image& shape, const void* x, const void* dy, const float* gain, const float* offset, const float* pivots, int32_t activation) {
    const auto& kernels = vector_kernels();
    const auto channels = shape.channels;
    std::vector<float> partial(shape.batch * shape.blocks * channels * 2, 0.0f);
    for_each(shape.batch * shape.blocks, shape.elements, [&](int64_t begin, int64_t end) {
        for (auto task = begin; task < end; ++task) {
            const auto n = task / shape.blocks, block = task % shape.blocks, first = n * channels;
            auto sums = partial.data() + task * channels * 2;
            kernels.affine_sums[shape.half](shape.at(x, n, block * row_block), shape.at(dy, n, block * row_block), shape.rows(block), channels, gain + first, offset + first, pivots + first,
                                            activation, sums, sums + channels);
        }
    });
    std::vector<double> sum(shape.batch * channels, 0.0), product(shape.batch * channels, 0.0);
    for (int64_t task = 0; task < shape.batch * shape.blocks; ++task)
        for (int64_t c = 0; c < channels; ++c) {
            const auto i = task / shape.blocks * channels + c;
            sum[i] += partial[task * channels * 2 + c];
            product[i] += partial[task * channels * 2 + channels + c];
        }
    return {std::move(sum), std::move(product)};
}

void affine_gradient(const Image& shape, const void* x, const void* dy, void* dx, const float* gain, const float* offset, const float* slope, const float* shift, int32_t activation) {
    const auto& kernels = vector_kernels();
    for_each(shape.batch * shape.blocks, shape.elements, [&](int64_t begin, int64_t end) {
        for (auto task = begin; task < end; ++task) {
            const auto n = task / shape.blocks, row = task % shape.blocks * row_block, first = n * shape.channels;
            kernels.affine_gradient[shape.half](shape.at(x, n, row), shape.at(dy, n, row), const_cast<char*>(shape.at(dx, n, row)), shape.rows(task % shape.blocks), shape.channels, gain + first,
                                                offset + first, slope + first, shift + first, activation);
        }
    });
}

void modulate(at::Tensor& x, const at::Tensor& scale, const at::Tensor& shift, int32_t activation) {
    const Image shape(x);
    const auto count = static_cast<size_t>(shape.batch * shape.channels);
    const auto gain = gains_of(scale, count), offset = offsets_of(shift, count);
    affine(shape, x.data_ptr(), shape, x.data_ptr(), 0, gain.data(), offset.data(), activation);
}

}  // namespace posterior

extern "C" {

int pt_modulate(pt_tensor x, pt_tensor scale, pt_tensor shift, int32_t activation, pt_tensor* out) {
    return posterior::guard([&] {
        *out = nullptr;
        const auto input = posterior::borrow(x), scales = posterior::borrow(scale), shifts = posterior::borrow(shift);
        if (input.dim() < 3 || !posterior::plain(input) || input.numel() == 0 || !posterior::channels_last(input)) return;
        if (!posterior::per_channel(scales, input) || !posterior::per_channel(shifts, input)) return;
        if (!posterior::recorded(input) && !posterior::recorded(scales) && !posterior::recorded(shifts)) return;
        *out = posterior::release(posterior::RecordedModulation::apply(input, posterior::placeholder(scales), posterior::placeholder(shifts), static_cast<int64_t>(activation)));
    });
}

}  // extern "C"
