// Convolutions of 3 x 3 pixels by Winograd's F(2x2, 3x3), in float32 or bfloat16 over channels-last images: 16 products for four pixels of the result where the definition has 36. In float32
// its rounding errors are no larger than the direct form's; in bfloat16 the numbers of a tile and of a kernel are rounded beside pixels and results, and products are summed in float32.
#pragma once
#include <ATen/core/Tensor.h>

#include <cstdint>

namespace posterior {

// Whether such a filter is faster than the direct form for images of this size, all of a batch together.
bool suits_winograd(at::ScalarType type, int64_t inputs, int64_t outputs, int64_t images, int64_t height, int64_t width);

// A batch of images in tiles of 2 x 2 results, each of 4 x 4 pixels, row by row.
struct WinogradTiles {
    explicit WinogradTiles(const at::Tensor& images);

    // The pixels of a tile in channels-last memory, `bytes` each; those beyond the image are `outside`.
    void pixels(int64_t tile, const void* memory, int64_t bytes, const void* outside, const void** pixels) const;

    // Where its results are, in pixels from the first of the first image; -1 beyond the image.
    void results(int64_t tile, int64_t* pixels) const;

    static constexpr int numbers = 16;  // that a tile has for each channel
    static constexpr int64_t gap = 32;  // in numbers: planes of a multiple of 4096 bytes would share their lines of the first level of the cache
    int64_t height, width, across, each, count;
};

// The transformed weights of a layer with a step of one pixel and a border of one.
class WinogradFilter {
   public:
    // [outputs, inputs, 3, 3], of any type, for images of the given one.
    WinogradFilter(const at::Tensor& weight, at::ScalarType type);

    // Whether the filter was made for the vector code in use.
    bool fits() const;

    // y = activation(convolution of x + bias + added), for channels-last images of the filter's type; the bias, in float32, and what is added may be undefined, y may be what is added.
    void operator()(const at::Tensor& x, const at::Tensor& bias, const at::Tensor& added, int32_t activation, at::Tensor& y) const;

   private:
    void pack(const float* kernels);
    void pack_pairs(const float* kernels);

    int64_t inputs_, outputs_, columns_;  // outputs are multiplied `columns_` at a time
    at::Tensor packed_;                   // for each such block and each of the 16 numbers of a tile [inputs, columns], of bfloat16 [inputs / 2, columns, 2]
};

// The derivatives by the weights [outputs, inputs, 3, 3] of such a layer, from its images and the derivatives by its result, both channels-last.
at::Tensor winograd_weight_gradient(const at::Tensor& x, const at::Tensor& dy);

}  // namespace posterior
