// A convolution or linear layer on the CPU: its weights, and what was packed of them.
#pragma once
#ifdef POSTERIOR_ONEDNN
#include "convolution_primitive.h"
#include "winograd.h"

#include <ATen/ATen.h>

#include <cstdint>
#include <memory>
#include <mutex>
#include <unordered_map>

namespace posterior {

// Undefined results are for ATen to compute.
class Convolution : public std::enable_shared_from_this<Convolution> {
   public:
    // The weights [outputs, inputs / groups, rows, columns], or [outputs, inputs] of a linear layer, are seen as they are at each call.
    Convolution(at::Tensor weight, at::Tensor bias, int64_t stride_v, int64_t stride_h, int64_t padding_v, int64_t padding_h, int64_t groups);

    // activation(convolution + residual) where nothing is recorded. With `overwrites` the result may take the memory of the residual.
    at::Tensor operator()(const at::Tensor& input, const at::Tensor& residual, int32_t activation, bool overwrites);

    // The same without residual and activation for a kernel of one pixel and two images side by side, each with its part of the weights: nothing is concatenated.
    at::Tensor operator()(const at::Tensor& input, const at::Tensor& beside);

    // A linear layer of a few rows in single precision, as those of noise levels: to read the weights is all the work, and oneDNN's preparations take longer.
    at::Tensor of_few(const at::Tensor& input) const;

    // The convolution with a residual that may be undefined, recorded for differentiation; where the result has the size of the image, in bfloat16 in Winograd's form only (recorded_convolution.cpp).
    at::Tensor recorded_forward(const at::Tensor& input, const at::Tensor& residual);

    // The layer whose result are the derivatives by the images, from those by this one's result.
    std::shared_ptr<Convolution> transposed();

    // The same as the first where it is known to apply.
    at::Tensor run(const at::Tensor& input, const at::Tensor& residual, int32_t activation, bool overwrites);

    // Whether Winograd's form is faster for such images.
    bool is_winograds(const at::Tensor& x) const;

    const ConvolutionLayer& layer() const { return layer_; }

   private:
    bool supports(const at::Tensor& x) const;
    bool applicable(const at::Tensor& x, const at::Tensor& residual) const;
    at::Tensor run_in_blocks(const ConvolutionPrimitive& primitive, const at::Tensor& x, const at::Tensor& residual, bool overwrites, at::IntArrayRef shape) const;
    std::unordered_map<int, dnnl::memory> arguments_of(const ConvolutionPrimitive& primitive, const dnnl::memory& source, const dnnl::memory& destination, const at::Tensor& bias) const;
    std::shared_ptr<const WinogradFilter> winograd(const at::Tensor& x);
    std::shared_ptr<const ConvolutionPrimitive> find(const ConvolutionCall& call, int64_t height, int64_t width);
    int64_t version() const;
    void forget_what_has_changed();

    at::Tensor given_;  // the matrix of a linear layer, which is a kernel of one pixel, or the weights themselves
    ConvolutionLayer layer_;
    int64_t version_;
    std::mutex mutex_;
    ConvolutionPrimitives primitives_;
    std::shared_ptr<const WinogradFilter> winograd_[2];  // for images of float32 and of bfloat16
    std::shared_ptr<Convolution> parts_[2], transposed_;
};

}  // namespace posterior
#endif
