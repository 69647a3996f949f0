// What a measurement says of features (InvFussion Eq. 7), on the CPU and for inference: a linear map over the vectors of a stack, each result scaled by a gate on its length beside the others'.
#include "bridge.h"
#include "vector_kernels.h"

#include <ATen/ATen.h>
#include <ATen/Parallel.h>

#include <cmath>
#include <cstdint>
#include <vector>

using posterior::borrow;
using posterior::guard;

namespace {

bool single(const at::Tensor& tensor, int64_t rank) {
    return tensor.defined() && tensor.device().is_cpu() && tensor.layout() == at::kStrided && tensor.scalar_type() == at::kFloat && tensor.dim() == rank && tensor.numel() > 0 && !posterior::recorded(tensor);
}

float gate_of(double square, double reference, float slope, float offset, double epsilon) {
    return static_cast<float>(2 / (1 + std::exp(-(std::sqrt(square / reference + epsilon) * slope + offset))));
}

}  // namespace

extern "C" {

int pt_gated_mixture(pt_tensor x, pt_tensor y, pt_tensor map, pt_tensor gate, pt_tensor factor, double epsilon, pt_tensor* out) {
    return guard([&] {
        *out = nullptr;
        auto stack = borrow(x), more = borrow(y), weights = borrow(map), gates = borrow(gate), factors = borrow(factor);
        if (!single(stack, 3) || !single(more, 2) || !single(weights, 2) || !single(gates, 2) || (factors.defined() && !single(factors, 1))) return;
        const auto images = stack.size(0), count = stack.size(1), length = stack.size(2), outputs = weights.size(0);
        if (more.size(0) != images || more.size(1) != length || weights.size(1) != count + 1 || gates.size(0) != outputs || gates.size(1) != 2) return;
        if (factors.defined() && factors.size(0) != images) return;
        at::NoGradGuard no_grad;
        stack = stack.contiguous();
        more = more.contiguous();
        weights = weights.contiguous();
        gates = gates.contiguous();
        if (factors.defined()) factors = factors.contiguous();
        auto z = at::empty({images, outputs, length}, stack.options());
        const auto& kernels = posterior::vector_kernels();
        at::parallel_for(0, images, 1, [&](int64_t begin, int64_t end) {
            std::vector<float> squares(outputs + 1);
            for (auto n = begin; n < end; ++n) {
                const auto to = z.data_ptr<float>() + n * outputs * length;
                kernels.mixture(stack.data_ptr<float>() + n * count * length, more.data_ptr<float>() + n * length, weights.data_ptr<float>(), to, count, outputs, length, squares.data());
                double reference = 0;
                for (int64_t i = 0; i < outputs; ++i) reference += squares[i];
                reference = reference / static_cast<double>(outputs) + squares[outputs] + epsilon;
                for (int64_t i = 0; i < outputs; ++i) {
                    const auto row = gates.data_ptr<float>() + 2 * i;
                    kernels.multiply(to + i * length, length, gate_of(squares[i], reference, row[0], row[1], epsilon) * (factors.defined() ? factors.data_ptr<float>()[n] : 1.0f));
                }
            }
        });
        *out = posterior::release(std::move(z));
    });
}

}  // extern "C"
