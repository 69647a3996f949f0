#include "winograd.h"

#include "bridge.h"
#include "processor.h"
#include "vector_kernels.h"

#include <ATen/ATen.h>
#include <ATen/Parallel.h>

#include <algorithm>
#include <atomic>
#include <cstdlib>
#include <cstring>
#include <vector>

namespace posterior {

namespace {

constexpr int64_t numbers_of_a_tile = WinogradTiles::numbers, gap = WinogradTiles::gap, least_width = 32, least_tiles = 256;  // of channels, and of all images

// What the numbers of some tiles may take, before and after the products: half of the second level of the cache of the processors this was measured on.
constexpr int64_t scratch_bytes = 400 << 10;

std::atomic<bool>& enabled() {
    static std::atomic<bool> value{[] {
        const auto* path = std::getenv("POSTERIOR_PATH");
        return path == nullptr || std::strcmp(path, "direct") != 0;
    }()};
    return value;
}

bool multiplies_halves(const VectorKernels& kernels) { return kernels.winograd_half_products != nullptr && multiplies_bfloat16_in_vectors(); }

int64_t tiles_along(int64_t pixels) { return (pixels + 1) / 2; }

}  // namespace

bool suits_winograd(at::ScalarType type, int64_t inputs, int64_t outputs, int64_t images, int64_t height, int64_t width) {
    const auto& kernels = vector_kernels();
    const auto unit = kernels.winograd_unit;
    return (type == at::kFloat || (type == at::kBFloat16 && multiplies_halves(kernels))) && enabled().load(std::memory_order_relaxed) && unit > 0 && inputs % unit == 0 && outputs % unit == 0 && inputs >= least_width && outputs >= least_width &&
           images * tiles_along(height) * tiles_along(width) >= least_tiles;
}

WinogradTiles::WinogradTiles(const at::Tensor& images)
    : height(images.size(2)), width(images.size(3)), across(tiles_along(width)), each(tiles_along(height) * across), count(images.size(0) * each) {}

void WinogradTiles::pixels(int64_t tile, const void* memory, int64_t bytes, const void* outside, const void** pixels) const {
    const auto image = tile / each, top = tile % each / across * 2 - 1, left = tile % across * 2 - 1;
    for (int i = 0; i < 4; ++i)
        for (int j = 0; j < 4; ++j) {
            const auto row = top + i, column = left + j;
            const auto inside = row >= 0 && row < height && column >= 0 && column < width;
            pixels[4 * i + j] = inside ? static_cast<const char*>(memory) + ((image * height + row) * width + column) * bytes : outside;
        }
}

void WinogradTiles::results(int64_t tile, int64_t* pixels) const {
    const auto image = tile / each, top = tile % each / across * 2, left = tile % across * 2;
    for (int i = 0; i < 2; ++i)
        for (int j = 0; j < 2; ++j) {
            const auto row = top + i, column = left + j;
            pixels[2 * i + j] = row < height && column < width ? (image * height + row) * width + column : -1;
        }
}

WinogradFilter::WinogradFilter(const at::Tensor& weight, at::ScalarType type) : inputs_(weight.size(1)), outputs_(weight.size(0)), columns_(vector_kernels().winograd_columns) {
    const auto kernels = weight.detach().to(at::kFloat).contiguous();
    packed_ = at::empty({numbers_of_a_tile * outputs_ * inputs_}, type);
    if (type == at::kFloat) pack(kernels.data_ptr<float>());
    else pack_pairs(kernels.data_ptr<float>());
}

void WinogradFilter::pack(const float* kernels) {
    auto* to = packed_.data_ptr<float>();
    const auto& vectors = vector_kernels();
    at::parallel_for(0, inputs_, least_width, [&](int64_t begin, int64_t end) {
        for (int64_t first = 0; first < outputs_; first += columns_) {
            const auto columns = std::min(columns_, outputs_ - first);
            auto* block = to + numbers_of_a_tile * inputs_ * first;
            for (auto i = begin; i < end; ++i) vectors.winograd_filter(kernels + (first * inputs_ + i) * 9, inputs_ * 9, block + i * columns, columns, inputs_ * columns);
        }
    });
}

void WinogradFilter::pack_pairs(const float* kernels) {
    auto* to = static_cast<uint16_t*>(packed_.data_ptr());
    const auto& vectors = vector_kernels();
    at::parallel_for(0, inputs_ / 2, least_width / 2, [&](int64_t begin, int64_t end) {
        std::vector<float> numbers(2 * numbers_of_a_tile * columns_);
        auto *even = numbers.data(), *odd = even + numbers_of_a_tile * columns_;
        for (int64_t first = 0; first < outputs_; first += columns_) {
            const auto columns = std::min(columns_, outputs_ - first);
            auto* block = to + numbers_of_a_tile * inputs_ * first;
            for (auto i = begin; i < end; ++i) {
                vectors.winograd_filter(kernels + (first * inputs_ + 2 * i) * 9, inputs_ * 9, even, columns, columns);
                vectors.winograd_filter(kernels + (first * inputs_ + 2 * i + 1) * 9, inputs_ * 9, odd, columns, columns);
                for (int64_t n = 0; n < numbers_of_a_tile; ++n) vectors.winograd_pair(even + n * columns, odd + n * columns, block + (n * inputs_ + 2 * i) * columns, columns);
            }
        }
    });
}

bool WinogradFilter::fits() const { return columns_ == vector_kernels().winograd_columns; }

void WinogradFilter::operator()(const at::Tensor& x, const at::Tensor& bias, const at::Tensor& added, int32_t activation, at::Tensor& y) const {
    const auto& kernels = vector_kernels();
    const auto half = packed_.scalar_type() == at::kBFloat16;
    const auto size = static_cast<int64_t>(packed_.element_size());
    const WinogradTiles grid(x);
    const auto tiles = grid.count;
    const auto threads = static_cast<int64_t>(at::get_num_threads());
    const auto most = std::clamp<int64_t>(scratch_bytes / (numbers_of_a_tile * (size * inputs_ + static_cast<int64_t>(sizeof(float)) * columns_)) / 6 * 6, 12, 48);
    // As many parts for each thread, of even numbers of tiles.
    const auto parts = threads * ((tiles + threads * most - 1) / (threads * most)), rows = ((tiles + parts - 1) / parts + 1) / 2 * 2;
    const auto plane = rows * inputs_ + gap, result_plane = rows * columns_ + gap;
    const auto border = at::zeros({inputs_}, x.options());
    const auto *source = static_cast<const char*>(x.data_ptr()), *filter = static_cast<const char*>(packed_.data_ptr());
    const auto* offsets = bias.defined() ? bias.data_ptr<float>() : nullptr;
    const auto* addend = added.defined() ? static_cast<const char*>(added.data_ptr()) : nullptr;
    auto* target = static_cast<char*>(y.data_ptr());

    at::parallel_for(0, (tiles + rows - 1) / rows, 1, [&](int64_t begin, int64_t end) {
        // Aligned to cache lines, and kept for the next call.
        auto entered = at::empty({numbers_of_a_tile * plane * size}, at::kByte), products = at::empty({numbers_of_a_tile * result_plane}, at::kFloat);
        auto* v = static_cast<char*>(entered.data_ptr());
        auto* m = products.data_ptr<float>();
        for (auto part = begin; part < end; ++part) {
            const auto first = part * rows, count = std::min(rows, tiles - first);
            for (int64_t t = 0; t < count; ++t) {
                const void* pixels[numbers_of_a_tile];
                grid.pixels(first + t, source, inputs_ * size, border.data_ptr(), pixels);
                kernels.winograd_enter[half](pixels, v + t * inputs_ * size, inputs_, plane);
            }
            for (int64_t block = 0; block < outputs_; block += columns_) {
                const auto columns = std::min(columns_, outputs_ - block);
                for (int64_t i = 0; i < numbers_of_a_tile; ++i) {
                    const auto *a = v + i * plane * size, *b = filter + (numbers_of_a_tile * inputs_ * block + i * inputs_ * columns) * size;
                    auto* c = m + i * result_plane;
                    if (half) kernels.winograd_half_products(reinterpret_cast<const uint16_t*>(a), reinterpret_cast<const uint16_t*>(b), c, count, inputs_, columns);
                    else kernels.winograd_products(reinterpret_cast<const float*>(a), reinterpret_cast<const float*>(b), c, count, inputs_, columns);
                }
                for (int64_t t = 0; t < count; ++t) {
                    int64_t places[4];
                    grid.results(first + t, places);
                    void* results[4];
                    const void* others[4] = {};
                    for (int k = 0; k < 4; ++k) {
                        const auto at = (places[k] * outputs_ + block) * size;
                        results[k] = places[k] >= 0 ? target + at : nullptr;
                        if (places[k] >= 0 && addend != nullptr) others[k] = addend + at;
                    }
                    kernels.winograd_leave[half](m + t * columns, result_plane, offsets != nullptr ? offsets + block : nullptr, addend != nullptr ? others : nullptr, results, columns, activation);
                }
            }
        }
    });
}

}  // namespace posterior

extern "C" {

void pt_winograd_enable(int32_t value) { posterior::enabled().store(value != 0); }

int32_t pt_winograd_enabled(void) { return posterior::enabled().load() ? 1 : 0; }

int32_t pt_winograd_halves(void) { return posterior::enabled().load() && posterior::multiplies_halves(posterior::vector_kernels()) ? 1 : 0; }

}  // extern "C"
