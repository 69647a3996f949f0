// Products of matrices on the CPU by oneDNN, whatever BLAS libtorch was linked to, and linear layers in training: activations in float32 or bfloat16, weights, their derivatives and
// what is added to residuals in float32.
#include "bridge.h"
#include "onednn.h"
#include "processor.h"

#include <ATen/ATen.h>
#include <torch/csrc/autograd/custom_function.h>

#include <unordered_map>

using posterior::borrow;
using posterior::guard;
using posterior::placeholder;
using posterior::plain;
using posterior::present;
using posterior::recorded;

namespace {

#ifdef POSTERIOR_ONEDNN

using dnnl::memory;

// A matrix one of whose strides is 1.
at::Tensor strided(const at::Tensor& x) { return (x.stride(1) == 1 && x.stride(0) >= x.size(1)) || (x.stride(0) == 1 && x.stride(1) >= x.size(0)) ? x : x.contiguous(); }

memory::desc layout_of(const at::Tensor& x) { return {{x.size(0), x.size(1)}, posterior::type_of(x), memory::dims{x.stride(0), x.stride(1)}}; }

dnnl::matmul::primitive_desc describe(const at::Tensor& a, const at::Tensor& b, const at::Tensor& result, bool add) {
    dnnl::post_ops after;
    if (add) after.append_sum(1.0f);
    dnnl::primitive_attr attributes;
    attributes.set_post_ops(after);
#if DNNL_VERSION_MAJOR >= 3
    return {posterior::engine(), layout_of(a), layout_of(b), layout_of(result), attributes};
#else
    return {dnnl::matmul::desc(layout_of(a), layout_of(b), layout_of(result)), attributes, posterior::engine()};
#endif
}

// See below.
bool multiply_as_given(const at::Tensor& left, const at::Tensor& right, at::Tensor& result, bool add) {
    const auto a = strided(left), b = strided(right);
    try {
        const auto chosen = describe(a, b, result, add);  // oneDNN keeps what it made: to describe it again is cheap
        if (!posterior::is_fast(chosen)) return false;
        const std::unordered_map<int, memory> arguments{{DNNL_ARG_SRC, {layout_of(a), posterior::engine(), a.data_ptr()}},
                                                        {DNNL_ARG_WEIGHTS, {layout_of(b), posterior::engine(), b.data_ptr()}},
                                                        {DNNL_ARG_DST, {layout_of(result), posterior::engine(), result.data_ptr()}}};
        dnnl::matmul(chosen).execute(posterior::stream(), arguments);
        posterior::stream().wait();
        return true;
    } catch (const dnnl::error& error) {
        if (error.status != dnnl_unimplemented && error.status != dnnl_runtime_error) throw;
        return false;
    }
}

// result = a b, or result + a b, for a [M, K], b [K, N] of one type and a contiguous result [M, N], float32 or of that type; false where oneDNN has no fast implementation.
bool multiply(const at::Tensor& left, const at::Tensor& right, at::Tensor& result, bool add = false) {
    if (left.numel() == 0 || right.numel() == 0) return false;
    if (left.scalar_type() != at::kBFloat16 || posterior::has_fast_bfloat16()) return multiply_as_given(left, right, result, add);
    auto wide = add ? result.to(at::kFloat) : at::empty(result.sizes(), result.options().dtype(at::kFloat));
    if (!multiply_as_given(left.to(at::kFloat), right.to(at::kFloat), wide, add)) return false;
    if (!wide.is_same(result)) result.copy_(wide);
    return true;
}

// The same, or by ATen.
at::Tensor product(const at::Tensor& a, const at::Tensor& b, at::ScalarType type) {
    auto result = at::empty({a.size(0), b.size(1)}, a.options().dtype(type));
    return multiply(a, b, result) ? result : a.matmul(b).to(type);
}

at::Tensor rows_of(const at::Tensor& x) { return x.reshape({-1, x.size(-1)}); }

// x W^T + bias + residual, in the type of the residual, or of x.
at::Tensor linear(const at::Tensor& x, const at::Tensor& weight, const at::Tensor& bias, const at::Tensor& residual) {
    auto shape = x.sizes().vec();
    shape.back() = weight.size(0);
    const auto type = residual.defined() ? residual.scalar_type() : x.scalar_type();
    if (residual.defined() && residual.sizes() != at::IntArrayRef(shape)) throw std::invalid_argument("a linear layer's residual has another shape than its result");
    at::Tensor y;
    if (residual.defined()) {
        y = rows_of(residual).clone(at::MemoryFormat::Contiguous);
        if (!multiply(rows_of(x), weight.t(), y, true)) y = residual.reshape(y.sizes()) + rows_of(x).matmul(weight.t()).to(type);
    } else {
        y = product(rows_of(x), weight.t(), type);
    }
    if (bias.defined()) y.add_(bias.to(type));
    return at::_unsafe_view(y, shape);  // a plain view could not be written to in place once it is recorded
}

struct RecordedLinear : torch::autograd::Function<RecordedLinear> {
    static at::Tensor forward(torch::autograd::AutogradContext* context, const at::Tensor& x, const at::Tensor& weight, const at::Tensor& given_bias, const at::Tensor& given_residual) {
        at::NoGradGuard no_grad;
        const auto bias = present(given_bias), residual = present(given_residual);
        const auto rounded = weight.to(x.scalar_type());
        context->save_for_backward({x, rounded});
        context->saved_data["weight type"] = weight.scalar_type();
        context->saved_data["bias type"] = given_bias.scalar_type();
        return linear(x, rounded, bias, residual);
    }

    static torch::autograd::variable_list backward(torch::autograd::AutogradContext* context, torch::autograd::variable_list gradients) {
        at::NoGradGuard no_grad;
        const auto saved = context->get_saved_variables();
        const auto x = saved[0], weight = saved[1];
        const auto above = rows_of(gradients[0]);
        const auto slopes = above.to(x.scalar_type()).contiguous();
        at::Tensor dx, dweight, dbias;
        if (context->needs_input_grad(0)) dx = product(slopes, weight, x.scalar_type()).view(x.sizes());
        if (context->needs_input_grad(1)) dweight = product(slopes.t(), rows_of(x), context->saved_data["weight type"].toScalarType());
        if (context->needs_input_grad(2)) dbias = above.sum(0, false, at::kFloat).to(context->saved_data["bias type"].toScalarType());
        return {dx, dweight, dbias, context->needs_input_grad(3) ? gradients[0] : at::Tensor()};
    }
};

bool fits(const at::Tensor& tensor) { return !tensor.defined() || (tensor.device().is_cpu() && (tensor.scalar_type() == at::kFloat || tensor.scalar_type() == at::kBFloat16)); }

#endif

}  // namespace

extern "C" {

int pt_matrix_product(pt_tensor a, pt_tensor b, pt_tensor* out) {
    return guard([&] {
        *out = nullptr;
#ifdef POSTERIOR_ONEDNN
        const auto left = borrow(a), right = borrow(b);
        if (!plain(left) || !plain(right) || recorded(left) || recorded(right) || left.dim() != 2 || right.dim() != 2 || left.size(1) != right.size(0)) return;
        if (left.scalar_type() != right.scalar_type()) return;
        at::NoGradGuard no_grad;
        auto y = at::empty({left.size(0), right.size(1)}, left.options());
        if (multiply(left, right, y)) *out = posterior::release(std::move(y));
#endif
    });
}

int pt_linear(pt_tensor x, pt_tensor weight, pt_tensor bias, pt_tensor residual, pt_tensor* out) {
    return guard([&] {
        *out = nullptr;
#ifdef POSTERIOR_ONEDNN
        const auto input = borrow(x), matrix = borrow(weight), offset = borrow(bias), added = borrow(residual);
        if (!plain(input) || !plain(matrix) || !fits(offset) || !fits(added) || input.dim() == 0 || input.numel() == 0 || matrix.dim() != 2 || matrix.size(1) != input.size(-1)) return;
        if (added.defined() && added.scalar_type() != at::kFloat && added.scalar_type() != input.scalar_type()) return;
        if (input.scalar_type() == at::kFloat && matrix.scalar_type() != at::kFloat) return;
        *out = posterior::release(RecordedLinear::apply(input, matrix, placeholder(offset), placeholder(added)));
#endif
    });
}

}  // extern "C"
