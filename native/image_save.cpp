// Encoding, and drawing of text.
#ifdef POSTERIOR_VIPS
#include "image.h"

#include <stdexcept>

namespace posterior::images {

void save(const at::Tensor& pixels, int32_t format, int32_t quality, void** data, size_t* size) {
    start();
    if (pixels.dim() != 3 || (pixels.size(2) != 1 && pixels.size(2) != 3) || !pixels.device().is_cpu()) throw std::invalid_argument("pixels are [H, W, 1 or 3] on the CPU");
    const auto type = pixels.scalar_type();
    const bool deep = type == at::kInt, real = type == at::kFloat, colour = pixels.size(2) == 3;
    if (type != at::kByte && !deep && !real) throw std::invalid_argument("pixels are uint8, int32 or float32");
    const auto source = pixels.contiguous();
    VipsImage* out = nullptr;
    Image image(vips_image_new_from_memory(source.data_ptr(), source.nbytes(), static_cast<int>(source.size(1)), static_cast<int>(source.size(0)),
                                           static_cast<int>(source.size(2)), deep ? VIPS_FORMAT_INT : real ? VIPS_FORMAT_FLOAT : VIPS_FORMAT_UCHAR));
    if (!image) fail();
    if (deep) image = take(vips_cast_ushort(image.get(), &out, nullptr), out);
    const auto meaning = deep ? (colour ? VIPS_INTERPRETATION_RGB16 : VIPS_INTERPRETATION_GREY16) : (colour ? VIPS_INTERPRETATION_sRGB : VIPS_INTERPRETATION_B_W);
    image = take(vips_copy(image.get(), &out, "interpretation", meaning, nullptr), out);
    int status = -1;
    switch (format) {
        case PT_IMAGE_PNG:
            status = vips_pngsave_buffer(image.get(), data, size, "compression", 6, nullptr);
            break;
        case PT_IMAGE_JPEG:
            status = vips_jpegsave_buffer(image.get(), data, size, "Q", quality, "optimize_coding", TRUE, nullptr);
            break;
        case PT_IMAGE_TIFF:
            status = vips_tiffsave_buffer(image.get(), data, size, "compression", VIPS_FOREIGN_TIFF_COMPRESSION_DEFLATE, "predictor",
                                          real ? VIPS_FOREIGN_TIFF_PREDICTOR_NONE : VIPS_FOREIGN_TIFF_PREDICTOR_HORIZONTAL, nullptr);
            break;
        case PT_IMAGE_WEBP:
            status = quality == 0 ? vips_webpsave_buffer(image.get(), data, size, "lossless", TRUE, nullptr)
                                  : vips_webpsave_buffer(image.get(), data, size, "Q", quality, nullptr);
            break;
        default:
            throw std::invalid_argument("an unknown image format");
    }
    if (status != 0) fail();
}

at::Tensor draw(const char* text, int32_t size) {
    start();
    // The text is data, not Pango markup.
    char* escaped = g_markup_escape_text(text, -1);
    VipsImage* out = nullptr;
    const std::string font = "sans " + std::to_string(size);
    const int status = vips_text(&out, escaped, "font", font.c_str(), "dpi", 72, nullptr);
    g_free(escaped);
    return pixels_of(take(status, out), at::kByte);
}

}  // namespace posterior::images
#endif
