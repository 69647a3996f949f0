// Convolutions for inference on the CPU, by oneDNN directly: weights are packed once per layer and primitive, activations stay
// channels-last, bias, residual and SiLU are applied while the result is in registers.
//
// Anything that is not supported here (gradients, other types or devices, no oneDNN) gives a null result, and the caller takes
// ATen's convolution.
#include "bridge.h"
#include "convolution_primitive.h"
#include "onednn.h"
#include "processor.h"
#include "vector_kernels.h"
#include "winograd.h"

#include <ATen/ATen.h>
#include <ATen/Parallel.h>

#include <algorithm>
#include <array>
#include <memory>
#include <mutex>
#include <string>
#include <unordered_map>

using posterior::borrow;
using posterior::guard;

namespace {

#ifdef POSTERIOR_ONEDNN

using dnnl::memory;
using posterior::ConvolutionPrimitive;
using posterior::engine;
using posterior::plain;
using posterior::recorded;
using posterior::stream;
using posterior::type_of;

constexpr int64_t most_rows_of_few = 4, grain_of_few = 1 << 16;

class Convolution {
   public:
    Convolution(at::Tensor weight, at::Tensor bias, int64_t stride_v, int64_t stride_h, int64_t padding_v, int64_t padding_h, int64_t groups)
        : given_(std::move(weight)),
          layer_{given_.dim() == 2 ? given_.detach().unsqueeze(2).unsqueeze(3) : given_, std::move(bias), {stride_v, stride_h}, {padding_v, padding_h}, groups}, version_(version()) {}

    // With `overwrites` the result may take the memory of the residual.
    at::Tensor operator()(const at::Tensor& input, const at::Tensor& residual, int32_t activation, bool overwrites) {
        return applicable(input, residual) ? run(input, residual, activation, overwrites) : at::Tensor();
    }

    // The same without residual and activation for a kernel of one pixel and two images side by side, each with its part of the weights: nothing is concatenated.
    at::Tensor operator()(const at::Tensor& input, const at::Tensor& beside) {
        const auto channels = input.size(1), rest = layer_.weight.size(1) - channels;
        if (layer_.groups != 1 || rest <= 0 || !layer_.is_one_pixel() || recorded(given_)) return {};
        std::shared_ptr<Convolution> parts[2];
        {
            std::lock_guard<std::mutex> lock(mutex_);
            if (!parts_[0] || parts_[0]->layer_.weight.size(1) != channels) {
                parts_[0] = std::make_shared<Convolution>(layer_.weight.narrow(1, 0, channels), layer_.bias, layer_.strides[0], layer_.strides[1], layer_.padding[0], layer_.padding[1], 1);
                parts_[1] = std::make_shared<Convolution>(layer_.weight.narrow(1, channels, rest), at::Tensor(), layer_.strides[0], layer_.strides[1], layer_.padding[0], layer_.padding[1], 1);
            }
            for (int i = 0; i < 2; ++i) parts[i] = parts_[i];
        }
        if (!parts[1]->applicable(beside, beside)) return {};
        const auto sum = (*parts[0])(input, {}, PT_IDENTITY, false);
        return sum.defined() ? (*parts[1])(beside, sum, PT_IDENTITY, true) : sum;
    }

    // A linear layer of a few rows in single precision, as those of noise levels: to read the weights is all the work, and oneDNN's preparations take longer. Undefined for others.
    at::Tensor of_few(const at::Tensor& input) const {
        const auto width = input.size(-1), count = input.numel() / width;
        if (count > most_rows_of_few || given_.dim() != 2 || given_.size(1) != width || input.scalar_type() != at::kFloat || given_.scalar_type() != at::kFloat || !plain(given_) || recorded(given_) ||
            recorded(layer_.bias) || !given_.is_contiguous() || (layer_.bias.defined() && layer_.bias.scalar_type() != at::kFloat))
            return {};
        const auto x = input.contiguous();
        auto shape = input.sizes().vec();
        const auto outputs = shape.back() = given_.size(0);
        auto y = at::empty(shape, x.options());
        const auto& kernels = posterior::vector_kernels();
        at::parallel_for(0, outputs, std::max<int64_t>(1, grain_of_few / width), [&](int64_t begin, int64_t end) {
            kernels.products_with_rows(x.data_ptr<float>(), given_.data_ptr<float>() + begin * width, y.data_ptr<float>() + begin, count, end - begin, width, outputs);
        });
        if (layer_.bias.defined()) y.add_(layer_.bias);
        return y;
    }

   private:
    at::Tensor run(const at::Tensor& input, const at::Tensor& residual, int32_t activation, bool overwrites) {
        if (input.scalar_type() == at::kBFloat16 && !posterior::has_fast_bfloat16()) {
            const auto y = run(input.to(at::kFloat), residual.defined() ? residual.to(at::kFloat) : residual, activation, false);
            return y.defined() ? y.to(at::kBFloat16) : y;
        }
        if (input.numel() == 0 || input.size(2) + 2 * layer_.padding[0] < layer_.weight.size(2) || input.size(3) + 2 * layer_.padding[1] < layer_.weight.size(3)) return {};
        auto x = input.contiguous(at::MemoryFormat::ChannelsLast);
        auto height = (x.size(2) + 2 * layer_.padding[0] - layer_.weight.size(2)) / layer_.strides[0] + 1;
        auto width = (x.size(3) + 2 * layer_.padding[1] - layer_.weight.size(3)) / layer_.strides[1] + 1;
        auto outputs = layer_.weight.size(0);
        const std::array<int64_t, 4> shape{x.size(0), outputs, height, width};
        if (residual.defined() && residual.sizes() != at::IntArrayRef(shape)) throw std::invalid_argument("a convolution's residual has another shape than its result");
        overwrites = overwrites && residual.defined() && residual.is_contiguous(at::MemoryFormat::ChannelsLast) && !residual.is_alias_of(x);
        if (const auto filter = winograd(x)) {
            auto y = overwrites ? residual : at::empty(shape, x.options(), at::MemoryFormat::ChannelsLast);
            const auto added = residual.defined() ? residual.contiguous(at::MemoryFormat::ChannelsLast) : residual;
            (*filter)(x, layer_.bias.defined() ? layer_.bias.to(at::kFloat).contiguous() : layer_.bias, added, activation, y);
            return y;
        }
        auto primitive = find({x.size(0), x.size(2), x.size(3), at::get_num_threads(), type_of(x), activation, residual.defined(), overwrites}, height, width);
        if (!primitive->usable) return {};

        if (primitive->blocks) return run_in_blocks(*primitive, x, residual, overwrites, shape);
        const auto in_place = overwrites && primitive->accumulates;
        auto y = in_place ? residual : at::empty(shape, x.options(), at::MemoryFormat::ChannelsLast);
        at::Tensor added;
        const auto bias = layer_.bias.defined() && x.scalar_type() == at::kFloat ? layer_.bias.to(at::kFloat) : layer_.bias;
        auto arguments = arguments_of(*primitive, {primitive->source, engine(), x.data_ptr()}, {primitive->destination, engine(), y.data_ptr()}, bias);
        if (residual.defined()) {
            if (primitive->accumulates) {
                if (!in_place) y.copy_(residual);
            } else {
                added = residual.contiguous(at::MemoryFormat::ChannelsLast);
                arguments.emplace(DNNL_ARG_ATTR_MULTIPLE_POST_OP(0) | DNNL_ARG_SRC_1, memory(primitive->destination, engine(), added.data_ptr()));
            }
        }
        primitive->run.execute(stream(), arguments);
        stream().wait();
        return y;
    }

    std::unordered_map<int, memory> arguments_of(const ConvolutionPrimitive& primitive, const memory& source, const memory& destination, const at::Tensor& bias) const {
        std::unordered_map<int, memory> arguments{{DNNL_ARG_SRC, source}, {DNNL_ARG_WEIGHTS, {primitive.packed_layout, engine(), primitive.packed->data_ptr()}}, {DNNL_ARG_DST, destination}};
        if (bias.defined()) arguments.emplace(DNNL_ARG_BIAS, memory({{layer_.weight.size(0)}, type_of(bias), memory::format_tag::a}, engine(), bias.data_ptr()));
        return arguments;
    }

    at::Tensor run_in_blocks(const ConvolutionPrimitive& primitive, const at::Tensor& x, const at::Tensor& residual, bool overwrites, at::IntArrayRef shape) const {
        const auto& blocks = *primitive.blocks;
        const auto bytes = [](const memory::desc& layout) { return at::empty({static_cast<int64_t>(layout.get_size())}, at::kByte); };
        const auto source = bytes(blocks.source), destination = bytes(blocks.destination);
        const auto bias = layer_.bias.defined() ? layer_.bias.to(at::kFloat) : layer_.bias;
        memory given(primitive.source, engine(), x.data_ptr()), in(blocks.source, engine(), source.data_ptr()), out(blocks.destination, engine(), destination.data_ptr());
        blocks.enter.execute(stream(), given, in);
        if (residual.defined()) {
            const auto added = residual.contiguous(at::MemoryFormat::ChannelsLast);
            memory sum(primitive.destination, engine(), added.data_ptr());
            blocks.enter_residual.execute(stream(), sum, out);
            stream().wait();
        }
        primitive.run.execute(stream(), arguments_of(primitive, in, out, bias));
        auto y = overwrites ? residual : at::empty(shape, x.options(), at::MemoryFormat::ChannelsLast);
        memory result(primitive.destination, engine(), y.data_ptr());
        blocks.leave.execute(stream(), out, result);
        stream().wait();
        return y;
    }

    bool applicable(const at::Tensor& x, const at::Tensor& residual) const {
        if (x.dim() != 4 || !plain(x) || !plain(layer_.weight) || x.size(1) != layer_.weight.size(1) * layer_.groups) return false;
        // Weights of more precision than the input are rounded when they are packed, as a conversion would (not where bfloat16 is calculated in single precision); less precision stays with ATen.
        if (x.scalar_type() == at::kFloat && layer_.weight.scalar_type() != at::kFloat) return false;
        if (layer_.bias.defined() && (!layer_.bias.device().is_cpu() || layer_.bias.scalar_type() != layer_.weight.scalar_type())) return false;
        // oneDNN 2.6 adds a second image wrongly to 1x1 convolutions of an odd number of bfloat16 channels (seen with 11 and 19).
        if (residual.defined() && x.scalar_type() == at::kBFloat16 && x.size(1) % 16 != 0) return false;
        if (residual.defined() && (!plain(residual) || residual.scalar_type() != x.scalar_type())) return false;
        return !recorded(x) && !recorded(given_) && !recorded(layer_.bias) && !recorded(residual);
    }

    // Grows with every operation that writes to the weights in place.
    int64_t version() const { return given_.is_inference() ? 0 : given_._version(); }

    // Null where the direct form is faster.
    std::shared_ptr<const posterior::WinogradFilter> winograd(const at::Tensor& x) {
        const auto& weight = layer_.weight;
        if (x.scalar_type() != at::kFloat || weight.size(2) != 3 || weight.size(3) != 3 || layer_.groups != 1) return {};
        if (layer_.strides[0] != 1 || layer_.strides[1] != 1 || layer_.padding[0] != 1 || layer_.padding[1] != 1) return {};
        if (!posterior::suits_winograd(weight.size(1), weight.size(0), x.size(0), x.size(2), x.size(3))) return {};
        std::lock_guard<std::mutex> lock(mutex_);
        forget_what_has_changed();
        if (!winograd_ || !winograd_->fits()) winograd_ = std::make_shared<posterior::WinogradFilter>(weight);
        return winograd_;
    }

    void forget_what_has_changed() {
        if (version_ == version()) return;
        primitives_.clear();
        winograd_.reset();
        version_ = version();
    }

    std::shared_ptr<const ConvolutionPrimitive> find(const posterior::ConvolutionCall& call, int64_t height, int64_t width) {
        std::lock_guard<std::mutex> lock(mutex_);
        forget_what_has_changed();
        return primitives_.find(layer_, call, height, width);
    }

    at::Tensor given_;  // the matrix of a linear layer, which is a kernel of one pixel, or the weights themselves
    posterior::ConvolutionLayer layer_;
    int64_t version_;
    std::mutex mutex_;
    posterior::ConvolutionPrimitives primitives_;
    std::shared_ptr<const posterior::WinogradFilter> winograd_;
    std::shared_ptr<Convolution> parts_[2];
};

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

#endif

}  // namespace

extern "C" {

int pt_convolution_new(pt_tensor weight, pt_tensor bias, int64_t stride_v, int64_t stride_h, int64_t padding_v, int64_t padding_h, int64_t groups,
                       pt_convolution* out) {
    return guard([&] {
#ifdef POSTERIOR_ONEDNN
        *out = new Convolution(borrow(weight), borrow(bias), stride_v, stride_h, padding_v, padding_h, groups);
#else
        *out = nullptr;
#endif
    });
}

int pt_convolution_free(pt_convolution layer) {
    return guard([&] {
#ifdef POSTERIOR_ONEDNN
        delete static_cast<Convolution*>(layer);
#endif
    });
}

int pt_convolution_run(pt_convolution layer, pt_tensor x, pt_tensor residual, pt_tensor scale, pt_tensor shift, int32_t activation, int32_t overwrites, pt_tensor* out) {
    return guard([&] {
        *out = nullptr;
#ifdef POSTERIOR_ONEDNN
        auto& convolution = *static_cast<Convolution*>(layer);
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
        if (input.dim() == 4 && second.dim() == 4) *out = posterior::release((*static_cast<Convolution*>(layer))(input, second));
#endif
    });
}

int pt_linear_run(pt_convolution layer, pt_tensor x, pt_tensor residual, pt_tensor* out) {
    return guard([&] {
        *out = nullptr;
#ifdef POSTERIOR_ONEDNN
        auto input = borrow(x), added = borrow(residual);
        if (!plain(input) || input.dim() == 0 || input.numel() == 0 || recorded(input) || recorded(added) || (added.defined() && added.numel() == 0)) return;
        auto& linear = *static_cast<Convolution*>(layer);
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

const char* pt_convolution_library(void) {
#ifdef POSTERIOR_ONEDNN
    static const std::string text = library();
    return text.c_str();
#else
    return "";
#endif
}

}  // extern "C"
