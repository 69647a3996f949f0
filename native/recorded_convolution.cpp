// Convolutions that are recorded for differentiation: their result and the derivatives by their images by the fast path, those by weights in Winograd's form or by ATen. In bfloat16 all
// three have Winograd's form, unless it is switched off in between.
#include "convolution.h"

#ifdef POSTERIOR_ONEDNN
#include "affine.h"
#include "bridge.h"

#include <torch/csrc/autograd/custom_function.h>
#include <torch/custom_class.h>

namespace posterior {

namespace {

struct Held : torch::CustomClassHolder {
    explicit Held(std::shared_ptr<Convolution> kept) : layer(std::move(kept)) {}

    std::shared_ptr<Convolution> layer;
};

struct RecordedConvolution : torch::autograd::Function<RecordedConvolution> {
    static at::Tensor forward(torch::autograd::AutogradContext* context, const at::Tensor& x, const at::Tensor& weight, const at::Tensor& bias, const at::Tensor& residual,
                              const std::shared_ptr<Convolution>& layer) {
        at::NoGradGuard no_grad;
        // Images are needed for the derivatives by weights alone; the weights, to notice that they were written to before the derivatives were taken.
        context->save_for_backward({weight.requires_grad() ? x : at::Tensor(), weight});
        context->saved_data["layer"] = c10::IValue::make_capsule(c10::make_intrusive<Held>(layer));
        const auto added = present(residual);
        auto y = layer->run(x, added, PT_IDENTITY, false);
        if (y.defined()) return y;
        const auto& form = layer->layer();
        y = at::conv2d(x, weight.to(x.scalar_type()), form.bias.defined() ? form.bias.to(x.scalar_type()) : form.bias, form.strides, form.padding);
        return added.defined() ? y.add_(added) : y;
    }

    static torch::autograd::variable_list backward(torch::autograd::AutogradContext* context, torch::autograd::variable_list gradients) {
        at::NoGradGuard no_grad;
        const auto saved = context->get_saved_variables();
        const auto layer = c10::static_intrusive_pointer_cast<Held>(context->saved_data["layer"].toCapsule())->layer;
        const auto dy = gradients[0].contiguous(at::MemoryFormat::ChannelsLast);
        const auto& weight = saved[1];
        const auto& form = layer->layer();
        at::Tensor dx, dweight, dbias;
        const auto by_aten = [&](const at::Tensor& x, std::array<bool, 3> wanted) {
            return at::convolution_backward(dy, x, weight.to(dy.scalar_type()), at::IntArrayRef{weight.size(0)}, form.strides, form.padding, {1, 1}, false, {0, 0}, 1, wanted);
        };
        if (context->needs_input_grad(0)) {
            dx = layer->transposed()->run(dy, {}, PT_IDENTITY, false);
            if (!dx.defined()) {
                const auto pixels = at::empty({dy.size(0), weight.size(1), dy.size(2), dy.size(3)}, dy.options());
                dx = std::get<0>(by_aten(pixels, {true, false, false}));
            }
        }
        if (context->needs_input_grad(1)) {
            if (layer->is_winograds(saved[0])) dweight = winograd_weight_gradient(saved[0], dy);
            else std::tie(std::ignore, dweight, std::ignore) = by_aten(saved[0], {false, true, false});
        }
        if (dweight.defined()) dweight = dweight.to(weight.scalar_type());
        if (context->needs_input_grad(2)) dbias = at::tensor(channel_sums(dy)).to(form.bias.scalar_type());
        return {dx, dweight, dbias, context->needs_input_grad(3) ? gradients[0] : at::Tensor(), at::Tensor()};
    }
};

}  // namespace

at::Tensor Convolution::recorded_forward(const at::Tensor& input, const at::Tensor& residual) {
    const auto& weight = layer_.weight;
    const auto same_size = layer_.strides[0] == 1 && layer_.strides[1] == 1 && 2 * layer_.padding[0] == weight.size(2) - 1 && 2 * layer_.padding[1] == weight.size(3) - 1;
    if (!supports(input) || (input.scalar_type() != at::kFloat && !is_winograds(input)) || input.numel() == 0 || layer_.groups != 1 || !same_size || given_.dim() != 4) return {};
    if (!recorded(input) && !recorded(given_) && !recorded(layer_.bias) && !recorded(residual)) return {};
    if (residual.defined()) {
        const auto fits = plain(residual) && residual.scalar_type() == input.scalar_type() && residual.dim() == 4 && residual.size(0) == input.size(0) && residual.size(1) == weight.size(0) &&
                          residual.size(2) == input.size(2) && residual.size(3) == input.size(3);
        if (!fits) return {};
    }
    return RecordedConvolution::apply(input.contiguous(at::MemoryFormat::ChannelsLast), given_, placeholder(layer_.bias), placeholder(residual), shared_from_this());
}

}  // namespace posterior
#endif
