#include "vector_kernels.h"

#include "bridge.h"

#include <atomic>
#include <cmath>
#include <cstdlib>
#include <cstring>
#include <stdexcept>
#include <string>
#include <vector>

#if defined(__x86_64__)
#include <immintrin.h>
#endif

namespace posterior {
namespace {

#define VARIANT portable
#define VARIANT_NAME "portable"
#define LANES 4
#include "vector_kernels.inc"
#undef VARIANT
#undef VARIANT_NAME
#undef LANES

#if defined(__x86_64__) && defined(__GNUC__) && !defined(__clang__)
#define POSTERIOR_X86_VARIANTS

#pragma GCC push_options
#pragma GCC target("avx2,fma")
#define VARIANT avx2
#define VARIANT_NAME "avx2"
#define LANES 8
#include "vector_kernels.inc"
#undef VARIANT
#undef VARIANT_NAME
#undef LANES
#pragma GCC pop_options

#pragma GCC push_options
#pragma GCC target("avx512f,avx512bw,avx512vl,avx512dq,avx2,fma,prefer-vector-width=512")
#define VARIANT avx512
#define VARIANT_NAME "avx512"
#define LANES 16
#include "vector_kernels.inc"
#undef VARIANT
#undef VARIANT_NAME
#undef LANES
#pragma GCC pop_options

#pragma GCC push_options
#pragma GCC target("avx512f,avx512bw,avx512vl,avx512dq,avx512bf16,avx2,fma,prefer-vector-width=512")
#define VARIANT avx512_bf16
#define VARIANT_NAME "avx512_bf16"
#define LANES 16
#define NATIVE_BFLOAT16
#include "vector_kernels.inc"
#undef VARIANT
#undef VARIANT_NAME
#undef LANES
#undef NATIVE_BFLOAT16
#pragma GCC pop_options
#endif

// Those that this processor can run, the best first.
const std::vector<const VectorKernels*>& variants() {
    static const auto* list = [] {
        auto* usable = new std::vector<const VectorKernels*>;
#ifdef POSTERIOR_X86_VARIANTS
        if (__builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512bw") && __builtin_cpu_supports("avx512vl") && __builtin_cpu_supports("avx512dq")) {
            if (__builtin_cpu_supports("avx512bf16")) usable->push_back(&avx512_bf16::kernels);
            usable->push_back(&avx512::kernels);
        }
        if (__builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma")) usable->push_back(&avx2::kernels);
#endif
        usable->push_back(&portable::kernels);
        return usable;
    }();
    return *list;
}

const VectorKernels* named(const char* name) {
    for (auto variant : variants())
        if (std::strcmp(variant->name, name) == 0) return variant;
    return nullptr;
}

std::atomic<const VectorKernels*>& chosen() {
    static std::atomic<const VectorKernels*> kernels{[] {
        auto wanted = std::getenv("POSTERIOR_VECTOR");
        auto found = wanted == nullptr ? nullptr : named(wanted);
        return found != nullptr ? found : variants().front();
    }()};
    return kernels;
}

}  // namespace

const VectorKernels& vector_kernels() { return *chosen().load(std::memory_order_relaxed); }

}  // namespace posterior

extern "C" {

const char* pt_vector_variant(void) { return posterior::vector_kernels().name; }

int pt_vector_variant_set(const char* name) {
    return posterior::guard([&] {
        auto found = posterior::named(name);
        if (found == nullptr) throw std::invalid_argument("this processor has no vector variant called '" + std::string(name) + "'");
        posterior::chosen().store(found);
    });
}

const char* pt_vector_variants(void) {
    static const std::string text = [] {
        std::string names;
        for (auto variant : posterior::variants()) names += (names.empty() ? "" : " ") + std::string(variant->name);
        return names;
    }();
    return text.c_str();
}

}  // extern "C"
