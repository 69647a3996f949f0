// Decoding: any format, colour space and depth to pixels in sRGB, without transparency, the right way up.
#ifdef POSTERIOR_VIPS
#include "image.h"

#include <cctype>
#include <cstring>
#include <stdexcept>

namespace posterior::images {

namespace {

// Of a file that a decoder refuses without a message: what libpng says of a damaged header is only a warning.
std::string damaged(int32_t format) {
    static const char* const names[] = {"PNG", "JPEG", "TIFF", "WebP"};
    return std::string("its ") + names[format - PT_IMAGE_PNG] + " data are damaged";
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

double white_of(const Image& image) { return is_float(image) ? 1.0 : image->BandFmt == VIPS_FORMAT_USHORT ? 65535.0 : 255.0; }

// Where an image is transparent its colour is undefined, commonly black; white is the page that viewers show. In floating point, since blends lie between
// the whole numbers, to which libvips would cut them off.
Image flatten(Image image, double white) {
    VipsImage* out = nullptr;
    image = take(vips_cast_float(image.get(), &out, nullptr), out);
    VipsArrayDouble* background = vips_array_double_newv(1, white);
    const int status = vips_flatten(image.get(), &out, "background", background, "max_alpha", white, nullptr);
    vips_area_unref(VIPS_AREA(background));
    return take(status, out);
}

std::string unsupported_channels(int64_t found) { return "it has " + std::to_string(found) + " channels; 1 (grey) or 3 (colour) are supported, with or without transparency"; }

}  // namespace

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
    image = to_srgb(std::move(image));
    double range = 1;
    if (vips_image_hasalpha(image.get())) {
        range = white_of(image);
        image = flatten(std::move(image), range);
    }
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
            // Divided, not multiplied by the inverse: opaque samples are then what they are without transparency.
            auto pixels = pixels_of(image, at::kFloat);
            return range == 1 ? pixels : pixels.div_(range);
    }
}

}  // namespace posterior::images
#endif
