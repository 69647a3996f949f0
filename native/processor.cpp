#include "processor.h"

#include "posterior.h"
#include "vector_kernels.h"

#include <algorithm>
#include <chrono>
#include <string>

#if defined(__x86_64__) && defined(__GNUC__)
#include <cpuid.h>
#include <immintrin.h>
#define POSTERIOR_X86
#endif

namespace posterior {

namespace {

#ifdef POSTERIOR_X86

// Tiles of bfloat16 (AMX), which oneDNN uses where the system shows them.
bool has_tiles() {
    static const bool answer = [] {
        unsigned eax = 0, ebx = 0, ecx = 0, edx = 0;
        return __get_cpuid_count(7, 0, &eax, &ebx, &ecx, &edx) != 0 && (edx & (1u << 22)) != 0;
    }();
    return answer;
}

bool has_instructions() {
    static const bool answer = std::string(pt_vector_variants()).find("bf16") != std::string::npos;
    return answer;
}

#define EIGHT(instruction, sums)                                                                                                        \
    asm volatile(instruction " %8, %8, %0\n" instruction " %8, %8, %1\n" instruction " %8, %8, %2\n" instruction " %8, %8, %3\n"        \
                 instruction " %8, %8, %4\n" instruction " %8, %8, %5\n" instruction " %8, %8, %6\n" instruction " %8, %8, %7"          \
                 : "+v"((sums)[0]), "+v"((sums)[1]), "+v"((sums)[2]), "+v"((sums)[3]), "+v"((sums)[4]), "+v"((sums)[5]), "+v"((sums)[6]), "+v"((sums)[7]) \
                 : "v"(factor))

// The time of independent sums of products: of 16 numbers of single precision with each instruction, or of 32 of bfloat16.
__attribute__((target("avx512f"))) double seconds_of_products(bool bfloat16) {
    constexpr int repetitions = 750;
    __m512 sums[16];  // more than either instruction has in flight
    for (auto& sum : sums) sum = _mm512_setzero_ps();
    const auto factor = _mm512_setzero_ps();
    const auto started = std::chrono::steady_clock::now();
    for (int i = 0; i < repetitions; ++i) {
        if (bfloat16) {
            EIGHT("vdpbf16ps", sums);
            EIGHT("vdpbf16ps", sums + 8);
        } else {
            EIGHT("vfmadd231ps", sums);
            EIGHT("vfmadd231ps", sums + 8);
        }
    }
    return std::chrono::duration<double>(std::chrono::steady_clock::now() - started).count();
}

#undef EIGHT

// A Xeon of the fifth generation runs the instruction at a quarter of the rate of those for single precision (1.35e9 and 5.5e9 a second and core) and leaves the work to its tiles, which virtual
// machines may hide: a product of bfloat16 takes twice as long as one of single precision then.
bool is_fast_by_vectors() {
    constexpr int rounds = 7;
    double single = 1, half = 1;
    for (int i = 0; i < rounds; ++i) {
        single = std::min(single, seconds_of_products(false));
        half = std::min(half, seconds_of_products(true));
    }
    return half < 1.8 * single;
}

#endif

}  // namespace

bool has_fast_bfloat16() {
#ifdef POSTERIOR_X86
    return (has_instructions() && has_tiles()) || multiplies_bfloat16_in_vectors();
#else
    return false;
#endif
}

bool multiplies_bfloat16_in_vectors() {
#ifdef POSTERIOR_X86
    static const bool answer = has_instructions() && !has_tiles() && is_fast_by_vectors();
    return answer;
#else
    return false;
#endif
}

}  // namespace posterior

extern "C" int32_t pt_has_fast_bfloat16(void) { return posterior::has_fast_bfloat16() ? 1 : 0; }
