// Convolutions and linear layers on the CPU, by oneDNN directly or by Winograd's algorithm: weights are packed once per layer and primitive, activations stay
// channels-last, bias, residual and SiLU are applied while the result is in registers.
//
// Anything that is not supported here (other types or devices, no oneDNN) gives a null result, and the caller takes ATen's convolution.
#include "affine.h"
#include "bridge.h"
#include "convolution.h"

#include <string>

using posterior::borrow;
using posterior::guard;

#ifdef POSTERIOR_ONEDNN

namespace {

using posterior::plain;
using posterior::recorded;

// What a handle points to: derivatives that are still to be taken may outlive it.
using Layer = std::shared_ptr<posterior::Convolution>;

// The rows of a linear layer as a column of pixels.
at::Tensor column(const at::Tensor& x) { return x.contiguous().view({1, -1, 1, x.size(-1)}).permute({0, 3, 1, 2}); }

std::string library() {
    auto version = dnnl::version();
    const char* isa = "portable code";
    switch (dnnl::get_effective_cpu_isa()) {
        case dnnl::cpu_isa::sse41: isa = "SSE4.1"; break;
        case dnnl::cpu_isa::avx: isa = "AVX"; break;
        case dnnl::cpu_isa::avx2: isa = "AVX2"; break;
        case dnnl::cpu_isa::avx2_vnni: isa = "AVX2 VNNI"; break;
        case dnnl::cpu_isa::avx512_core: isa = "AVX-512"; break;
        case dnnl::cpu_isa::avx512_core_vnni: isa = "AVX-512 VNNI"; break;
        case dnnl::cpu_isa::avx512_core_bf16: isa = "AVX-512 BF16"; break;
        case dnnl::cpu_isa::avx512_core_amx: isa = "AVX-512 AMX"; break;
        default: break;
    }
    return "oneDNN " + std::to_string(version->major) + "." + std::to_string(version->minor) + "." + std::to_string(version->patch) + " with " + isa;
}

}  // namespace

#endif

extern "C" {

int pt_convolution_new(pt_tensor weight, pt_tensor bias, int64_t stride_v, int64_t stride_h, int64_t padding_v, int64_t padding_h, int64_t groups,
                       pt_convolution* out) {
    return guard([&] {
#ifdef POSTERIOR_ONEDNN
        *out = new Layer(std::make_shared<posterior::Convolution>(borrow(weight), borrow(bias), stride_v, stride_h, padding_v, padding_h, groups));
#else
        *out = nullptr;
#endif
    });
}

int pt_convolution_free(pt_convolution layer) {
    return guard([&] {
#ifdef POSTERIOR_ONEDNN
        delete static_cast<Layer*>(layer);
#endif
    });
}

int pt_convolution_run(pt_convolution layer, pt_tensor x, pt_tensor residual, pt_tensor scale, pt_tensor shift, int32_t activation, int32_t overwrites, pt_tensor* out) {
    return guard([&] {
        *out = nullptr;
#ifdef POSTERIOR_ONEDNN
        auto& convolution = **static_cast<Layer*>(layer);
        auto input = borrow(x), scales = borrow(scale), shifts = borrow(shift);
        const auto modulated = scales.defined() || shifts.defined();
        for (const auto& factor : {scales, shifts})
            if (recorded(factor)) return;
        auto y = convolution(input, borrow(residual), modulated ? PT_IDENTITY : activation, overwrites != 0);
        // In place: the pass is a small part of the convolution, and no memory is needed.
        if (modulated && y.defined()) posterior::modulate(y, scales, shifts, activation);
        *out = posterior::release(std::move(y));
#endif
    });
}

int pt_convolution_run_beside(pt_convolution layer, pt_tensor x, pt_tensor beside, pt_tensor* out) {
    return guard([&] {
        *out = nullptr;
#ifdef POSTERIOR_ONEDNN
        const auto input = borrow(x), second = borrow(beside);
        if (input.dim() == 4 && second.dim() == 4) *out = posterior::release((**static_cast<Layer*>(layer))(input, second));
#endif
    });
}

int pt_linear_run(pt_convolution layer, pt_tensor x, pt_tensor residual, pt_tensor* out) {
    return guard([&] {
        *out = nullptr;
#ifdef POSTERIOR_ONEDNN
        auto input = borrow(x), added = borrow(residual);
        if (!plain(input) || input.dim() == 0 || input.numel() == 0 || recorded(input) || recorded(added) || (added.defined() && added.numel() == 0)) return;
        auto& linear = **static_cast<Layer*>(layer);
        auto y = added.defined() ? at::Tensor() : linear.of_few(input);
        if (y.defined()) {
            *out = posterior::release(std::move(y));
            return;
        }
        y = linear(column(input), added.defined() ? column(added) : added, PT_IDENTITY, false);
        if (!y.defined()) return;
        auto shape = input.sizes().vec();
        shape.back() = y.size(1);
        *out = posterior::release(y.permute({0, 2, 3, 1}).view(shape));
#endif
    });
}

int pt_convolution_record(pt_convolution layer, pt_tensor x, pt_tensor residual, pt_tensor* out) {
    return guard([&] {
        *out = nullptr;
#ifdef POSTERIOR_ONEDNN
        *out = posterior::release((*static_cast<Layer*>(layer))->recorded_forward(borrow(x), borrow(residual)));
#endif
    });
}

const char* pt_convolution_library(void) {
#ifdef POSTERIOR_ONEDNN
    static const std::string text = library();
    return text.c_str();
#else
    return "";
#endif
}

}  // extern "C"
