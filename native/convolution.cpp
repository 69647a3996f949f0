// Convolutions for inference on the CPU, by oneDNN directly: weights are packed once per layer and primitive, activations stay
// channels-last, bias, residual and SiLU are applied while the result is in registers.
//
// Anything that is not supported here (gradients, other types or devices, no oneDNN) gives a null result, and the caller takes
// ATen's convolution.
#include "bridge.h"
#include "onednn.h"
#include "vector_kernels.h"

#include <ATen/ATen.h>
#include <ATen/Parallel.h>

#include <algorithm>
#include <array>
#include <memory>
#include <mutex>
#include <string>
#include <unordered_map>
#include <vector>

using posterior::borrow;
using posterior::guard;

namespace {

#ifdef POSTERIOR_ONEDNN

using dnnl::memory;
using posterior::engine;
using posterior::plain;
using posterior::recorded;
using posterior::stream;
using posterior::type_of;

// Primitives of one layer that are kept: tiles and batches of several sizes alternate in practice.
constexpr size_t most_primitives = 12;

constexpr int64_t channels_of_a_block = 8;

constexpr int64_t most_rows_of_few = 4, grain_of_few = 1 << 16;

struct Shape {
    int64_t batch, height, width, threads;
    memory::data_type type;
    int32_t activation;
    bool residual, overwrites;

    bool operator==(const Shape& other) const {
        return batch == other.batch && height == other.height && width == other.width && threads == other.threads && type == other.type &&
               activation == other.activation && residual == other.residual && overwrites == other.overwrites;
    }
};

// The layout of a convolution that does not work on channels-last memory, and the copies from and to it.
struct Blocks {
    memory::desc source, destination;
    dnnl::reorder enter, enter_residual, leave;
};

// Without AVX-512 oneDNN 2.6 is slower on channels-last memory, on large images by up to a half (128 to 64 channels at 256 x 256 pixels: 50 GFLOP/s a core, 94 in blocks of 8 channels, 88 with the
// copies from and to them), and has nothing fast for bfloat16, for which ATen has a plain loop.
bool has_avx512() {
    static const bool answer = [] {
        switch (dnnl::get_effective_cpu_isa()) {
            case dnnl::cpu_isa::sse41:
            case dnnl::cpu_isa::avx:
            case dnnl::cpu_isa::avx2:
            case dnnl::cpu_isa::avx2_vnni: return false;
            default: return true;
        }
    }();
    return answer;
}

struct Primitive {
    Shape shape;
    dnnl::convolution_forward run;  // empty when oneDNN has no fast implementation for the shape
    memory::desc source, destination;
    std::shared_ptr<at::Tensor> packed;
    memory::desc packed_layout;
    bool usable = false;
    bool accumulates = false;  // the residual is copied to the result first
    std::unique_ptr<Blocks> blocks;
};

class Convolution {
   public:
    Convolution(at::Tensor weight, at::Tensor bias, int64_t stride_v, int64_t stride_h, int64_t padding_v, int64_t padding_h, int64_t groups)
        : given_(std::move(weight)), weight_(given_.dim() == 2 ? given_.detach().unsqueeze(2).unsqueeze(3) : given_), bias_(std::move(bias)),
          strides_{stride_v, stride_h}, padding_{padding_v, padding_h}, groups_(groups), version_(version()) {}

    // With `overwrites` the result may take the memory of the residual.
    at::Tensor operator()(const at::Tensor& input, const at::Tensor& residual, int32_t activation, bool overwrites) {
        return applicable(input, residual) ? run(input, residual, activation, overwrites) : at::Tensor();
    }

    // The same without residual and activation for a kernel of one pixel and two images side by side, each with its part of the weights: nothing is concatenated.
    at::Tensor operator()(const at::Tensor& input, const at::Tensor& beside) {
        const auto channels = input.size(1), rest = weight_.size(1) - channels;
        if (groups_ != 1 || rest <= 0 || weight_.size(2) != 1 || weight_.size(3) != 1 || recorded(given_)) return {};
        std::shared_ptr<Convolution> parts[2];
        {
            std::lock_guard<std::mutex> lock(mutex_);
            if (!parts_[0] || parts_[0]->weight_.size(1) != channels) {
                parts_[0] = std::make_shared<Convolution>(weight_.narrow(1, 0, channels), bias_, strides_[0], strides_[1], padding_[0], padding_[1], 1);
                parts_[1] = std::make_shared<Convolution>(weight_.narrow(1, channels, rest), at::Tensor(), strides_[0], strides_[1], padding_[0], padding_[1], 1);
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
            recorded(bias_) || !given_.is_contiguous() || (bias_.defined() && bias_.scalar_type() != at::kFloat))
            return {};
        const auto x = input.contiguous();
        auto shape = input.sizes().vec();
        const auto outputs = shape.back() = given_.size(0);
        auto y = at::empty(shape, x.options());
        const auto& kernels = posterior::vector_kernels();
        at::parallel_for(0, outputs, std::max<int64_t>(1, grain_of_few / width), [&](int64_t begin, int64_t end) {
            kernels.products_with_rows(x.data_ptr<float>(), given_.data_ptr<float>() + begin * width, y.data_ptr<float>() + begin, count, end - begin, width, outputs);
        });
        if (bias_.defined()) y.add_(bias_);
        return y;
    }

   private:
    at::Tensor run(const at::Tensor& input, const at::Tensor& residual, int32_t activation, bool overwrites) {
        if (input.scalar_type() == at::kBFloat16 && !has_avx512()) {
            const auto y = run(input.to(at::kFloat), residual.defined() ? residual.to(at::kFloat) : residual, activation, false);
            return y.defined() ? y.to(at::kBFloat16) : y;
        }
        if (input.numel() == 0 || input.size(2) + 2 * padding_[0] < weight_.size(2) || input.size(3) + 2 * padding_[1] < weight_.size(3)) return {};
        auto x = input.contiguous(at::MemoryFormat::ChannelsLast);
        auto height = (x.size(2) + 2 * padding_[0] - weight_.size(2)) / strides_[0] + 1;
        auto width = (x.size(3) + 2 * padding_[1] - weight_.size(3)) / strides_[1] + 1;
        auto outputs = weight_.size(0);
        const std::array<int64_t, 4> shape{x.size(0), outputs, height, width};
        if (residual.defined() && residual.sizes() != at::IntArrayRef(shape)) throw std::invalid_argument("a convolution's residual has another shape than its result");
        overwrites = overwrites && residual.defined() && residual.is_contiguous(at::MemoryFormat::ChannelsLast) && !residual.is_alias_of(x);
        auto primitive = find({x.size(0), x.size(2), x.size(3), at::get_num_threads(), type_of(x), activation, residual.defined(), overwrites}, height, width);
        if (!primitive->usable) return {};

        if (primitive->blocks) return run_in_blocks(*primitive, x, residual, overwrites, shape);
        const auto in_place = overwrites && primitive->accumulates;
        auto y = in_place ? residual : at::empty(shape, x.options(), at::MemoryFormat::ChannelsLast);
        at::Tensor added;
        const auto bias = bias_.defined() && x.scalar_type() == at::kFloat ? bias_.to(at::kFloat) : bias_;
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

    std::unordered_map<int, memory> arguments_of(const Primitive& primitive, const memory& source, const memory& destination, const at::Tensor& bias) const {
        std::unordered_map<int, memory> arguments{{DNNL_ARG_SRC, source}, {DNNL_ARG_WEIGHTS, {primitive.packed_layout, engine(), primitive.packed->data_ptr()}}, {DNNL_ARG_DST, destination}};
        if (bias.defined()) arguments.emplace(DNNL_ARG_BIAS, memory({{weight_.size(0)}, type_of(bias), memory::format_tag::a}, engine(), bias.data_ptr()));
        return arguments;
    }

    at::Tensor run_in_blocks(const Primitive& primitive, const at::Tensor& x, const at::Tensor& residual, bool overwrites, at::IntArrayRef shape) const {
        const auto& blocks = *primitive.blocks;
        const auto bytes = [](const memory::desc& layout) { return at::empty({static_cast<int64_t>(layout.get_size())}, at::kByte); };
        const auto source = bytes(blocks.source), destination = bytes(blocks.destination);
        const auto bias = bias_.defined() ? bias_.to(at::kFloat) : bias_;
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
        if (x.dim() != 4 || !plain(x) || !plain(weight_) || x.size(1) != weight_.size(1) * groups_) return false;
        // Weights of more precision than the input are rounded when they are packed, as a conversion would (not where bfloat16 is calculated in single precision); less precision stays with ATen.
        if (x.scalar_type() == at::kFloat && weight_.scalar_type() != at::kFloat) return false;
        if (bias_.defined() && (!bias_.device().is_cpu() || bias_.scalar_type() != weight_.scalar_type())) return false;
        // oneDNN 2.6 adds a second image wrongly to 1x1 convolutions of an odd number of bfloat16 channels (seen with 11 and 19).
        if (residual.defined() && x.scalar_type() == at::kBFloat16 && x.size(1) % 16 != 0) return false;
        if (residual.defined() && (!plain(residual) || residual.scalar_type() != x.scalar_type())) return false;
        return !recorded(x) && !recorded(given_) && !recorded(bias_) && !recorded(residual);
    }

    // Grows with every operation that writes to the weights in place.
    int64_t version() const { return given_.is_inference() ? 0 : given_._version(); }

    std::shared_ptr<const Primitive> find(const Shape& shape, int64_t height, int64_t width) {
        std::lock_guard<std::mutex> lock(mutex_);
        if (version_ != version()) {
            primitives_.clear();
            version_ = version();
        }
        for (const auto& known : primitives_)
            if (known->shape == shape) return known;
        auto made = make(shape, height, width);
        if (primitives_.size() == most_primitives) primitives_.erase(primitives_.begin());
        primitives_.push_back(made);
        return made;
    }

    std::shared_ptr<const Primitive> make(const Shape& shape, int64_t height, int64_t width) {
        auto result = std::make_shared<Primitive>();
        result->shape = shape;
        result->source = memory::desc({shape.batch, weight_.size(1) * groups_, shape.height, shape.width}, shape.type, memory::format_tag::nhwc);
        result->destination = memory::desc({shape.batch, weight_.size(0), height, width}, shape.type, memory::format_tag::nhwc);
        try {
            if (make_in_blocks(*result, height, width)) return result;
            auto chosen = choose(*result, shape.residual ? Addition::read : Addition::none);
            const auto one_pixel = weight_.size(2) == 1 && weight_.size(3) == 1;
            if (shape.overwrites || (shape.residual && shape.type == memory::data_type::f32 && (one_pixel || std::string(chosen.impl_info_str()).find("brg") == std::string::npos))) {
                // In single precision what reads a second image is slower than what adds to what is there, which costs a copy of the residual, a fiftieth: by a
                // fifth in implementations other than "brg", by a tenth in those of one pixel. Where the residual may be overwritten nothing is copied.
                auto accumulating = choose(*result, Addition::accumulate);
                result->accumulates = std::string(accumulating.impl_info_str()).find("brg") != std::string::npos;
                if (result->accumulates) chosen = accumulating;
            }
            if (!posterior::is_fast(chosen)) return result;
            result->run = dnnl::convolution_forward(chosen);
            result->packed_layout = chosen.weights_desc();
            result->packed = packed(chosen.weights_desc(), shape.type);
            result->usable = true;
        } catch (const dnnl::error& error) {
            // oneDNN 2.6 cannot make every convolution that it describes (seen with 24 bfloat16 channels of 2 x 5 pixels and a residual): ATen does those.
            if (error.status != dnnl_unimplemented && error.status != dnnl_runtime_error) throw;
        }
        return result;
    }

    bool make_in_blocks(Primitive& result, int64_t height, int64_t width) {
        const auto whole = weight_.size(0) % channels_of_a_block == 0 && weight_.size(1) % channels_of_a_block == 0;
        if (has_avx512() || result.shape.type != memory::data_type::f32 || groups_ != 1 || !whole || (weight_.size(2) == 1 && weight_.size(3) == 1)) return false;
        const auto in_blocks = [&](int64_t channels, int64_t rows, int64_t columns) { return memory::desc({result.shape.batch, channels, rows, columns}, memory::data_type::f32, memory::format_tag::nChw8c); };
        Primitive wanted;
        wanted.shape = result.shape;
        wanted.source = in_blocks(weight_.size(1), result.shape.height, result.shape.width);
        wanted.destination = in_blocks(weight_.size(0), height, width);
        dnnl::convolution_forward::primitive_desc chosen;
        try {
            chosen = choose(wanted, result.shape.residual ? Addition::accumulate : Addition::none);
        } catch (const dnnl::error& error) {
            if (error.status != dnnl_unimplemented) throw;
            return false;
        }
        if (!posterior::is_fast(chosen)) return false;
        const auto copy = [](const memory::desc& from, const memory::desc& to) { return dnnl::reorder(dnnl::reorder::primitive_desc(engine(), from, engine(), to)); };
        result.blocks = std::make_unique<Blocks>(Blocks{wanted.source, wanted.destination, copy(result.source, wanted.source), copy(result.destination, wanted.destination), copy(wanted.destination, result.destination)});
        result.run = dnnl::convolution_forward(chosen);
        result.packed_layout = chosen.weights_desc();
        result.packed = packed(chosen.weights_desc(), result.shape.type);
        result.usable = true;
        return true;
    }

    enum class Addition { none, read, accumulate };

    dnnl::convolution_forward::primitive_desc choose(const Primitive& wanted, Addition addition) const {
        dnnl::post_ops after;
        if (addition == Addition::read) after.append_binary(dnnl::algorithm::binary_add, wanted.destination);
        if (addition == Addition::accumulate) after.append_sum(1.0f);
        if (wanted.shape.activation != PT_IDENTITY) {
            const auto silu = wanted.shape.activation == PT_SILU;
            const auto kind = silu ? dnnl::algorithm::eltwise_swish : dnnl::algorithm::eltwise_relu;
            const auto slope = silu ? 1.0f : 0.0f;  // swish is x / (1 + exp(-slope x)); relu scales negative numbers by it
#if DNNL_VERSION_MAJOR >= 3
            after.append_eltwise(kind, slope, 0.0f);
#else
            after.append_eltwise(1.0f, kind, slope, 0.0f);
#endif
        }
        dnnl::primitive_attr attributes;
        attributes.set_post_ops(after);
        const memory::dims strides{strides_[0], strides_[1]}, padding{padding_[0], padding_[1]};
        const memory::desc filter(filter_dimensions(), wanted.shape.type, memory::format_tag::any);
        const auto bias_type = wanted.shape.type == memory::data_type::f32 || !bias_.defined() ? memory::data_type::f32 : type_of(bias_);
        const auto bias = bias_.defined() ? memory::desc({weight_.size(0)}, bias_type, memory::format_tag::a) : memory::desc();
#if DNNL_VERSION_MAJOR >= 3
        return {engine(), dnnl::prop_kind::forward_inference, dnnl::algorithm::convolution_direct, wanted.source, filter, bias, wanted.destination, strides,
                padding, padding, attributes};
#else
        const dnnl::convolution_forward::desc operation(dnnl::prop_kind::forward_inference, dnnl::algorithm::convolution_direct, wanted.source, filter, bias,
                                                        wanted.destination, strides, padding, padding);
        return {operation, attributes, engine()};
#endif
    }

    memory::dims filter_dimensions() const {
        if (groups_ == 1) return {weight_.size(0), weight_.size(1), weight_.size(2), weight_.size(3)};
        return {groups_, weight_.size(0) / groups_, weight_.size(1), weight_.size(2), weight_.size(3)};
    }

    // Shapes mostly agree on one layout; then they share one packed copy.
    std::shared_ptr<at::Tensor> packed(const memory::desc& layout, memory::data_type type) {
        for (const auto& known : primitives_)
            if (known->usable && known->packed_layout == layout) return known->packed;
        const auto rows = (type == memory::data_type::f32 ? weight_.to(at::kFloat) : weight_).contiguous();
        auto copy = std::make_shared<at::Tensor>(at::empty({static_cast<int64_t>(layout.get_size())}, at::TensorOptions().dtype(at::kByte)));
        memory from({filter_dimensions(), type_of(rows), groups_ == 1 ? memory::format_tag::oihw : memory::format_tag::goihw}, engine(), rows.data_ptr());
        memory to(layout, engine(), copy->data_ptr());
        dnnl::reorder(from, to).execute(stream(), from, to);
        stream().wait();
        return copy;
    }

    at::Tensor given_, weight_, bias_;  // the matrix of a linear layer is a kernel of one pixel
    int64_t strides_[2], padding_[2], groups_, version_;
    std::mutex mutex_;
    std::vector<std::shared_ptr<const Primitive>> primitives_;
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
