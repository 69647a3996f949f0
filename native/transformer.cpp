// What transformers do between matrix products, in inference on the CPU: root-mean-square normalisation, gates, and attention by cosine similarity with rotary positions,
// whose queries and keys get their length and rotation where they are read, and whose logits exist for one tile of tokens and head at a time.
#include "bridge.h"
#include "vector_kernels.h"

#include <ATen/ATen.h>
#include <ATen/Parallel.h>

#include <algorithm>
#include <cmath>
#include <cstring>
#include <stdexcept>

using posterior::borrow;
using posterior::guard;
using posterior::plain;
using posterior::recorded;
using posterior::RotaryTile;
using posterior::Rows;

namespace {

constexpr int64_t lanes = 16;             // of the longest vectors
constexpr int64_t most_keys = 1024;       // of a tile: what a head needs of them fits a cache
constexpr int64_t grain = 1 << 15;        // elements: less work than it costs to wake the other threads
constexpr float no_weight = -1e30f;       // the mask of columns that no token has

int64_t padded(int64_t count) { return (count + lanes - 1) / lanes * lanes; }

char* at_element(const at::Tensor& tensor, int64_t index) { return static_cast<char*>(tensor.data_ptr()) + index * tensor.element_size(); }

// Calls body(begin, end) for parts of rows of `width` numbers.
template <class F>
void for_rows(int64_t rows, int64_t width, const F& body) {
    at::parallel_for(0, rows, std::max<int64_t>(1, grain / width), body);
}

struct Tiles {
    const int64_t *queries, *keys;
    const float* mask;
    int64_t count, each_queries, each_keys;

    void check(int64_t tokens) const {
        for (int64_t i = 0; i < count * each_queries; ++i)
            if (queries[i] >= tokens) throw std::invalid_argument("a tile's query is beyond the last token");
        for (int64_t i = 0; i < count * each_keys; ++i)
            if (keys[i] < 0 || keys[i] >= tokens) throw std::invalid_argument("a tile's key is none of the tokens");
    }

    // [tiles, queries, padded keys of all streams]; one tile's worth where there is no mask.
    at::Tensor padded_mask(int64_t streams, int64_t columns) const {
        auto result = at::full({mask == nullptr ? 1 : count, each_queries, columns}, no_weight, at::kFloat);
        auto to = result.data_ptr<float>();
        for (int64_t row = 0; row < result.size(0) * each_queries; ++row, to += columns)
            for (int64_t stream = 0; stream < streams; ++stream) {
                if (mask == nullptr) std::fill_n(to + stream * each_keys, each_keys, 0.0f);
                else std::copy_n(mask + row * each_keys, each_keys, to + stream * each_keys);
            }
        return result;
    }
};

at::Tensor attention(const at::Tensor& qkv, const at::Tensor& other, int64_t heads, const at::Tensor& scale, const at::Tensor& cosines, const at::Tensor& sines, const Tiles& tiles) {
    const auto images = qkv.size(0), features = qkv.size(-1) / 3, width = features / heads, tokens = qkv.numel() / (images * 3 * features);
    const int64_t streams = other.defined() ? 2 : 1, columns = padded(streams * tiles.each_keys);
    auto shape = qkv.sizes().vec();
    shape.back() = features;
    auto y = at::empty(shape, qkv.options());
    const auto mask = tiles.padded_mask(streams, columns), lengths = scale.to(at::kFloat).sqrt().contiguous();
    const auto half = qkv.scalar_type() == at::kBFloat16;
    const auto& kernels = posterior::vector_kernels();
    at::parallel_for(0, images * tiles.count * heads, 1, [&](int64_t begin, int64_t end) {
        RotaryTile tile{width, tiles.each_queries, tiles.each_keys, streams, padded(width), columns, nullptr, nullptr, nullptr, nullptr, heads * width / 4, 0, nullptr};
        auto scratch = at::empty({tile.scratch()}, at::kFloat);  // aligned to cache lines, and kept for the next call
        for (auto task = begin; task < end; ++task) {
            const auto head = task % heads, index = task / heads % tiles.count, image = task / heads / tiles.count;
            const auto row = image * tokens, from = row * 3 * features + head * width;
            tile.query_places = tiles.queries + index * tiles.each_queries;
            tile.key_places = tiles.keys + index * tiles.each_keys;
            tile.cosines = cosines.data_ptr<float>() + head * width / 4;
            tile.sines = sines.data_ptr<float>() + head * width / 4;
            tile.length = lengths.data_ptr<float>()[head];
            tile.mask = mask.data_ptr<float>() + (mask.size(0) == 1 ? 0 : index) * tiles.each_queries * columns;
            Rows keys[2] = {{at_element(qkv, from + features), 3 * features}, {}}, values[2] = {{at_element(qkv, from + 2 * features), 3 * features}, {}};
            if (streams == 2) {
                const auto second = row * 2 * features + head * width;
                keys[1] = {at_element(other, second), 2 * features};
                values[1] = {at_element(other, second + features), 2 * features};
            }
            kernels.rotary_attention[half]({at_element(qkv, from), 3 * features}, keys, values, tile, at_element(y, row * features + head * width), features, scratch.data_ptr<float>());
        }
    });
    return y;
}

bool is_rotation(const at::Tensor& tensor, int64_t count) { return tensor.defined() && tensor.device().is_cpu() && !recorded(tensor) && tensor.numel() == count; }

}  // namespace

extern "C" {

int pt_rms_norm(pt_tensor x, pt_tensor gain, double epsilon, pt_tensor* out) {
    return guard([&] {
        *out = nullptr;
        auto input = borrow(x), gains = borrow(gain);
        if (!plain(input) || !plain(gains) || recorded(input) || recorded(gains) || input.dim() == 0 || input.numel() == 0) return;
        const auto width = input.size(-1), images = gains.numel() / width;
        if (gains.scalar_type() != input.scalar_type() || gains.size(-1) != width || (images != 1 && images != input.size(0))) return;
        at::NoGradGuard no_grad;
        input = input.contiguous();
        gains = gains.to(at::kFloat).contiguous();
        auto y = at::empty(input.sizes(), input.options());
        const auto half = input.scalar_type() == at::kBFloat16;
        const auto rows = input.numel() / width, each = rows / images;
        const auto& kernels = posterior::vector_kernels();
        for_rows(rows, width, [&](int64_t begin, int64_t end) {
            for (auto row = begin; row < end;) {
                const auto image = row / each, next = std::min(end, (image + 1) * each);
                kernels.rms_norm[half](at_element(input, row * width), at_element(y, row * width), next - row, width, gains.data_ptr<float>() + image * width, static_cast<float>(epsilon));
                row = next;
            }
        });
        *out = posterior::release(std::move(y));
    });
}

int pt_gated_gelu(pt_tensor x, pt_tensor* out) {
    return guard([&] {
        *out = nullptr;
        auto input = borrow(x);
        if (!plain(input) || recorded(input) || input.dim() == 0 || input.numel() == 0 || input.size(-1) % 2 != 0) return;
        at::NoGradGuard no_grad;
        input = input.contiguous();
        auto shape = input.sizes().vec();
        const auto width = shape.back() /= 2;
        auto y = at::empty(shape, input.options());
        const auto half = input.scalar_type() == at::kBFloat16;
        const auto& kernels = posterior::vector_kernels();
        for_rows(y.numel() / width, width, [&](int64_t begin, int64_t end) { kernels.gated_gelu[half](at_element(input, 2 * begin * width), at_element(y, begin * width), end - begin, width); });
        *out = posterior::release(std::move(y));
    });
}

int pt_rotary_attention(pt_tensor qkv, pt_tensor other, int64_t heads, pt_tensor scale, pt_tensor cosines, pt_tensor sines, const int64_t* queries, const int64_t* keys,
                        const float* mask, int64_t tiles, int64_t tile_queries, int64_t tile_keys, pt_tensor* out) {
    return guard([&] {
        *out = nullptr;
        auto input = borrow(qkv), second = borrow(other), scales = borrow(scale), c = borrow(cosines), s = borrow(sines);
        if (!plain(input) || recorded(input) || recorded(second) || recorded(scales) || input.dim() < 3 || input.numel() == 0 || heads < 1) return;
        const auto width = input.size(-1) / 3 / heads, tokens = input.numel() / (input.size(0) * input.size(-1));
        if (input.size(-1) != 3 * heads * width || width % 4 != 0 || tiles < 1 || tile_queries < 1 || tile_keys < 1 || tile_keys * (second.defined() ? 2 : 1) > most_keys) return;
        if (!scales.device().is_cpu() || scales.numel() != heads || !is_rotation(c, tokens * heads * width / 4) || !is_rotation(s, tokens * heads * width / 4)) return;
        if (second.defined() && (!plain(second) || second.scalar_type() != input.scalar_type() || second.numel() * 3 != input.numel() * 2 || second.size(0) != input.size(0))) return;
        at::NoGradGuard no_grad;
        const Tiles given{queries, keys, mask, tiles, tile_queries, tile_keys};
        given.check(tokens);
        *out = posterior::release(attention(input.contiguous(), second.defined() ? second.contiguous() : second, heads, scales, c.to(at::kFloat).contiguous(), s.to(at::kFloat).contiguous(), given));
    });
}

}  // extern "C"
