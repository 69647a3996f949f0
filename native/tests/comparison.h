// What the tests of the bridge share: random tensors with their values in double precision, and the comparison of a result with what is expected.
#pragma once
#include "../posterior.h"

#include <cmath>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <functional>
#include <random>
#include <string>
#include <utility>
#include <vector>

namespace comparison {

constexpr int32_t kFloat = 6, kBfloat16 = 15;
inline int failures = 0, checks = 0;
inline std::mt19937_64 engine(20261125);

inline void check(int status, const char* what) {
    if (status == PT_OK) return;
    std::fprintf(stderr, "%s: %s\n", what, pt_error());
    std::exit(2);
}

inline int64_t between(int64_t low, int64_t high) { return std::uniform_int_distribution<int64_t>(low, high)(engine); }

inline float round_to(float value, int32_t dtype) {
    if (dtype == kFloat) return value;
    uint32_t bits;
    std::memcpy(&bits, &value, 4);
    bits += 0x7fff + ((bits >> 16) & 1);
    bits &= 0xffff0000;
    std::memcpy(&value, &bits, 4);
    return value;
}

// A tensor of a shape in a number format with its values as doubles in row-major order.
struct Array {
    std::vector<int64_t> shape;
    std::vector<double> values;
    pt_tensor tensor = nullptr;

    Array(std::vector<int64_t> sizes, int32_t dtype, double scale = 1, bool last = false) : shape(std::move(sizes)) {
        int64_t count = 1;
        for (auto size : shape) count *= size;
        std::normal_distribution<float> normal;
        std::vector<float> floats(count);
        for (auto& value : floats) value = round_to(static_cast<float>(scale) * normal(engine), dtype);
        values.assign(floats.begin(), floats.end());
        tensor = make(floats, dtype, last);
    }
    Array(const Array&) = delete;
    ~Array() { check(pt_tensor_free(tensor), "free"); }

    // Channels-last tensors [N, C, H, W] are permuted views of [N, H, W, C].
    pt_tensor make(const std::vector<float>& floats, int32_t dtype, bool last) const {
        std::vector<float> ordered = floats;
        std::vector<int64_t> stored = shape;
        if (last) {
            const auto n = shape[0], c = shape[1], h = shape[2], w = shape[3];
            for (int64_t b = 0; b < n; b++)
                for (int64_t k = 0; k < c; k++)
                    for (int64_t i = 0; i < h * w; i++) ordered[(b * h * w + i) * c + k] = floats[(b * c + k) * h * w + i];
            stored = {n, h, w, c};
        }
        pt_tensor made;
        if (dtype == kFloat) {
            check(pt_tensor_new(ordered.data(), ordered.size() * 4, dtype, stored.data(), stored.size(), &made), "new");
        } else {
            std::vector<uint16_t> halves(ordered.size());
            for (size_t i = 0; i < halves.size(); i++) {
                uint32_t bits;
                std::memcpy(&bits, &ordered[i], 4);
                halves[i] = bits >> 16;
            }
            check(pt_tensor_new(halves.data(), halves.size() * 2, dtype, stored.data(), stored.size(), &made), "new");
        }
        if (!last) return made;
        const int64_t order[] = {0, 3, 1, 2};
        return permuted(made, order, 4);
    }

    static pt_tensor permuted(pt_tensor made, const int64_t* order, int32_t rank) {
        pt_op permute;
        check(pt_op_find("aten::permute", "", &permute), "permute");
        pt_value arguments[2] = {{PT_TENSOR, 0, {}}, {PT_INT_LIST, rank, {}}}, result[1];
        arguments[0].p = made;
        arguments[1].p = order;
        int32_t count = 1;
        check(pt_op_call(permute, arguments, 2, result, &count), "permute");
        check(pt_tensor_free(made), "free");
        return const_cast<pt_tensor>(result[0].p);
    }
};

inline std::vector<double> read(pt_tensor tensor) {
    int64_t shape[8], strides[8];
    int32_t rank, dtype, device;
    check(pt_tensor_info(tensor, shape, strides, 8, &rank, &dtype, &device), "info");
    int64_t count = 1;
    for (int32_t i = 0; i < rank; i++) count *= shape[i];
    std::vector<double> values(count);
    if (dtype == kFloat) {
        std::vector<float> floats(count);
        check(pt_tensor_read(tensor, floats.data(), count * 4), "read");
        values.assign(floats.begin(), floats.end());
    } else {
        std::vector<uint16_t> halves(count);
        check(pt_tensor_read(tensor, halves.data(), count * 2), "read");
        for (int64_t i = 0; i < count; i++) {
            const uint32_t bits = static_cast<uint32_t>(halves[i]) << 16;
            float value;
            std::memcpy(&value, &bits, 4);
            values[i] = value;
        }
    }
    return values;
}

// Memory of the size of the expected result, full of NaN and free again: the pooling allocator hands it out next.
inline void poison(size_t count, int32_t dtype) {
    const auto size = dtype == kFloat ? 4 : 2;
    const std::vector<uint8_t> ones(count * size, 0xff);
    const int64_t shape[] = {static_cast<int64_t>(count)};
    pt_tensor filled;
    check(pt_tensor_new(ones.data(), ones.size(), dtype, shape, 1, &filled), "new");
    check(pt_tensor_free(filled), "free");
}

// `terms` is the size of what the expected numbers are differences of, where that is larger.
inline void compare(const std::string& what, const std::vector<double>& expected, int32_t dtype, const std::function<int(pt_tensor*)>& run, double terms = 0) {
    poison(expected.size(), dtype);
    pt_tensor out = nullptr;
    check(run(&out), what.c_str());
    if (out == nullptr) return;  // not supported here: the caller would take ATen
    const auto found = read(out);
    check(pt_tensor_free(out), "free");
    checks++;
    double largest = terms, worst = 0;
    for (auto value : expected) largest = std::fmax(largest, std::fabs(value));
    for (size_t i = 0; i < expected.size(); i++) {
        const auto error = std::fabs(found[i] - expected[i]);
        worst = error <= worst ? worst : error;  // keeps NaN
    }
    const auto tolerance = (dtype == kFloat ? 2e-5 : 3e-2) * std::fmax(largest, 1e-3);
    if (found.size() == expected.size() && worst <= tolerance) return;
    failures++;
    std::printf("FAILED %s: error %g of %g\n", what.c_str(), worst, largest);
}

// The derivative of sum(seed * run(x)) with respect to x.
inline void compare_gradient(const std::string& what, const Array& x, const Array& seed, const std::vector<double>& expected, int32_t dtype, const std::function<int(pt_tensor*)>& run,
                             double terms = 0) {
    int32_t previous;
    check(pt_grad_mode(1, &previous), "grad mode");
    check(pt_requires_grad_set(x.tensor, 1), "requires grad");
    pt_tensor y = nullptr;
    check(run(&y), what.c_str());
    if (y != nullptr) {
        compare("derivative of " + what, expected, dtype, [&](pt_tensor* out) { return pt_grad(&y, &seed.tensor, 1, &x.tensor, 1, 0, out); }, terms);
        check(pt_tensor_free(y), "free");
    }
    check(pt_requires_grad_set(x.tensor, 0), "requires grad");
    check(pt_grad_mode(0, &previous), "grad mode");
}

}  // namespace comparison
