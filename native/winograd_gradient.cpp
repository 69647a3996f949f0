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

constexpr int64_t numbers = WinogradTiles::numbers;

// The tiles of a layer's images and of the derivatives by its result.
struct Sides {
    Sides(const at::Tensor& x, const at::Tensor& dy)
        : grid(x), inputs(x.size(1)), outputs(dy.size(1)), x(x.data_ptr()), dy(static_cast<const char*>(dy.data_ptr())), half(x.scalar_type() == at::kBFloat16),
          size(static_cast<int64_t>(x.element_size())), border(at::zeros({std::max(inputs, outputs)}, x.options())), kernels(vector_kernels()) {}

    // The numbers of a tile, in single precision.
    void enter(int64_t tile, float* v, int64_t plane, float* d, int64_t slopes_plane) const {
        const void *pixels[numbers], *results[4];
        grid.pixels(tile, x, inputs * size, border.data_ptr(), pixels);
        kernels.winograd_enter_single[half](pixels, v, inputs, plane);
        int64_t places[4];
        grid.results(tile, places);
        for (int k = 0; k < 4; ++k) results[k] = places[k] >= 0 ? dy + places[k] * outputs * size : border.data_ptr();
        kernels.winograd_enter_slopes[half](results, d, outputs, slopes_plane);
    }

    WinogradTiles grid;
    int64_t inputs, outputs;
    const void* x;
    const char* dy;
    bool half;
    int64_t size;
    at::Tensor border;
    const VectorKernels& kernels;  // one and the same for the whole calculation
};

// Adds the products of some tiles to sums of [numbers, inputs, outputs].
class TileSums {
   public:
    TileSums(const Sides& sides, int64_t rows)
        : sides_(sides), plane_(rows * sides.inputs + WinogradTiles::gap), slopes_plane_(rows * sides.outputs + WinogradTiles::gap), scratch_(at::empty({numbers * (plane_ + slopes_plane_)}, at::kFloat)) {}

    void operator()(int64_t first, int64_t count, float* sums) {
        auto *v = scratch_.data_ptr<float>(), *d = v + numbers * plane_;
        for (int64_t t = 0; t < count; ++t) sides_.enter(first + t, v + t * sides_.inputs, plane_, d + t * sides_.outputs, slopes_plane_);
        for (int64_t i = 0; i < numbers; ++i)
            sides_.kernels.winograd_sums(v + i * plane_, d + i * slopes_plane_, sums + i * sides_.inputs * sides_.outputs, count, sides_.inputs, sides_.outputs);
    }

   private:
    const Sides& sides_;
    int64_t plane_, slopes_plane_;
    at::Tensor scratch_;
};

// The same with products of bfloat16, which are summed in pairs of tiles; the number of rows is even.
class TilePairSums {
   public:
    TilePairSums(const Sides& sides, int64_t rows)
        : sides_(sides), plane_(rows * sides.inputs + WinogradTiles::gap), slopes_plane_(rows * sides.outputs + WinogradTiles::gap),
          scratch_(at::empty({numbers * (plane_ + slopes_plane_)}, at::kBFloat16)), loose_(at::empty({2, numbers * (sides.inputs + sides.outputs)}, at::kFloat)) {}

    void operator()(int64_t first, int64_t count, float* sums) {
        const auto& kernels = sides_.kernels;
        const auto inputs = sides_.inputs, outputs = sides_.outputs, pairs = (count + 1) / 2;
        auto *v = static_cast<uint16_t*>(scratch_.data_ptr()), *d = v + numbers * plane_;
        float *even = loose_.data_ptr<float>(), *odd = even + loose_.size(1);
        for (int64_t pair = 0; pair < pairs; ++pair) {
            sides_.enter(first + 2 * pair, even, inputs, even + numbers * inputs, outputs);
            if (2 * pair + 1 < count) sides_.enter(first + 2 * pair + 1, odd, inputs, odd + numbers * inputs, outputs);
            else std::fill(odd, odd + loose_.size(1), 0.0f);
            for (int64_t i = 0; i < numbers; ++i) {
                kernels.winograd_pair(even + i * inputs, odd + i * inputs, v + i * plane_ + 2 * pair * inputs, inputs);
                kernels.winograd_pair(even + numbers * inputs + i * outputs, odd + numbers * inputs + i * outputs, d + i * slopes_plane_ + 2 * pair * outputs, outputs);
            }
        }
        for (int64_t i = 0; i < numbers; ++i) kernels.winograd_half_sums(v + i * plane_, d + i * slopes_plane_, sums + i * inputs * outputs, pairs, inputs, outputs);
    }

   private:
    const Sides& sides_;
    int64_t plane_, slopes_plane_;
    at::Tensor scratch_, loose_;
};

template <class Adder>
void add_all(const Sides& sides, int64_t threads, int64_t parts, int64_t rows, const at::Tensor& sums) {
    at::parallel_for(0, threads, 1, [&](int64_t begin, int64_t end) {
        Adder adder(sides, rows);
        for (auto thread = begin; thread < end; ++thread)
            for (auto part = thread * parts / threads; part < (thread + 1) * parts / threads; ++part) {
                const auto first = part * rows, count = std::min(rows, sides.grid.count - first);
                if (count <= 0) break;
                adder(first, count, sums.data_ptr<float>() + thread * sums.stride(0));
            }
    });
}

}  // namespace

at::Tensor winograd_weight_gradient(const at::Tensor& x, const at::Tensor& dy) {
    constexpr int64_t grain = 4;
    const Sides sides(x, dy);
    const auto inputs = sides.inputs, outputs = sides.outputs, sums_plane = inputs * outputs, tiles = sides.grid.count;
    // As many parts for each thread.
    const auto threads = std::clamp<int64_t>(tiles / least_tiles_of_a_thread, 1, at::get_num_threads()), most = threads * tiles_at_once(inputs, outputs);
    const auto parts = threads * ((tiles + most - 1) / most), rows = ((tiles + parts - 1) / parts + 1) / 2 * 2;
    auto sums = at::zeros({threads, numbers, inputs, outputs}, at::kFloat);
    if (sides.half && sides.kernels.winograd_half_sums != nullptr) add_all<TilePairSums>(sides, threads, parts, rows, sums);
    else add_all<TileSums>(sides, threads, parts, rows, sums);
    if (threads > 1) sums = sums.sum(0);
    auto gradient = at::empty({outputs, inputs, 3, 3}, at::kFloat);
    const auto* from = sums.data_ptr<float>();
    auto* to = gradient.data_ptr<float>();
    at::parallel_for(0, inputs, grain, [&](int64_t begin, int64_t end) {
        for (auto i = begin; i < end; ++i) sides.kernels.winograd_filter_slopes(from + i * outputs, sums_plane, to + i * 9, inputs * 9, outputs);
    });
    return gradient;
}

}  // namespace posterior
