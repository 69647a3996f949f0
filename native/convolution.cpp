#include "convolution.h"

#ifdef POSTERIOR_ONEDNN
#include "bridge.h"
#include "processor.h"
#include "vector_kernels.h"

#include <ATen/Parallel.h>

#include <algorithm>
#include <array>

namespace posterior {

using dnnl::memory;

namespace {

constexpr int64_t most_rows_of_few = 4, grain_of_few = 1 << 16;

}  // namespace

Convolution::Convolution(at::Tensor weight, at::Tensor bias, int64_t stride_v, int64_t stride_h, int64_t padding_v, int64_t padding_h, int64_t groups)
    : given_(std::move(weight)),
      layer_{given_.dim() == 2 ? given_.detach().unsqueeze(2).unsqueeze(3) : given_, std::move(bias), {stride_v, stride_h}, {padding_v, padding_h}, groups}, version_(version()) {}

at::Tensor Convolution::operator()(const at::Tensor& input, const at::Tensor& residual, int32_t activation, bool overwrites) {
    return applicable(input, residual) ? run(input, residual, activation, overwrites) : at::Tensor();
}

at::Tensor Convolution::operator()(const at::Tensor& input, const at::Tensor& beside) {
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

at::Tensor Convolution::of_few(const at::Tensor& input) const {
    const auto width = input.size(-1), count = input.numel() / width;
    if (count > most_rows_of_few || given_.dim() != 2 || given_.size(1) != width || input.scalar_type() != at::kFloat || given_.scalar_type() != at::kFloat || !plain(given_) || recorded(given_) ||
        recorded(layer_.bias) || !given_.is_contiguous() || (layer_.bias.defined() && layer_.bias.scalar_type() != at::kFloat))
        return {};
    const auto x = input.contiguous();
    auto shape = input.sizes().vec();
    const auto outputs = shape.back() = given_.size(0);
    auto y = at::empty(shape, x.options());
    const auto& kernels = vector_kernels();
    at::parallel_for(0, outputs, std::max<int64_t>(1, grain_of_few / width), [&](int64_t begin, int64_t end) {
        kernels.products_with_rows(x.data_ptr<float>(), given_.data_ptr<float>() + begin * width, y.data_ptr<float>() + begin, count, end - begin, width, outputs);
    });
    if (layer_.bias.defined()) y.add_(layer_.bias);
    return y;
}

at::Tensor Convolution::run(const at::Tensor& input, const at::Tensor& residual, int32_t activation, bool overwrites) {
    if (input.scalar_type() == at::kBFloat16 && !has_fast_bfloat16()) {
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

std::unordered_map<int, memory> Convolution::arguments_of(const ConvolutionPrimitive& primitive, const memory& source, const memory& destination, const at::Tensor& bias) const {
    std::unordered_map<int, memory> arguments{{DNNL_ARG_SRC, source}, {DNNL_ARG_WEIGHTS, {primitive.packed_layout, engine(), primitive.packed->data_ptr()}}, {DNNL_ARG_DST, destination}};
    if (bias.defined()) arguments.emplace(DNNL_ARG_BIAS, memory({{layer_.weight.size(0)}, type_of(bias), memory::format_tag::a}, engine(), bias.data_ptr()));
    return arguments;
}

at::Tensor Convolution::run_in_blocks(const ConvolutionPrimitive& primitive, const at::Tensor& x, const at::Tensor& residual, bool overwrites, at::IntArrayRef shape) const {
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

bool Convolution::supports(const at::Tensor& x) const {
    if (x.dim() != 4 || !plain(x) || !plain(layer_.weight) || x.size(1) != layer_.weight.size(1) * layer_.groups) return false;
    // Weights of more precision than the input are rounded when they are packed, as a conversion would (not where bfloat16 is calculated in single precision); less precision stays with ATen.
    if (x.scalar_type() == at::kFloat && layer_.weight.scalar_type() != at::kFloat) return false;
    return !layer_.bias.defined() || (layer_.bias.device().is_cpu() && layer_.bias.scalar_type() == layer_.weight.scalar_type());
}

bool Convolution::applicable(const at::Tensor& x, const at::Tensor& residual) const {
    if (!supports(x)) return false;
    // oneDNN 2.6 adds a second image wrongly to 1x1 convolutions of an odd number of bfloat16 channels (seen with 11 and 19).
    if (residual.defined() && x.scalar_type() == at::kBFloat16 && x.size(1) % 16 != 0) return false;
    if (residual.defined() && (!plain(residual) || residual.scalar_type() != x.scalar_type())) return false;
    return !recorded(x) && !recorded(given_) && !recorded(layer_.bias) && !recorded(residual);
}

std::shared_ptr<Convolution> Convolution::transposed() {
    std::lock_guard<std::mutex> lock(mutex_);
    forget_what_has_changed();
    if (!transposed_) {
        const auto& weight = layer_.weight;
        const auto turned = weight.detach().transpose(0, 1).flip({2, 3}).contiguous();
        transposed_ = std::make_shared<Convolution>(turned, at::Tensor(), 1, 1, weight.size(2) - 1 - layer_.padding[0], weight.size(3) - 1 - layer_.padding[1], 1);
    }
    return transposed_;
}

// Grows with every operation that writes to the weights in place.
int64_t Convolution::version() const { return given_.is_inference() ? 0 : given_._version(); }

bool Convolution::is_winograds(const at::Tensor& x) const {
    const auto& weight = layer_.weight;
    if (weight.size(2) != 3 || weight.size(3) != 3 || layer_.groups != 1) return false;
    if (layer_.strides[0] != 1 || layer_.strides[1] != 1 || layer_.padding[0] != 1 || layer_.padding[1] != 1) return false;
    return suits_winograd(x.scalar_type(), weight.size(1), weight.size(0), x.size(0), x.size(2), x.size(3));
}

// Null where the direct form is faster.
std::shared_ptr<const WinogradFilter> Convolution::winograd(const at::Tensor& x) {
    if (!is_winograds(x)) return {};
    std::lock_guard<std::mutex> lock(mutex_);
    forget_what_has_changed();
    auto& filter = winograd_[x.scalar_type() == at::kBFloat16];
    if (!filter || !filter->fits()) filter = std::make_shared<WinogradFilter>(layer_.weight, x.scalar_type());
    return filter;
}

void Convolution::forget_what_has_changed() {
    if (version_ == version()) return;
    primitives_.clear();
    for (auto& filter : winograd_) filter.reset();
    transposed_.reset();
    version_ = version();
}

std::shared_ptr<const ConvolutionPrimitive> Convolution::find(const ConvolutionCall& call, int64_t height, int64_t width) {
    std::lock_guard<std::mutex> lock(mutex_);
    forget_what_has_changed();
    return primitives_.find(layer_, call, height, width);
}

}  // namespace posterior
#endif
