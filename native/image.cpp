// Image files through libvips. Only the four loaders named here are ever called, on bytes whose first ones match the format;
// loaders that libvips itself does not trust are blocked on top.
#include "bridge.h"

#include <ATen/ATen.h>
#include <cstring>
#include <memory>
#include <stdexcept>

#ifdef POSTERIOR_VIPS
#include <cctype>
#include <cstdlib>
#include <mutex>
#include <vips/vips.h>
#endif

using posterior::borrow;
using posterior::guard;

namespace {

int32_t sniff(const unsigned char* data, int64_t bytes) {
    auto begins = [&](const char* magic, int64_t length, int64_t at = 0) { return bytes >= at + length && std::memcmp(data + at, magic, length) == 0; };
    if (begins("\x89PNG\r\n\x1a\n", 8)) return PT_IMAGE_PNG;
    if (begins("\xff\xd8\xff", 3)) return PT_IMAGE_JPEG;
    if (begins("II*\0", 4) || begins("MM\0*", 4) || begins("II+\0", 4) || begins("MM\0+", 4)) return PT_IMAGE_TIFF;
    if (begins("RIFF", 4) && begins("WEBP", 4, 8)) return PT_IMAGE_WEBP;
    return 0;
}

#ifdef POSTERIOR_VIPS

struct Unref {
    void operator()(VipsImage* image) const { g_object_unref(image); }
};
using Image = std::unique_ptr<VipsImage, Unref>;

// libvips' own words for its last error, on one line; where it has none, `unexplained`.
[[noreturn]] void fail(const std::string& unexplained = "libvips failed without a message") {
    char* text = vips_error_buffer_copy();
    std::string message(text);
    g_free(text);
    while (!message.empty() && std::isspace(static_cast<unsigned char>(message.back()))) message.pop_back();
    // The last line is the outermost cause; earlier ones repeat it.
    auto line = message.find_last_of('\n');
    if (line != std::string::npos) message.erase(0, line + 1);
    throw std::runtime_error(message.empty() ? unexplained : message);
}

// Of a file that a decoder refuses without a message: what libpng says of a damaged header is only a warning.
std::string damaged(int32_t format) {
    static const char* const names[] = {"PNG", "JPEG", "TIFF", "WebP"};
    return std::string("its ") + names[format - PT_IMAGE_PNG] + " data are damaged";
}

// By reference: the operation that sets `image` may run after the other argument was evaluated.
Image take(int status, VipsImage* const& image) {
    if (status != 0) fail();
    return Image(image);
}

void quiet(const gchar*, GLogLevelFlags, const gchar*, gpointer) {}

void start() {
    static std::once_flag once;
    static bool started = false;
    std::call_once(once, [] {
        // Modules (ImageMagick, PDF, SVG, ...) are neither needed nor trusted: with another root libvips finds none to load.
        const char* home = std::getenv("VIPSHOME");
        const std::string previous = home ? home : "";
        setenv("VIPSHOME", "/nonexistent", 1);
        started = vips_init("posterior") == 0;
        if (home) setenv("VIPSHOME", previous.c_str(), 1);
        else unsetenv("VIPSHOME");
        if (!started) return;
        vips_block_untrusted_set(TRUE);
        // No cache of operations (memory stays flat) and no pool per image: callers that want parallel loading have threads of their own.
        vips_cache_set_max(0);
        vips_concurrency_set(1);
        // Warnings about odd files are no business of a program's output; errors arrive as exceptions.
        g_log_set_handler("VIPS", static_cast<GLogLevelFlags>(G_LOG_LEVEL_MASK | G_LOG_FLAG_RECURSION), quiet, nullptr);
    });
    if (!started) fail();
}

Image open(const void* data, int64_t bytes, int32_t format) {
    VipsImage* image = nullptr;
    auto size = static_cast<size_t>(bytes);
    auto buffer = const_cast<void*>(data);
    int status = -1;
    switch (format) {
        case PT_IMAGE_PNG:
            status = vips_pngload_buffer(buffer, size, &image, "access", VIPS_ACCESS_SEQUENTIAL, "fail_on", VIPS_FAIL_ON_ERROR, nullptr);
            break;
        case PT_IMAGE_JPEG:
            status = vips_jpegload_buffer(buffer, size, &image, "access", VIPS_ACCESS_SEQUENTIAL, "fail_on", VIPS_FAIL_ON_ERROR, nullptr);
            break;
        case PT_IMAGE_TIFF:
            status = vips_tiffload_buffer(buffer, size, &image, "access", VIPS_ACCESS_SEQUENTIAL, "fail_on", VIPS_FAIL_ON_ERROR, nullptr);
            break;
        default:
            status = vips_webpload_buffer(buffer, size, &image, "access", VIPS_ACCESS_SEQUENTIAL, "fail_on", VIPS_FAIL_ON_ERROR, nullptr);
    }
    if (status != 0) fail(damaged(format));
    return Image(image);
}

void check_size(const pt_image_info& info, int64_t most_pixels) {
    const bool empty = info.width <= 0 || info.height <= 0;
    if (!empty && info.width <= most_pixels / info.height) return;
    throw std::runtime_error("it declares " + std::to_string(info.width) + " x " + std::to_string(info.height) + " pixels" +
                             (empty ? "" : ", more than the limit of " + std::to_string(most_pixels)));
}

// What a PNG declares in its first chunk (PNG specification, 11.2.1), looked at before libpng, which refuses absurd sizes without a message.
void check_png_header(const unsigned char* data, int64_t bytes, int64_t most_pixels, pt_image_info* info) {
    if (bytes < 24 || std::memcmp(data + 12, "IHDR", 4) != 0) return;
    auto number = [&](int at) { return (int64_t(data[at]) << 24) | (data[at + 1] << 16) | (data[at + 2] << 8) | data[at + 3]; };
    info->width = number(16);
    info->height = number(20);
    check_size(*info, most_pixels);
}

// Whether the profile describes itself as plain sRGB: then a conversion would only add rounding.
bool is_srgb(const unsigned char* profile, size_t size) {
    auto word = [&](size_t at) { return at + 4 <= size ? (uint32_t(profile[at]) << 24) | (profile[at + 1] << 16) | (profile[at + 2] << 8) | profile[at + 3] : 0u; };
    // ICC.1:2022, 7.3: a tag table of (signature, offset, size) after the header of 128 bytes.
    const uint32_t tags = word(128);
    for (uint32_t i = 0; i < tags && i < 100; ++i) {
        if (word(132 + 12 * i) != 0x64657363) continue;  // 'desc'
        const size_t offset = word(136 + 12 * i), length = word(140 + 12 * i);
        if (offset > size || length > size - offset) return false;
        std::string text;
        for (size_t k = offset + 8; k < offset + length; ++k)  // ASCII and UTF-16 alike
            if (profile[k] >= 32 && profile[k] < 127) text += static_cast<char>(std::tolower(profile[k]));
        return text.find("srgb") != std::string::npos && text.find("linear") == std::string::npos && text.find("e-srgb") == std::string::npos;
    }
    return false;
}

bool is_float(const Image& image) {
    return image->BandFmt == VIPS_FORMAT_FLOAT || image->BandFmt == VIPS_FORMAT_DOUBLE;
}

// The number of colour channels, alpha not counted.
int colours(const Image& image) { return image->Bands - (vips_image_hasalpha(image.get()) ? 1 : 0); }

Image to_srgb(Image image) {
    VipsImage* out = nullptr;
    const bool measured = is_float(image) && image->Type != VIPS_INTERPRETATION_LAB;
    // Floating-point samples are measurements in the file's own units: nothing is known that would justify a curve.
    if (measured) return image;
    const bool deep = image->BandFmt == VIPS_FORMAT_USHORT;
    const bool cmyk = image->Type == VIPS_INTERPRETATION_CMYK;
    const bool grey = colours(image) == 1;
    const void* profile = nullptr;
    size_t size = 0;
    const bool embedded = vips_image_get_typeof(image.get(), VIPS_META_ICC_NAME) && vips_image_get_blob(image.get(), VIPS_META_ICC_NAME, &profile, &size) == 0;
    if (cmyk || (embedded && !is_srgb(static_cast<const unsigned char*>(profile), size))) {
        // A profile that does not fit the image falls back to sRGB, or to libvips' generic CMYK.
        const int status = vips_icc_transform(image.get(), &out, "srgb", "embedded", TRUE, "input_profile", cmyk ? "cmyk" : "srgb", "intent",
                                              VIPS_INTENT_RELATIVE, "black_point_compensation", TRUE, "depth", deep ? 16 : 8, nullptr);
        if (status == 0) {
            image.reset(out);
            if (grey && image->Bands >= 3) {
                // A neutral colour has three equal channels.
                Image all = std::move(image);
                const bool alpha = all->Bands == 4;
                image = take(vips_extract_band(all.get(), &out, 1, "n", 1, nullptr), out);
                if (alpha) {
                    VipsImage* last = nullptr;
                    Image transparency = take(vips_extract_band(all.get(), &last, 3, "n", 1, nullptr), last);
                    image = take(vips_bandjoin2(image.get(), transparency.get(), &out, nullptr), out);
                }
                image = take(vips_copy(image.get(), &out, "interpretation", deep ? VIPS_INTERPRETATION_GREY16 : VIPS_INTERPRETATION_B_W, nullptr), out);
            }
        } else {
            vips_error_clear();
        }
    }
    switch (image->Type) {
        case VIPS_INTERPRETATION_CMYK:
        case VIPS_INTERPRETATION_LAB:
        case VIPS_INTERPRETATION_LABS:
        case VIPS_INTERPRETATION_LABQ:
        case VIPS_INTERPRETATION_XYZ:
            return take(vips_colourspace(image.get(), &out, deep ? VIPS_INTERPRETATION_RGB16 : VIPS_INTERPRETATION_sRGB, nullptr), out);
        default:
            return image;
    }
}

// Where an image is transparent its colour is undefined, commonly black; white is the page that viewers show.
Image flatten(Image image) {
    if (!vips_image_hasalpha(image.get())) return image;
    const double white = is_float(image) ? 1.0 : image->BandFmt == VIPS_FORMAT_USHORT ? 65535.0 : 255.0;
    VipsArrayDouble* background = vips_array_double_newv(1, white);
    VipsImage* out = nullptr;
    const int status = vips_flatten(image.get(), &out, "background", background, "max_alpha", white, nullptr);
    vips_area_unref(VIPS_AREA(background));
    return take(status, out);
}

at::Tensor pixels_of(const Image& image, at::ScalarType type) {
    auto tensor = at::empty({image->Ysize, image->Xsize, image->Bands}, at::TensorOptions().dtype(type));
    size_t size = 0;
    void* memory = vips_image_write_to_memory(image.get(), &size);
    if (memory == nullptr) fail();
    if (size != static_cast<size_t>(tensor.nbytes())) {
        g_free(memory);
        throw std::runtime_error("the decoded image has an unexpected size");
    }
    std::memcpy(tensor.data_ptr(), memory, size);
    g_free(memory);
    return tensor;
}

std::string unsupported_channels(int64_t found) { return "it has " + std::to_string(found) + " channels; 1 (grey) or 3 (colour) are supported, with or without transparency"; }

at::Tensor load(const void* data, int64_t bytes, int64_t most_pixels, pt_image_info* info) {
    start();
    VipsImage* out = nullptr;
    if (info->format == PT_IMAGE_PNG) check_png_header(static_cast<const unsigned char*>(data), bytes, most_pixels, info);
    Image image = open(data, bytes, info->format);
    info->width = image->Xsize;
    info->height = image->Ysize;
    info->channels = image->Bands;
    check_size(*info, most_pixels);
    // Before anything is decoded: with many bands few pixels are many bytes. Five are cyan, magenta, yellow, black and transparency.
    if (image->Bands > 5) throw std::runtime_error(unsupported_channels(info->channels));
    info->bits = is_float(image) || image->Type == VIPS_INTERPRETATION_LAB ? 32 : image->BandFmt == VIPS_FORMAT_USHORT ? 16 : 8;
    info->alpha = vips_image_hasalpha(image.get()) ? 1 : 0;
    info->profile = vips_image_get_typeof(image.get(), VIPS_META_ICC_NAME) ? 1 : 0;
    info->orientation = vips_image_get_orientation(image.get());
    info->pages = vips_image_get_n_pages(image.get());
    const bool known = image->BandFmt == VIPS_FORMAT_UCHAR || image->BandFmt == VIPS_FORMAT_USHORT || is_float(image) ||
                       image->Type == VIPS_INTERPRETATION_LABS;
    if (!known) throw std::runtime_error(std::string("samples of type ") + vips_enum_nick(VIPS_TYPE_BAND_FORMAT, image->BandFmt) + " are not supported (8 or 16 bit unsigned, or floating point)");

    // All decoding happens here, in one pass, so that a damaged file fails here.
    image.reset(vips_image_copy_memory(Image(std::move(image)).get()));
    if (!image) fail(damaged(info->format));
    image = take(vips_autorot(image.get(), &out, nullptr), out);
    image = flatten(to_srgb(std::move(image)));
    if (image->Bands != 1 && image->Bands != 3)
        throw std::runtime_error(unsupported_channels(info->channels));

    switch (image->BandFmt) {
        case VIPS_FORMAT_UCHAR:
            return pixels_of(image, at::kByte);
        case VIPS_FORMAT_USHORT:
            image = take(vips_cast_int(image.get(), &out, nullptr), out);
            return pixels_of(image, at::kInt);
        default:
            image = take(vips_cast_float(image.get(), &out, nullptr), out);
            return pixels_of(image, at::kFloat);
    }
}

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

#else

[[noreturn]] void unavailable() { throw std::runtime_error("the bridge was built without libvips, so image files are not available"); }
at::Tensor load(const void*, int64_t, int64_t, pt_image_info*) { unavailable(); }
void save(const at::Tensor&, int32_t, int32_t, void**, size_t*) { unavailable(); }
at::Tensor draw(const char*, int32_t) { unavailable(); }

#endif

}  // namespace

extern "C" {

int pt_image_load(const void* data, int64_t bytes, int64_t most_pixels, pt_image_info* info, pt_tensor* pixels) {
    return guard([&] {
        *info = {};
        *pixels = nullptr;
        info->format = sniff(static_cast<const unsigned char*>(data), bytes);
        if (info->format == 0) throw std::runtime_error("its content is not PNG, JPEG, TIFF or WebP");
        *pixels = posterior::release(load(data, bytes, most_pixels, info));
    });
}

int pt_image_save(pt_tensor pixels, int32_t format, int32_t quality, void** data, int64_t* bytes) {
    return guard([&] {
        size_t size = 0;
        *data = nullptr;
        save(borrow(pixels), format, quality, data, &size);
        *bytes = static_cast<int64_t>(size);
    });
}

int pt_image_free(void* data) {
    return guard([&] {
#ifdef POSTERIOR_VIPS
        g_free(data);
#endif
    });
}

int pt_image_text(const char* text, int32_t size, pt_tensor* coverage) {
    return guard([&] { *coverage = posterior::release(draw(text, size)); });
}

const char* pt_image_library(void) {
#ifdef POSTERIOR_VIPS
    return vips_version_string();
#else
    return "none";
#endif
}

}  // extern "C"
