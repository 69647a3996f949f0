#include "convolution_primitive.h"

#ifdef POSTERIOR_ONEDNN
#include "posterior.h"

#include <string>

namespace posterior {

using dnnl::memory;
using Description = dnnl::convolution_forward::primitive_desc;

namespace {

// Tiles and batches of several sizes alternate in practice.
constexpr size_t most_primitives = 12;

constexpr int64_t channels_of_a_block = 8;

enum class Addition { none, read, accumulate };

// Without AVX-512 oneDNN 2.6 is slower on channels-last memory, on large images by up to a half (128 to 64 channels at 256 x 256 pixels: 50 GFLOP/s a core, 94 in blocks of 8 channels, 88 with the
// copies from and to them).
bool prefers_blocks() {
    static const bool answer = [] {
        switch (dnnl::get_effective_cpu_isa()) {
            case dnnl::cpu_isa::sse41:
            case dnnl::cpu_isa::avx:
            case dnnl::cpu_isa::avx2:
            case dnnl::cpu_isa::avx2_vnni: return true;
            default: return false;
        }
    }();
    return answer;
}

memory::dims dimensions(const ConvolutionLayer& layer) {
    const auto& weight = layer.weight;
    if (layer.groups == 1) return {weight.size(0), weight.size(1), weight.size(2), weight.size(3)};
    return {layer.groups, weight.size(0) / layer.groups, weight.size(1), weight.size(2), weight.size(3)};
}

// The best implementation that oneDNN has between two layouts.
Description choose(const ConvolutionLayer& layer, const ConvolutionCall& call, const memory::desc& source, const memory::desc& destination, Addition addition) {
    dnnl::post_ops after;
    if (addition == Addition::read) after.append_binary(dnnl::algorithm::binary_add, destination);
    if (addition == Addition::accumulate) after.append_sum(1.0f);
    if (call.activation != PT_IDENTITY) {
        const auto silu = call.activation == PT_SILU;
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
    const memory::dims strides{layer.strides[0], layer.strides[1]}, padding{layer.padding[0], layer.padding[1]};
    const memory::desc filter(dimensions(layer), call.type, memory::format_tag::any);
    const auto bias_type = call.type == memory::data_type::f32 || !layer.bias.defined() ? memory::data_type::f32 : type_of(layer.bias);
    const auto bias = layer.bias.defined() ? memory::desc({layer.weight.size(0)}, bias_type, memory::format_tag::a) : memory::desc();
#if DNNL_VERSION_MAJOR >= 3
    return {engine(), dnnl::prop_kind::forward_inference, dnnl::algorithm::convolution_direct, source, filter, bias, destination, strides, padding, padding, attributes};
#else
    const dnnl::convolution_forward::desc operation(dnnl::prop_kind::forward_inference, dnnl::algorithm::convolution_direct, source, filter, bias, destination, strides, padding, padding);
    return {operation, attributes, engine()};
#endif
}

bool is_by_rows(const Description& chosen) { return std::string(chosen.impl_info_str()).find("brg") != std::string::npos; }

}  // namespace

std::shared_ptr<const ConvolutionPrimitive> ConvolutionPrimitives::find(const ConvolutionLayer& layer, const ConvolutionCall& call, int64_t height, int64_t width) {
    for (const auto& known : known_)
        if (known->call == call) return known;
    auto made = std::make_shared<ConvolutionPrimitive>();
    made->call = call;
    made->source = memory::desc({call.batch, layer.weight.size(1) * layer.groups, call.height, call.width}, call.type, memory::format_tag::nhwc);
    made->destination = memory::desc({call.batch, layer.weight.size(0), height, width}, call.type, memory::format_tag::nhwc);
    try {
        if (!make_in_blocks(layer, *made, height, width)) make(layer, *made, height, width);
    } catch (const dnnl::error& error) {
        // oneDNN 2.6 cannot make every convolution that it describes (seen with 24 bfloat16 channels of 2 x 5 pixels and a residual): ATen does those.
        if (error.status != dnnl_unimplemented && error.status != dnnl_runtime_error) throw;
    }
    if (known_.size() == most_primitives) known_.erase(known_.begin());
    known_.push_back(made);
    return made;
}

void ConvolutionPrimitives::make(const ConvolutionLayer& layer, ConvolutionPrimitive& result, int64_t height, int64_t width) const {
    const auto& call = result.call;
    auto chosen = choose(layer, call, result.source, result.destination, call.residual ? Addition::read : Addition::none);
    if (call.overwrites || (call.residual && call.type == memory::data_type::f32 && (layer.is_one_pixel() || !is_by_rows(chosen)))) {
        // In single precision what reads a second image is slower than what adds to what is there, which costs a copy of the residual, a fiftieth: by a
        // fifth in implementations other than "brg", by a tenth in those of one pixel. Where the residual may be overwritten nothing is copied.
        auto accumulating = choose(layer, call, result.source, result.destination, Addition::accumulate);
        result.accumulates = is_by_rows(accumulating);
        if (result.accumulates) chosen = accumulating;
    }
    if (is_fast(chosen)) take(layer, result, chosen);
}

bool ConvolutionPrimitives::make_in_blocks(const ConvolutionLayer& layer, ConvolutionPrimitive& result, int64_t height, int64_t width) const {
    const auto whole = layer.weight.size(0) % channels_of_a_block == 0 && layer.weight.size(1) % channels_of_a_block == 0;
    const auto& call = result.call;
    if (!prefers_blocks() || call.type != memory::data_type::f32 || layer.groups != 1 || !whole || layer.is_one_pixel()) return false;
    const auto in_blocks = [&](int64_t channels, int64_t rows, int64_t columns) { return memory::desc({call.batch, channels, rows, columns}, memory::data_type::f32, memory::format_tag::nChw8c); };
    const auto source = in_blocks(layer.weight.size(1), call.height, call.width), destination = in_blocks(layer.weight.size(0), height, width);
    Description chosen;
    try {
        chosen = choose(layer, call, source, destination, call.residual ? Addition::accumulate : Addition::none);
    } catch (const dnnl::error& error) {
        if (error.status != dnnl_unimplemented) throw;
        return false;
    }
    if (!is_fast(chosen)) return false;
    const auto copy = [](const memory::desc& from, const memory::desc& to) { return dnnl::reorder(dnnl::reorder::primitive_desc(engine(), from, engine(), to)); };
    result.blocks = std::make_unique<ConvolutionBlocks>(
        ConvolutionBlocks{source, destination, copy(result.source, source), copy(result.destination, destination), copy(destination, result.destination)});
    take(layer, result, chosen);
    return true;
}

// Shapes mostly agree on one layout; then they share one packed copy.
void ConvolutionPrimitives::take(const ConvolutionLayer& layer, ConvolutionPrimitive& result, const Description& chosen) const {
    result.run = dnnl::convolution_forward(chosen);
    result.packed_layout = chosen.weights_desc();
    for (const auto& known : known_)
        if (known->usable && known->packed_layout == result.packed_layout) result.packed = known->packed;
    if (!result.packed) {
        const auto rows = (result.call.type == memory::data_type::f32 ? layer.weight.to(at::kFloat) : layer.weight).contiguous();
        result.packed = std::make_shared<at::Tensor>(at::empty({static_cast<int64_t>(result.packed_layout.get_size())}, at::TensorOptions().dtype(at::kByte)));
        memory from({dimensions(layer), type_of(rows), layer.groups == 1 ? memory::format_tag::oihw : memory::format_tag::goihw}, engine(), rows.data_ptr());
        memory to(result.packed_layout, engine(), result.packed->data_ptr());
        dnnl::reorder(from, to).execute(stream(), from, to);
        stream().wait();
    }
    result.usable = true;
}

}  // namespace posterior
#endif
