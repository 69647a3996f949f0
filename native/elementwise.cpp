// Elementwise work of optimisers, where ATen's operator for the CPU is not vector code.
#include "bridge.h"
#include "vector_kernels.h"

#include <ATen/ATen.h>
#include <ATen/Parallel.h>

using posterior::borrow;
using posterior::guard;

namespace {

constexpr int64_t grain = 1 << 16;  // elements

bool dense(const at::Tensor& tensor) { return tensor.device().is_cpu() && tensor.layout() == at::kStrided && tensor.scalar_type() == at::kFloat && tensor.is_contiguous(); }

}  // namespace

extern "C" {

int pt_lerp(pt_tensor x, pt_tensor y, double weight, int32_t* done) {
    return guard([&] {
        auto target = borrow(x), other = borrow(y);
        *done = dense(target) && dense(other) && target.sizes() == other.sizes() && !posterior::recorded(target) && !posterior::recorded(other) && !target.is_inference();
        if (*done == 0) return;
        const auto to = target.data_ptr<float>();
        const auto from = other.data_ptr<float>();
        const auto& kernels = posterior::vector_kernels();
        at::parallel_for(0, target.numel(), grain, [&](int64_t begin, int64_t end) { kernels.lerp(to + begin, from + begin, end - begin, static_cast<float>(weight)); });
        target.unsafeGetTensorImpl()->bump_version();
    });
}

}  // extern "C"
