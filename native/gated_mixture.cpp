// What a measurement says of features (InvFussion Eq. 7), on the CPU and for inference: a linear map over the vectors of a stack, each result scaled by a gate on its length beside the others'.
#include "bridge.h"
#include "vector_kernels.h"

#include <ATen/ATen.h>
#include <ATen/Parallel.h>

#include <cmath>
#include <cstdint>
#include <stdexcept>
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

// The map, its gates and what else an image's vectors are mixed with.
struct Mixture {
    at::Tensor more, map, gates, factors;
    double epsilon;

    Mixture(pt_tensor y, pt_tensor weights, pt_tensor gate, pt_tensor factor, double least) : more(borrow(y)), map(borrow(weights)), gates(borrow(gate)), factors(borrow(factor)), epsilon(least) {}

    int64_t outputs() const { return map.size(0); }

    // Whether all is for so many images with `count` vectors of `length` numbers.
    bool fits(int64_t images, int64_t count, int64_t length) const {
        if (!single(more, 2) || !single(map, 2) || !single(gates, 2) || (factors.defined() && !single(factors, 1))) return false;
        if (more.size(0) != images || more.size(1) != length || map.size(1) != count + 1 || gates.size(0) != outputs() || gates.size(1) != 2) return false;
        return !factors.defined() || factors.size(0) == images;
    }

    void prepare() {
        for (auto tensor : {&more, &map, &gates, &factors})
            if (tensor->defined()) *tensor = tensor->contiguous();
    }

    // z of image n for the first `length` numbers of its vectors, which lie one after another; `squares` is for outputs() + 1 numbers.
    void apply(int64_t n, const float* x, float* z, int64_t length, float* squares) const {
        const auto& kernels = posterior::vector_kernels();
        const auto results = outputs();
        kernels.mixture(x, more.data_ptr<float>() + n * more.size(1), map.data_ptr<float>(), z, map.size(1) - 1, results, length, squares);
        double reference = 0;
        for (int64_t i = 0; i < results; ++i) reference += squares[i];
        reference = reference / static_cast<double>(results) + squares[results] + epsilon;
        for (int64_t i = 0; i < results; ++i) {
            const auto row = gates.data_ptr<float>() + 2 * i;
            kernels.multiply(z + i * length, length, gate_of(squares[i], reference, row[0], row[1], epsilon) * (factors.defined() ? factors.data_ptr<float>()[n] : 1.0f));
        }
    }
};

}  // namespace

extern "C" {

int pt_gated_mixture(pt_tensor x, pt_tensor y, pt_tensor map, pt_tensor gate, pt_tensor factor, double epsilon, pt_tensor* out) {
    return guard([&] {
        *out = nullptr;
        auto stack = borrow(x);
        Mixture mixture(y, map, gate, factor, epsilon);
        if (!single(stack, 3) || !mixture.fits(stack.size(0), stack.size(1), stack.size(2))) return;
        at::NoGradGuard no_grad;
        stack = stack.contiguous();
        mixture.prepare();
        const auto images = stack.size(0), count = stack.size(1), length = stack.size(2), outputs = mixture.outputs();
        auto z = at::empty({images, outputs, length}, stack.options());
        at::parallel_for(0, images, 1, [&](int64_t begin, int64_t end) {
            std::vector<float> squares(outputs + 1);
            for (auto n = begin; n < end; ++n) mixture.apply(n, stack.data_ptr<float>() + n * count * length, z.data_ptr<float>() + n * outputs * length, length, squares.data());
        });
        *out = posterior::release(std::move(z));
    });
}

int pt_measured_mixture(pt_tensor x, pt_tensor matrices, const int64_t* rows, pt_tensor y, pt_tensor map, pt_tensor gate, pt_tensor factor, double epsilon, pt_tensor between, pt_tensor back,
                        pt_tensor* out) {
    return guard([&] {
        *out = nullptr;
        auto stack = borrow(x), there = borrow(matrices), middle = borrow(between), again = borrow(back);
        Mixture mixture(y, map, gate, factor, epsilon);
        if (!single(stack, 4) || !single(there, 3) || !single(again, 3) || again.sizes() != there.sizes()) return;
        const auto images = stack.size(0), count = stack.size(1), channels = stack.size(2), width = stack.size(3), most = there.size(1);
        if (there.size(0) != images || there.size(2) != width || !mixture.fits(images, count, channels * most)) return;
        // One large matrix is for all threads, in parts.
        if (images == 1 && most * width >= (1 << 18)) return;
        if (middle.defined() && (!single(middle, 3) || middle.sizes() != at::IntArrayRef({images, most, most}))) return;
        for (int64_t i = 0; i < images; ++i)
            if (rows[i] < 0 || rows[i] > most) throw std::invalid_argument("a matrix has no such number of rows");
        at::NoGradGuard no_grad;
        stack = stack.contiguous();
        there = there.contiguous();
        again = again.contiguous();
        if (middle.defined()) middle = middle.contiguous();
        mixture.prepare();
        const auto outputs = mixture.outputs();
        auto result = at::empty({images, outputs, channels, width}, stack.options());
        const auto& kernels = posterior::vector_kernels();
        // An image at a time: all of it is in the cache, the matrix too where the way back is through the same.
        at::parallel_for(0, images, 1, [&](int64_t begin, int64_t end) {
            std::vector<float> squares(outputs + 1), measured(count * channels * most), mixed(outputs * channels * most), solved(middle.defined() ? mixed.size() : 0);
            for (auto n = begin; n < end; ++n) {
                // Only what is measured: the vectors of an image are as long as its own measurement.
                const auto taken = rows[n];
                const auto first = n * most * width, vectors = outputs * channels;
                kernels.products_with_rows(stack.data_ptr<float>() + n * count * channels * width, there.data_ptr<float>() + first, measured.data(), count * channels, taken, width, taken);
                mixture.apply(n, measured.data(), mixed.data(), channels * taken, squares.data());
                if (middle.defined()) kernels.sums_of_rows(mixed.data(), middle.data_ptr<float>() + n * most * most, solved.data(), vectors, taken, taken, most, taken);
                const auto from = middle.defined() ? solved.data() : mixed.data();
                kernels.sums_of_rows(from, again.data_ptr<float>() + first, result.data_ptr<float>() + n * vectors * width, vectors, taken, width, width, middle.defined() ? most : taken);
            }
        });
        *out = posterior::release(std::move(result));
    });
}

}  // extern "C"
