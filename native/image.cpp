// Image files through libvips. Only the four loaders named in image_load.cpp are ever called, on bytes whose first ones match the format;
// loaders that libvips itself does not trust are blocked on top.
#include "image.h"

#include <cstring>
#include <stdexcept>

#ifdef POSTERIOR_VIPS
#include <cctype>
#include <cstdlib>
#include <mutex>
#endif

using posterior::borrow;
using posterior::guard;

namespace posterior::images {

#ifdef POSTERIOR_VIPS

namespace {

void quiet(const gchar*, GLogLevelFlags, const gchar*, gpointer) {}

}  // namespace

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

void fail(const std::string& unexplained) {
    char* text = vips_error_buffer_copy();
    std::string message(text);
    g_free(text);
    while (!message.empty() && std::isspace(static_cast<unsigned char>(message.back()))) message.pop_back();
    // The last line is the outermost cause; earlier ones repeat it.
    auto line = message.find_last_of('\n');
    if (line != std::string::npos) message.erase(0, line + 1);
    throw std::runtime_error(message.empty() ? unexplained : message);
}

Image take(int status, VipsImage* const& image) {
    if (status != 0) fail();
    return Image(image);
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

#else

namespace {

[[noreturn]] void unavailable() { throw std::runtime_error("the bridge was built without libvips, so image files are not available"); }

}  // namespace

at::Tensor load(const void*, int64_t, int64_t, pt_image_info*) { unavailable(); }
void save(const at::Tensor&, int32_t, int32_t, void**, size_t*) { unavailable(); }
at::Tensor draw(const char*, int32_t) { unavailable(); }

#endif

}  // namespace posterior::images

namespace {

int32_t sniff(const unsigned char* data, int64_t bytes) {
    auto begins = [&](const char* magic, int64_t length, int64_t at = 0) { return bytes >= at + length && std::memcmp(data + at, magic, length) == 0; };
    if (begins("\x89PNG\r\n\x1a\n", 8)) return PT_IMAGE_PNG;
    if (begins("\xff\xd8\xff", 3)) return PT_IMAGE_JPEG;
    if (begins("II*\0", 4) || begins("MM\0*", 4) || begins("II+\0", 4) || begins("MM\0+", 4)) return PT_IMAGE_TIFF;
    if (begins("RIFF", 4) && begins("WEBP", 4, 8)) return PT_IMAGE_WEBP;
    return 0;
}

}  // namespace

extern "C" {

int pt_image_load(const void* data, int64_t bytes, int64_t most_pixels, pt_image_info* info, pt_tensor* pixels) {
    return guard([&] {
        *info = {};
        *pixels = nullptr;
        info->format = sniff(static_cast<const unsigned char*>(data), bytes);
        if (info->format == 0) throw std::runtime_error("its content is not PNG, JPEG, TIFF or WebP");
        *pixels = posterior::release(posterior::images::load(data, bytes, most_pixels, info));
    });
}

int pt_image_save(pt_tensor pixels, int32_t format, int32_t quality, void** data, int64_t* bytes) {
    return guard([&] {
        size_t size = 0;
        *data = nullptr;
        posterior::images::save(borrow(pixels), format, quality, data, &size);
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
    return guard([&] { *coverage = posterior::release(posterior::images::draw(text, size)); });
}

const char* pt_image_library(void) {
#ifdef POSTERIOR_VIPS
    return vips_version_string();
#else
    return "none";
#endif
}

}  // extern "C"
