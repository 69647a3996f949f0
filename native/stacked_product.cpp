// A few vectors of each image times a matrix of its own, on the CPU, with the derivative by the vectors: the work is to read the matrices, which batched products of ATen pack first, rows of padding included.
#include "bridge.h"
#include "vector_kernels.h"

#include <ATen/ATen.h>
#include <ATen/Parallel.h>
#include <torch/csrc/autograd/custom_function.h>

#include <algorithm>
#include <cstdint>
#include <stdexcept>

using posterior::borrow;
using posterior::guard;

namespace {

bool dense(const at::Tensor& tensor) { return tensor.device().is_cpu() && tensor.layout() == at::kStrided && tensor.scalar_type() == at::kFloat && tensor.dim() == 3 && tensor.numel() > 0; }

constexpr int64_t large = 1 << 18, parts_of_large = 16;
constexpr int64_t row_unit = 4, column_unit = 64;  // what is taken together

// `rows` are numbers of rows, one for each matrix.
at::Tensor stacked_product(const at::Tensor& x, const at::Tensor& matrices, const at::Tensor& rows, bool transposed) {
    const auto images = matrices.size(0), most = matrices.size(1), width = matrices.size(2), count = x.size(1);
    auto y = at::empty({images, count, transposed ? width : most}, x.options());
    const auto& kernels = posterior::vector_kernels();
    const auto rows_of = rows.data_ptr<int64_t>();
    // A large matrix alone is for all threads: its rows, or its columns, in parts that do not depend on how many there are.
    const auto along = transposed ? width : most, unit = transposed ? column_unit : row_unit;
    const auto part = images == 1 && most * width >= large ? std::max(unit, along / parts_of_large / unit * unit) : along;
    const auto parts = (along + part - 1) / part;
    at::parallel_for(0, images * parts, 1, [&](int64_t begin, int64_t end) {
        for (auto task = begin; task < end; ++task) {
            const auto i = task / parts, first = task % parts * part;
            const auto from = x.data_ptr<float>() + i * count * x.size(2), matrix = matrices.data_ptr<float>() + i * most * width;
            const auto to = y.data_ptr<float>() + i * count * y.size(2);
            if (transposed) {
                kernels.sums_of_rows(from, matrix + first, to + first, count, rows_of[i], std::min(part, width - first), width, most);
                continue;
            }
            const auto last = std::min(first + part, most), whole = std::clamp(rows_of[i], first, last);
            kernels.products_with_rows(from, matrix + first * width, to + first, count, whole - first, width, most);
            for (int64_t k = 0; k < count; ++k) std::fill(to + k * most + whole, to + k * most + last, 0.0f);
        }
    });
    return y;
}

struct RecordedStackedProduct : torch::autograd::Function<RecordedStackedProduct> {
    static at::Tensor forward(torch::autograd::AutogradContext* context, const at::Tensor& x, const at::Tensor& matrices, const at::Tensor& rows, bool transposed) {
        at::NoGradGuard no_grad;
        context->save_for_backward({matrices, rows});
        context->saved_data["transposed"] = transposed;
        return stacked_product(x, matrices, rows, transposed);
    }

    static torch::autograd::variable_list backward(torch::autograd::AutogradContext* context, torch::autograd::variable_list gradients) {
        at::NoGradGuard no_grad;
        const auto saved = context->get_saved_variables();
        return {stacked_product(gradients[0].contiguous(), saved[0], saved[1], !context->saved_data["transposed"].toBool()), {}, {}, {}};
    }
};

}  // namespace

extern "C" {

int pt_stacked_product(pt_tensor x, pt_tensor matrices, const int64_t* rows, int32_t transposed, pt_tensor* out) {
    return guard([&] {
        *out = nullptr;
        auto stack = borrow(x), given = borrow(matrices);
        if (!dense(stack) || !dense(given) || posterior::recorded(given)) return;
        const auto images = given.size(0), most = given.size(1), width = given.size(2);
        if (stack.size(0) != images || stack.size(2) != (transposed ? most : width)) return;
        for (int64_t i = 0; i < images; ++i)
            if (rows[i] < 0 || rows[i] > most) throw std::invalid_argument("a matrix has no such number of rows");
        const auto counts = at::from_blob(const_cast<int64_t*>(rows), {images}, at::kLong);
        stack = stack.contiguous();
        given = given.contiguous();
        if (posterior::recorded(stack)) {
            *out = posterior::release(RecordedStackedProduct::apply(stack, given, counts.clone(), transposed != 0));
            return;
        }
        at::NoGradGuard no_grad;
        *out = posterior::release(stacked_product(stack, given, counts, transposed != 0));
    });
}

}  // extern "C"
