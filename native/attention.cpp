// Softmax attention for inference on the CPU. Logits exist for one block of queries at a time, small enough for the caches; queries, keys and
// values are read where a convolution left them, and the result lies as the next convolution reads it.
#include "bridge.h"
#include "onednn.h"
#include "processor.h"
#include "vector_kernels.h"

#include <ATen/ATen.h>
#include <ATen/Parallel.h>

#include <algorithm>
#include <cmath>
#include <map>
#include <memory>
#include <mutex>
#include <unordered_map>
#include <vector>

using posterior::borrow;
using posterior::guard;

#ifdef POSTERIOR_ONEDNN
namespace {

using dnnl::memory;
using posterior::engine;
using posterior::stream;

constexpr int64_t most_logits = int64_t{1} << 20;  // of one block, over all heads
constexpr size_t most_products = 64;

// [batch, rows, inner] times [batch, inner, columns], for given strides.
struct Product {
    memory::desc left, right, result;
    dnnl::matmul run;
    bool usable = false;

    void operator()(void* a, void* b, void* c) const {
        std::unordered_map<int, memory> arguments{
            {DNNL_ARG_SRC, {left, engine(), a}}, {DNNL_ARG_WEIGHTS, {right, engine(), b}}, {DNNL_ARG_DST, {result, engine(), c}}};
        run.execute(stream(), arguments);
        stream().wait();
    }
};

struct Operand {
    memory::dims sizes, strides;
    memory::data_type type;
};

std::shared_ptr<const Product> product_of(const Operand& a, const Operand& b, const Operand& c) {
    static std::mutex mutex;
    static auto* known = new std::map<std::vector<int64_t>, std::shared_ptr<const Product>>;
    std::vector<int64_t> key{at::get_num_threads()};
    for (const auto* operand : {&a, &b, &c}) {
        key.insert(key.end(), operand->sizes.begin(), operand->sizes.end());
        key.insert(key.end(), operand->strides.begin(), operand->strides.end());
        key.push_back(static_cast<int64_t>(operand->type));
    }
    std::lock_guard<std::mutex> lock(mutex);
    auto found = known->find(key);
    if (found != known->end()) return found->second;
    auto made = std::make_shared<Product>();
    made->left = memory::desc(a.sizes, a.type, a.strides);
    made->right = memory::desc(b.sizes, b.type, b.strides);
    made->result = memory::desc(c.sizes, c.type, c.strides);
    try {
#if DNNL_VERSION_MAJOR >= 3
        dnnl::matmul::primitive_desc chosen(engine(), made->left, made->right, made->result);
#else
        dnnl::matmul::primitive_desc chosen(dnnl::matmul::desc(made->left, made->right, made->result), engine());
#endif
        if (posterior::is_fast(chosen)) {
            made->run = dnnl::matmul(chosen);
            made->usable = true;
        }
    } catch (const dnnl::error& error) {
        if (error.status != dnnl_unimplemented) throw;
    }
    if (known->size() >= most_products) known->clear();
    (*known)[key] = made;
    return made;
}

bool readable(const at::Tensor& tensor, const at::Tensor& like) {
    return posterior::plain(tensor) && tensor.dim() == 4 && tensor.scalar_type() == like.scalar_type() && tensor.stride(2) == 1 && !posterior::recorded(tensor);
}

char* address(const at::Tensor& tensor, int64_t image, int64_t token) {
    return static_cast<char*>(tensor.data_ptr()) + (image * tensor.stride(0) + token * tensor.stride(3)) * tensor.element_size();
}

// q [N, heads, d, T], k and v [N, heads, d, S]; the result is [N, heads, T, d] over memory [N, T, heads, d].
at::Tensor attention(const at::Tensor& q, const at::Tensor& k, const at::Tensor& v) {
    const auto heads = q.size(1), width = q.size(2), queries = q.size(3), keys = k.size(3);
    const auto type = posterior::type_of(q);
    const auto half = type == memory::data_type::bf16;
    const auto whole = std::max<int64_t>(32, most_logits / (heads * keys) / 32 * 32);
    const auto block = std::min(queries, whole);

    auto y = at::empty({q.size(0), queries, heads, width}, q.options());
    auto logits = at::empty({heads, block, keys}, q.options().dtype(at::kFloat));
    auto weights = half ? at::empty({heads, block, keys}, q.options()) : logits;
    const auto& kernels = posterior::vector_kernels();
    const auto scale = static_cast<float>(1 / std::sqrt(static_cast<double>(width)));
    for (int64_t n = 0; n < q.size(0); ++n)
        for (int64_t first = 0; first < queries; first += block) {
            const auto rows = std::min(block, queries - first);
            const memory::dims dense{rows * keys, keys, 1};
            auto similarity = product_of({{heads, rows, width}, {q.stride(1), q.stride(3), 1}, type}, {{heads, width, keys}, {k.stride(1), 1, k.stride(3)}, type},
                                         {{heads, rows, keys}, dense, memory::data_type::f32});
            auto mixture = product_of({{heads, rows, keys}, dense, type}, {{heads, keys, width}, {v.stride(1), v.stride(3), 1}, type},
                                      {{heads, rows, width}, {width, heads * width, 1}, type});
            if (!similarity->usable || !mixture->usable) return {};
            (*similarity)(address(q, n, first), address(k, n, 0), logits.data_ptr());
            auto from = logits.data_ptr<float>();
            auto to = static_cast<char*>(weights.data_ptr());
            const auto size = weights.element_size();
            at::parallel_for(0, heads * rows, std::max<int64_t>(1, (1 << 14) / keys), [&](int64_t begin, int64_t end) {
                kernels.softmax[half](from + begin * keys, to + begin * keys * size, end - begin, keys, scale);
            });
            (*mixture)(weights.data_ptr(), address(v, n, 0), static_cast<char*>(y.data_ptr()) + (n * queries + first) * heads * width * y.element_size());
        }
    return y.permute({0, 2, 1, 3});
}

// In single precision, over memory [N, T, heads, d].
at::Tensor single(const at::Tensor& x) { return x.permute({0, 3, 1, 2}).to(at::kFloat).contiguous().permute({0, 2, 3, 1}); }

}  // namespace
#endif

extern "C" {

int pt_attention(pt_tensor q, pt_tensor k, pt_tensor v, pt_tensor* out) {
    return guard([&] {
        *out = nullptr;
#ifdef POSTERIOR_ONEDNN
        auto queries = borrow(q), keys = borrow(k), values = borrow(v);
        if (!readable(queries, queries) || !readable(keys, queries) || !readable(values, queries) || queries.numel() == 0 || keys.numel() == 0) return;
        if (keys.sizes() != values.sizes() || keys.size(0) != queries.size(0) || keys.size(1) != queries.size(1) || keys.size(2) != queries.size(2)) return;
        at::NoGradGuard no_grad;
        const auto in_single = queries.scalar_type() == at::kBFloat16 && !posterior::has_fast_bfloat16();
        auto y = in_single ? attention(single(queries), single(keys), single(values)) : attention(queries, keys, values);
        *out = posterior::release(y.defined() ? y.to(queries.scalar_type()) : y);
#endif
    });
}

}  // extern "C"
