// Attention by cosine similarity with rotary positions on the CPU, with its derivatives of the first order: queries and keys get their length and rotation where they are read, and
// logits exist for one tile of tokens and head at a time.
#include "bridge.h"
#include "vector_kernels.h"

#include <ATen/ATen.h>
#include <ATen/Parallel.h>
#include <torch/csrc/autograd/custom_function.h>

#include <algorithm>
#include <cmath>
#include <stdexcept>
#include <vector>

using posterior::at_element;
using posterior::borrow;
using posterior::guard;
using posterior::no_weight;
using posterior::padded;
using posterior::plain;
using posterior::recorded;
using posterior::RotaryTile;
using posterior::Rows;

namespace {

constexpr int64_t most_keys = 1024;  // of a tile: what a head needs of them fits a cache

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

// What the tiles of one call share, and where the rows of each lie.
struct Attention {
    at::Tensor qkv, other, cosines, sines, lengths, shares, mask;
    Tiles tiles;
    int64_t images, heads, features, width, tokens, streams, columns;
    bool half, shared;

    Attention(const at::Tensor& qkv, const at::Tensor& other, int64_t heads, const at::Tensor& scale, const at::Tensor& share, const at::Tensor& cosines, const at::Tensor& sines, const Tiles& tiles)
        : qkv(qkv), other(other), cosines(cosines), sines(sines), lengths(scale.detach().to(at::kFloat).sqrt().contiguous()),
          shares(share.defined() && share.numel() > 0 ? share.detach().to(at::kFloat).contiguous() : at::zeros({heads}, at::kFloat)), tiles(tiles), images(qkv.size(0)), heads(heads),
          features(qkv.size(-1) / 3), width(features / heads), tokens(qkv.numel() / (images * 3 * features)), streams(other.defined() && other.numel() > 0 ? 2 : 1),
          columns(padded(streams * tiles.each_keys)), half(qkv.scalar_type() == at::kBFloat16), shared(share.defined() && share.numel() > 0) {
        mask = tiles.padded_mask(streams, columns);
    }

    RotaryTile tile(int64_t index, int64_t head) const {
        return {width, tiles.each_queries, tiles.each_keys, streams, padded(width), columns, tiles.queries + index * tiles.each_queries, tiles.keys + index * tiles.each_keys,
                cosines.data_ptr<float>() + head * width / 4, sines.data_ptr<float>() + head * width / 4, heads * width / 4, lengths.data_ptr<float>()[head],
                mask.data_ptr<float>() + (mask.size(0) == 1 ? 0 : index) * tiles.each_queries * columns, shares.data_ptr<float>()[head]};
    }

    // Part 0 holds queries, 1 keys, 2 values of a tensor like qkv; parts 3 and 4 keys and values of one like the other stream.
    Rows rows(const at::Tensor& first, const at::Tensor& second, int64_t image, int64_t head, int64_t part) const {
        const auto& holder = part < 3 ? first : second;
        const auto pitch = (part < 3 ? 3 : 2) * features;
        return {at_element(holder, image * tokens * pitch + (part < 3 ? part : part - 3) * features + head * width), pitch};
    }

    Rows rows(int64_t image, int64_t head, int64_t part) const { return rows(qkv, other, image, head, part); }

    at::Tensor result() const {
        auto shape = qkv.sizes().vec();
        shape.back() = features;
        return at::empty(shape, qkv.options());
    }

    at::Tensor forward() const {
        auto y = result();
        const auto& kernels = posterior::vector_kernels();
        at::parallel_for(0, images * tiles.count * heads, 1, [&](int64_t begin, int64_t end) {
            auto scratch = at::empty({tile(0, 0).scratch()}, at::kFloat);  // aligned to cache lines, and kept for the next call
            for (auto task = begin; task < end; ++task) {
                const auto head = task % heads, index = task / heads % tiles.count, image = task / heads / tiles.count;
                const Rows keys[2] = {rows(image, head, 1), streams == 2 ? rows(image, head, 3) : Rows{}}, values[2] = {rows(image, head, 2), streams == 2 ? rows(image, head, 4) : Rows{}};
                kernels.rotary_attention[half](rows(image, head, 0), keys, values, tile(index, head), at_element(y, image * tokens * features + head * width), features, scratch.data_ptr<float>());
            }
        });
        return y;
    }

    struct Gradients {
        at::Tensor qkv, other, scale, share;
    };

    // One image and head after the other: the tiles of an image share keys.
    Gradients backward(const at::Tensor& above) const {
        Gradients result{at::empty_like(qkv), streams == 2 ? at::empty_like(other) : at::Tensor(), {}, {}};
        auto by_length = at::zeros({images, heads}, at::kFloat), by_share = at::zeros({images, heads}, at::kFloat);
        const auto each = tokens * padded(width);
        const auto& kernels = posterior::vector_kernels();
        at::parallel_for(0, images * heads, 1, [&](int64_t begin, int64_t end) {
            auto scratch = at::empty({tile(0, 0).gradient_scratch()}, at::kFloat), sums = at::empty({2, streams, each}, at::kFloat);
            for (auto task = begin; task < end; ++task) {
                const auto head = task % heads, image = task / heads;
                sums.zero_();
                float* const key_sums[2] = {sums.data_ptr<float>(), sums.data_ptr<float>() + each};
                float* const value_sums[2] = {sums.data_ptr<float>() + streams * each, sums.data_ptr<float>() + (streams + 1) * each};
                const Rows keys[2] = {rows(image, head, 1), streams == 2 ? rows(image, head, 3) : Rows{}}, values[2] = {rows(image, head, 2), streams == 2 ? rows(image, head, 4) : Rows{}};
                const auto queries = rows(result.qkv, result.other, image, head, 0);
                const Rows slopes{at_element(above, image * tokens * features + head * width), features};
                float length = 0;
                for (int64_t index = 0; index < tiles.count; ++index)
                    length += kernels.rotary_attention_gradient[half](rows(image, head, 0), keys, values, slopes, tile(index, head), const_cast<void*>(queries.first), queries.pitch, key_sums, value_sums,
                                                                      scratch.data_ptr<float>());
                for (int64_t stream = 0; stream < streams; ++stream) {
                    const auto dkeys = rows(result.qkv, result.other, image, head, stream == 0 ? 1 : 3), dvalues = rows(result.qkv, result.other, image, head, stream == 0 ? 2 : 4);
                    length += kernels.rotary_keys_gradient[half](keys, stream, tile(0, head), tokens, key_sums[stream], value_sums[stream], const_cast<void*>(dkeys.first),
                                                                 const_cast<void*>(dvalues.first), dkeys.pitch);
                }
                by_length.data_ptr<float>()[task] = length;
                if (!shared) continue;
                const auto first = rows(result.qkv, result.other, image, head, 1);
                by_share.data_ptr<float>()[task] =
                    kernels.shared_keys_gradient[half](keys[0], tile(0, head), tokens, rows(result.qkv, result.other, image, head, 3), const_cast<void*>(first.first), first.pitch);
            }
        });
        result.scale = by_length.sum(0) / (2 * lengths);  // the length is the root of the scale
        result.share = by_share.sum(0);
        return result;
    }
};

struct RecordedRotaryAttention : torch::autograd::Function<RecordedRotaryAttention> {
    static at::Tensor forward(torch::autograd::AutogradContext* context, const at::Tensor& qkv, const at::Tensor& other, const at::Tensor& scale, const at::Tensor& share, const at::Tensor& cosines,
                              const at::Tensor& sines, int64_t heads, const at::Tensor& queries, const at::Tensor& keys, const at::Tensor& mask, int64_t count) {
        at::NoGradGuard no_grad;
        context->save_for_backward({qkv, other, scale, share, cosines, sines, queries, keys, mask});
        context->saved_data["heads"] = heads;
        context->saved_data["count"] = count;
        return Attention(qkv, other, heads, scale, share, cosines, sines, tiles_of(queries, keys, mask, count)).forward();
    }

    static torch::autograd::variable_list backward(torch::autograd::AutogradContext* context, torch::autograd::variable_list gradients) {
        at::NoGradGuard no_grad;
        const auto saved = context->get_saved_variables();
        const auto tiles = tiles_of(saved[6], saved[7], saved[8], context->saved_data["count"].toInt());
        const Attention attention(saved[0], saved[1], context->saved_data["heads"].toInt(), saved[2], saved[3], saved[4], saved[5], tiles);
        const auto result = attention.backward(gradients[0].to(saved[0].scalar_type()).contiguous());
        return {result.qkv, result.other, result.scale.to(saved[2].scalar_type()), saved[3].numel() > 0 ? result.share.to(saved[3].scalar_type()) : at::Tensor(), {}, {}, {}, {}, {}, {}, {}};
    }

    static Tiles tiles_of(const at::Tensor& queries, const at::Tensor& keys, const at::Tensor& mask, int64_t count) {
        return {queries.data_ptr<int64_t>(), keys.data_ptr<int64_t>(), mask.defined() && mask.numel() > 0 ? mask.data_ptr<float>() : nullptr, count, queries.numel() / count, keys.numel() / count};
    }
};

bool is_rotation(const at::Tensor& tensor, int64_t count) { return tensor.defined() && tensor.device().is_cpu() && !recorded(tensor) && tensor.numel() == count; }

}  // namespace

extern "C" {

int pt_rotary_attention(pt_tensor qkv, pt_tensor other, int64_t heads, pt_tensor scale, pt_tensor share, pt_tensor cosines, pt_tensor sines, const int64_t* queries, const int64_t* keys,
                        const float* mask, int64_t tiles, int64_t tile_queries, int64_t tile_keys, pt_tensor* out) {
    return guard([&] {
        *out = nullptr;
        auto input = borrow(qkv), second = borrow(other), scales = borrow(scale), shares = borrow(share), c = borrow(cosines), s = borrow(sines);
        if (!plain(input) || input.dim() < 3 || input.numel() == 0 || heads < 1) return;
        const auto width = input.size(-1) / 3 / heads, tokens = input.numel() / (input.size(0) * input.size(-1));
        if (input.size(-1) != 3 * heads * width || width % 4 != 0 || width > posterior::most_head_width || tiles < 1 || tile_queries < 1 || tile_keys < 1 || tile_keys * (second.defined() ? 2 : 1) > most_keys) return;
        if (!scales.device().is_cpu() || scales.numel() != heads || !is_rotation(c, tokens * heads * width / 4) || !is_rotation(s, tokens * heads * width / 4)) return;
        if (second.defined() && (!plain(second) || second.scalar_type() != input.scalar_type() || second.numel() * 3 != input.numel() * 2 || second.size(0) != input.size(0))) return;
        if (shares.defined() && (!second.defined() || !shares.device().is_cpu() || shares.numel() != heads)) return;
        const Tiles given{queries, keys, mask, tiles, tile_queries, tile_keys};
        given.check(tokens);
        input = input.contiguous();
        if (second.defined()) second = second.contiguous();
        c = c.to(at::kFloat).contiguous();
        s = s.to(at::kFloat).contiguous();
        if (recorded(input) || recorded(second) || recorded(scales) || recorded(shares)) {
            // Tiles outlive the call.
            const auto copied = [](const auto* from, int64_t count, at::ScalarType type) { return at::from_blob(const_cast<std::remove_const_t<std::remove_pointer_t<decltype(from)>>*>(from), {count}, type).clone(); };
            const auto none = at::empty({0}, at::kFloat), kept_mask = mask == nullptr ? none : copied(mask, tiles * tile_queries * tile_keys, at::kFloat);
            *out = posterior::release(RecordedRotaryAttention::apply(input, second.defined() ? second : none, scales, shares.defined() ? shares : none, c, s, heads, copied(queries, tiles * tile_queries, at::kLong), copied(keys, tiles * tile_keys, at::kLong), kept_mask, tiles));
            return;
        }
        at::NoGradGuard no_grad;
        *out = posterior::release(Attention(input, second, heads, scales, shares, c, s, given).forward());
    });
}

}  // extern "C"
