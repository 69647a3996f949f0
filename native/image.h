// What the parts of the library of image files share.
#pragma once
#include "bridge.h"

#include <ATen/ATen.h>
#include <memory>
#include <string>

#ifdef POSTERIOR_VIPS
#include <vips/vips.h>
#endif

namespace posterior::images {

// Decodes bytes whose format `info` names, and fills the rest of it.
at::Tensor load(const void* data, int64_t bytes, int64_t most_pixels, pt_image_info* info);

// Encodes [H, W, 1 or 3]; the bytes are freed by g_free.
void save(const at::Tensor& pixels, int32_t format, int32_t quality, void** data, size_t* size);

// The coverage of a text's pixels.
at::Tensor draw(const char* text, int32_t size);

#ifdef POSTERIOR_VIPS

struct Unref {
    void operator()(VipsImage* image) const { g_object_unref(image); }
};
using Image = std::unique_ptr<VipsImage, Unref>;

// Starts libvips, once.
void start();

// libvips' own words for its last error, on one line; where it has none, `unexplained`.
[[noreturn]] void fail(const std::string& unexplained = "libvips failed without a message");

// By reference: the operation that sets `image` may run after the other argument was evaluated.
Image take(int status, VipsImage* const& image);

at::Tensor pixels_of(const Image& image, at::ScalarType type);

#endif

}  // namespace posterior::images
