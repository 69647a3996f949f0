// A few vectors of each image times a matrix of its own, in inference on the CPU: the work is to read the matrices, which batched products of ATen pack first, rows of padding included.
#include "bridge.h"
#include "vector_kernels.h"

#include <ATen/ATen.h>
#include <ATen/Parallel.h>

#include <algorithm>
#include <cstdint>
#include <stdexcept>

using posterior::borrow;
using posterior::guard;

namespace {

bool dense(const at::Tensor& tensor) { return tensor.device().is_cpu() && tensor.layout() == at::kStrided && tensor.scalar_type() == at::kFloat && tensor.dim() == 3 && tensor.numel() > 0; }

}  // namespace

extern "C" {

int pt_stacked_product(pt_tensor x, pt_tensor matrices, const int64_t* rows, int32_t transposed, pt_tensor* out) {
    return guard([&] {
        *out = nullptr;
        auto stack = borrow(x), given = borrow(matrices);
        if (!dense(stack) || !dense(given) || posterior::recorded(stack) || posterior::recorded(given)) return;
        const auto images = given.size(0), most = given.size(1), width = given.size(2), count = stack.size(1);
        if (stack.size(0) != images || stack.size(2) != (transposed ? most : width)) return;
        for (int64_t i = 0; i < images; ++i)
            if (rows[i] < 0 || rows[i] > most) throw std::invalid_argument("a matrix has no such number of rows");
        at::NoGradGuard no_grad;
        stack = stack.contiguous();
        given = given.contiguous();
        auto y = at::empty({images, count, transposed ? width : most}, stack.options());
        const auto& kernels = posterior::vector_kernels();
        at::parallel_for(0, images, 1, [&](int64_t begin, int64_t end) {
            for (auto i = begin; i < end; ++i) {
                const auto from = stack.data_ptr<float>() + i * count * stack.size(2), matrix = given.data_ptr<float>() + i * most * width;
                const auto to = y.data_ptr<float>() + i * count * y.size(2);
                if (transposed) {
                    kernels.sums_of_rows(from, matrix, to, count, rows[i], width, most);
                    continue;
                }
                kernels.products_with_rows(from, matrix, to, count, rows[i], width, most);
                for (int64_t k = 0; k < count; ++k) std::fill(to + k * most + rows[i], to + (k + 1) * most, 0.0f);
            }
        });
        *out = posterior::release(std::move(y));
    });
}

}  // extern "C"
