// One pass over images in channels-last memory that scales and shifts the channels of each image and applies an activation, and its derivatives.
#pragma once
#include <ATen/ATen.h>
#include <ATen/Parallel.h>

#include <algorithm>
#include <cstdint>
#include <utility>
#include <vector>

namespace posterior {

constexpr int64_t row_block = 128;         // rows whose sums are accumulated in single precision
constexpr int64_t serial_below = 1 << 15;  // elements: less work than it costs to wake the other threads

template <class F>
void for_each(int64_t count, int64_t elements, const F& body) {
    if (elements < serial_below) body(0, count);
    else at::parallel_for(0, count, 1, body);
}

// Images in channels-last memory as rows of channels, in blocks of rows.
struct Image {
    int64_t batch, positions, channels, blocks, elements;
    bool half;

    explicit Image(const at::Tensor& x)
        : batch(x.size(0)), positions(x.numel() / (x.size(0) * x.size(1))), channels(x.size(1)), blocks((positions + row_block - 1) / row_block),
          elements(x.numel()), half(x.scalar_type() == at::kBFloat16) {}

    const char* at(const void* base, int64_t image, int64_t row) const {
        return static_cast<const char*>(base) + (image * positions + row) * channels * (half ? 2 : 4);
    }
    int64_t rows(int64_t block) const { return std::min(row_block, positions - block * row_block); }
};

// Channels `first` to `first + x.channels` of y = activation(x gain + offset), with a gain and an offset for each image and channel of y.
void affine(const Image& shape, const void* x, const Image& whole, void* y, int64_t first, const float* gain, const float* offset, int32_t activation);

// With g = dy activation'(x gain + offset): sums over positions of g and of g (x - pivot), for each image and channel.
std::pair<std::vector<double>, std::vector<double>> affine_sums(const Image& shape, const void* x, const void* dy, const float* gain, const float* offset, const float* pivots, int32_t activation);

// The sum over all images and positions, for each channel.
std::vector<double> channel_sums(const at::Tensor& images);

// dx = g gain + x slope + shift.
void affine_gradient(const Image& shape, const void* x, const void* dy, void* dx, const float* gain, const float* offset, const float* slope, const float* shift, int32_t activation);

// x = activation(x (1 + scale) + shift) in place, with a number for each image and channel or an undefined tensor.
void modulate(at::Tensor& x, const at::Tensor& scale, const at::Tensor& shift, int32_t activation);

std::vector<float> floats_of(const at::Tensor& tensor);

// Whether a scale or shift has a number for each image and channel of x, or is undefined.
bool per_channel(const at::Tensor& tensor, const at::Tensor& x);

}  // namespace posterior
