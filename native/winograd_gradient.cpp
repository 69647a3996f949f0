// The derivatives by the weights of convolutions in Winograd's form: those by the 16 transformed numbers of a kernel are sums over all tiles of products of two numbers, as in the
// convolution itself.
#include "vector_kernels.h"
#include "winograd.h"

#include <ATen/ATen.h>
#include <ATen/Parallel.h>

#include <algorithm>

namespace posterior {

namespace {

// Tiles that are transformed before their products are summed: the more, the more seldom the sums are read and written. What one of the 16 products reads and writes stays in the second
// level of the cache.
int64_t tiles_at_once(int64_t inputs, int64_t outputs) { return std::clamp<int64_t>(inputs * outputs / (inputs + outputs), 32, 96); }

// Each thread has sums of its own, which take the time of some tiles to clear and to add to the others'.
constexpr int64_t least_tiles_of_a_thread = 64;

}  // namespace

at::Tensor winograd_weight_gradient(const at::Tensor& x, const at::Tensor& dy) {
    constexpr int64_t numbers = WinogradTiles::numbers, grain = 4;
    const auto& kernels = vector_kernels();
    const WinogradTiles grid(x);
    const auto inputs = x.size(1), outputs = dy.size(1), sums_plane = inputs * outputs;
    // As many parts for each thread.
    const auto threads = std::clamp<int64_t>(grid.count / least_tiles_of_a_thread, 1, at::get_num_threads()), most = threads * tiles_at_once(inputs, outputs);
    const auto parts = threads * ((grid.count + most - 1) / most), rows = (grid.count + parts - 1) / parts;
    const auto plane = rows * inputs + WinogradTiles::gap, slopes_plane = rows * outputs + WinogradTiles::gap;
    const auto border = at::zeros({std::max(inputs, outputs)}, at::kFloat);
    auto sums = at::zeros({threads, numbers, inputs, outputs}, at::kFloat);
    const auto *source = x.data_ptr<float>(), *slopes = dy.data_ptr<float>(), *outside = border.data_ptr<float>();
    at::parallel_for(0, threads, 1, [&](int64_t begin, int64_t end) {
        auto scratch = at::empty({numbers * (plane + slopes_plane)}, at::kFloat);
        auto *v = scratch.data_ptr<float>(), *d = v + numbers * plane;
        for (auto thread = begin; thread < end; ++thread) {
            auto* own = sums.data_ptr<float>() + thread * numbers * sums_plane;
            for (auto part = thread * parts / threads; part < (thread + 1) * parts / threads; ++part) {
                const auto first = part * rows, count = std::min(rows, grid.count - first);
                if (count <= 0) break;
                for (int64_t t = 0; t < count; ++t) {
                    const float *pixels[numbers], *results[4];
                    grid.pixels(first + t, source, inputs, outside, pixels);
                    kernels.winograd_enter(pixels, v + t * inputs, inputs, plane);
                    int64_t places[4];
                    grid.results(first + t, places);
                    for (int k = 0; k < 4; ++k) results[k] = places[k] >= 0 ? slopes + places[k] * outputs : outside;
                    kernels.winograd_enter_slopes(results, d + t * outputs, outputs, slopes_plane);
                }
                for (int64_t i = 0; i < numbers; ++i) kernels.winograd_sums(v + i * plane, d + i * slopes_plane, own + i * sums_plane, count, inputs, outputs);
            }
        }
    });
    if (threads > 1) sums = sums.sum(0);
    auto gradient = at::empty({outputs, inputs, 3, 3}, at::kFloat);
    const auto* from = sums.data_ptr<float>();
    auto* to = gradient.data_ptr<float>();
    at::parallel_for(0, inputs, grain, [&](int64_t begin, int64_t end) {
        for (auto i = begin; i < end; ++i) kernels.winograd_filter_slopes(from + i * outputs, sums_plane, to + i * 9, inputs * 9, outputs);
    });
    return gradient;
}

}  // namespace posterior
