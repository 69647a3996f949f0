// Convolutions of 3 x 3 pixels by Winograd's F(2x2, 3x3), in float32 over channels-last images: 16 products for four pixels of the result where the definition has 36. Its rounding errors
// are no larger than the direct form's.
#pragma once
#include <ATen/core/Tensor.h>

#include <cstdint>

namespace posterior {

// Whether such a filter is faster than the direct form for images of this size, all of a batch together.
bool suits_winograd(int64_t inputs, int64_t outputs, int64_t images, int64_t height, int64_t width);

// The transformed weights of a layer with a step of one pixel and a border of one.
class WinogradFilter {
   public:
    // [outputs, inputs, 3, 3], of any type.
    explicit WinogradFilter(const at::Tensor& weight);

    // Whether the filter was made for the vector code in use.
    bool fits() const;

    // y = activation(convolution of x + bias + added), for channels-last images; the bias and what is added may be undefined, y may be what is added.
    void operator()(const at::Tensor& x, const at::Tensor& bias, const at::Tensor& added, int32_t activation, at::Tensor& y) const;

   private:
    int64_t inputs_, outputs_, columns_;  // outputs are multiplied `columns_` at a time
    at::Tensor packed_;                   // for each such block and each of the 16 numbers of a tile [inputs, columns]
};

}  // namespace posterior
