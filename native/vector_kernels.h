// Loops over memory that are worth vector code, in one variant per instruction set, chosen at run time.
//
// Rows hold `channels` numbers side by side (channels-last images). Element type 0 is float32, 1 is bfloat16; arithmetic is float32,
// but for the factors of Winograd's products of bfloat16.
#pragma once
#include <cstdint>

namespace posterior {

constexpr int64_t lanes = 16;         // of the longest vectors
constexpr int64_t most_groups = 64;   // of rows or windows that share a sum of a derivative: a fixed number, so that results do not depend on the threads
constexpr float no_weight = -1e30f;   // the bias or mask of columns that no token has

// To whole vectors.
inline int64_t padded(int64_t count) { return (count + lanes - 1) / lanes * lanes; }

// The attention of a window: each of its tokens has a row of queries, one of keys and one of values, each heads * width numbers, side by side.
struct WindowShape {
    int64_t heads, width, tokens;
    int64_t padded_width, padded_tokens;  // to multiples of the longest vector
    float scale;

    int64_t scratch() const { return 6 * padded_tokens * padded_width + 2 * padded_tokens * padded_tokens; }
};

constexpr int64_t most_head_width = 512;  // of rotary attention

// The attention of some tokens of an image to some of its tokens with one head. Keys and values of `streams` streams lie one after another in the scratch memory.
struct RotaryTile {
    int64_t width, queries, keys, streams;
    int64_t padded_width, padded_keys;           // to multiples of the longest vector, the latter over all streams
    const int64_t *query_places, *key_places;    // tokens of the image; a negative query is none
    const float *cosines, *sines;                // width / 4 numbers a token, `rotation_pitch` apart
    int64_t rotation_pitch;
    float length;                                // of queries and keys
    const float* mask;                           // [queries, padded_keys]
    float share;                                 // of the first stream's keys, which the second's add

    int64_t scratch() const { return 2 * queries * padded_width + 3 * padded_keys * padded_width + queries * padded_keys + 2 * queries; }
    int64_t gradient_scratch() const { return 3 * queries * padded_width + 4 * padded_keys * padded_width + 2 * queries * padded_keys + 2 * queries; }
};

// Rows of numbers, `pitch` elements apart.
struct Rows {
    const void* first;
    int64_t pitch;
};

struct VectorKernels {
    const char* name;
    // Adds, for each channel, sum(x - pivot) and sum((x - pivot)^2) over `rows` rows.
    void (*moments[2])(const void* x, const float* pivot, int64_t rows, int64_t channels, float* sums, float* squares);
    // y = activation(x * gain + offset), gain and offset per channel; the activation is a PT_... constant. Rows of y are `pitch` numbers apart. x and y may be the same.
    void (*affine[2])(const void* x, void* y, int64_t rows, int64_t channels, int64_t pitch, const float* gain, const float* offset, int32_t activation);
    // With z = x * gain + offset and g = dy * activation'(z): adds, for each channel, sum(g) and sum(g (x - pivot)) over `rows` rows.
    void (*affine_sums[2])(const void* x, const void* dy, int64_t rows, int64_t channels, const float* gain, const float* offset, const float* pivot, int32_t activation,
                           float* sums, float* products);
    // dx = g * gain + x * slope + constant, with g as above, slope and constant per channel.
    void (*affine_gradient[2])(const void* x, const void* dy, void* dx, int64_t rows, int64_t channels, const float* gain, const float* offset, const float* slope,
                               const float* constant, int32_t activation);
    // y = sum of weights[i] * sources[i], `channels` numbers each.
    void (*combine[2])(const void* const* sources, const float* weights, int64_t count, void* y, int64_t channels);
    // y = x / (1 + exp(-x)); x and y may be the same.
    void (*silu[2])(const void* x, void* y, int64_t count);
    // Each row of y is the softmax of scale times the row of x, which is float32 in any case and is overwritten; x and y may be the same.
    void (*softmax[2])(float* x, void* y, int64_t rows, int64_t columns, float scale);
    // softmax(scale q k^T + bias + mask) v for each head of one window, whose token t is row places[t] of qkv and of y. The bias is [heads, tokens, padded_tokens], the
    // mask [tokens, padded_tokens] or null. `statistics` receives the largest logit and one over the sum of the exponentials of each head and token.
    void (*window_attention[2])(const void* qkv, void* y, const WindowShape& shape, const int64_t* places, const float* bias, const float* mask, float* statistics, float* scratch);
    // Its derivatives: writes those of the window's rows of qkv, and adds those of the bias to bias_sums unless that is null.
    void (*window_attention_gradient[2])(const void* qkv, const void* dy, void* dqkv, const WindowShape& shape, const int64_t* places, const float* bias, const float* mask,
                                         const float* statistics, float* bias_sums, float* scratch);
    // y = x gain / sqrt(mean x^2 + epsilon) for each row, a gain per channel.
    void (*rms_norm[2])(const void* x, void* y, int64_t rows, int64_t channels, const float* gain, float epsilon);
    // Its derivative by x for each row of dy; adds that by each gain to sums.
    void (*rms_norm_gradient[2])(const void* x, const void* dy, void* dx, int64_t rows, int64_t channels, const float* gain, float epsilon, float* sums);
    // y = a gelu(b) for each row x = [a | b], `channels` numbers each.
    void (*gated_gelu[2])(const void* x, void* y, int64_t rows, int64_t channels);
    void (*gated_gelu_gradient[2])(const void* x, const void* dy, void* dx, int64_t rows, int64_t channels);
    // softmax(q k^T + mask) v of one tile and head, after queries and keys got their length and rotation; keys and values of each stream.
    void (*rotary_attention[2])(Rows queries, const Rows* keys, const Rows* values, const RotaryTile& tile, void* y, int64_t pitch, float* scratch);
    // The derivatives of the same from those of its result, `slopes`: writes those by the tile's queries, and adds those by keys, with their length and rotation, and by values to sums of each
    // stream, which hold a row of padded_width numbers for each token of the image. Returns the derivative by the length of queries.
    float (*rotary_attention_gradient[2])(Rows queries, const Rows* keys, const Rows* values, Rows slopes, const RotaryTile& tile, void* dqueries, int64_t pitch, float* const* key_sums,
                                          float* const* value_sums, float* scratch);
    // Writes the derivatives by a stream's keys and values from their sums. Returns the derivative by the length of keys.
    float (*rotary_keys_gradient[2])(const Rows* keys, int64_t stream, const RotaryTile& tile, int64_t tokens, const float* key_sums, const float* value_sums, void* dkeys, void* dvalues, int64_t pitch);
    // Adds what the derivatives by the second stream's keys mean for the first's, which it added in part; returns the derivative by that share.
    float (*shared_keys_gradient[2])(Rows keys, const RotaryTile& tile, int64_t tokens, Rows dsecond, void* dfirst, int64_t pitch);
    // x += weight (y - x).
    void (*lerp)(float* x, const float* y, int64_t count, float weight);
    // y[k][r] = sum over c of x[k][c] matrix[r][c], for a few rows x (`width` apart) and y (`pitch` apart) and a matrix that is read once.
    void (*products_with_rows)(const float* x, const float* matrix, float* y, int64_t count, int64_t rows, int64_t width, int64_t pitch);
    // y[k][c] = sum over r of x[k][r] matrix[r][c], likewise, for the first columns: rows of x are `pitch` apart, those of the matrix and of y `width`.
    void (*sums_of_rows)(const float* x, const float* matrix, float* y, int64_t count, int64_t rows, int64_t columns, int64_t width, int64_t pitch);
    // z[i] = sum over j of map[i][j] x[j] + map[i][count] y for `outputs` vectors of `length` numbers, and the squared lengths of them and, at the end, of y.
    void (*mixture)(const float* x, const float* y, const float* map, float* z, int64_t count, int64_t outputs, int64_t length, float* squares);
    // x *= factor.
    void (*multiply)(float* x, int64_t count, float factor);
    // Winograd's convolutions (winograd.h): channels are multiples of `winograd_unit`, 0 where they do not pay, and outputs are multiplied `winograd_columns` at a time.
    int64_t winograd_unit, winograd_columns;
    // The 16 numbers of each of `columns` kernels of 3 x 3 numbers, which are `distance` apart; one number of all kernels is `plane` apart from the next.
    void (*winograd_filter)(const float* kernels, int64_t distance, float* u, int64_t columns, int64_t plane);
    // The 16 numbers of a tile from its 16 pixels, row by row, for each channel, in the pixels' format or in float32; one number of all channels is `plane` apart from the next.
    void (*winograd_enter[2])(const void* const* pixels, void* v, int64_t channels, int64_t plane);
    void (*winograd_enter_single[2])(const void* const* pixels, void* v, int64_t channels, int64_t plane);
    // c [rows, columns] = a [rows, inputs] b [inputs, columns], `columns` being a multiple of the unit and at most winograd_columns.
    void (*winograd_products)(const float* a, const float* b, float* c, int64_t rows, int64_t inputs, int64_t columns);
    // The same of bfloat16, for b [inputs / 2, columns, 2]; null without instructions for it.
    void (*winograd_half_products)(const uint16_t* a, const uint16_t* b, float* c, int64_t rows, int64_t inputs, int64_t columns);
    // Rounds two rows to one of pairs; null likewise.
    void (*winograd_pair)(const float* first, const float* second, uint16_t* pairs, int64_t count);
    // The 4 pixels of a tile's result, of which some may be null, from its 16 products; the bias and what is added to each pixel may be null. The activation is a PT_... constant.
    void (*winograd_leave[2])(const float* m, int64_t plane, const float* bias, const void* const* added, void* const* y, int64_t channels, int32_t activation);
    // The derivatives by the 16 products of a tile from those by its 4 results.
    void (*winograd_enter_slopes[2])(const void* const* slopes, float* d, int64_t channels, int64_t plane);
    // c [inputs, outputs] += a^T b for a [rows, inputs] and b [rows, outputs].
    void (*winograd_sums)(const float* a, const float* b, float* c, int64_t rows, int64_t inputs, int64_t outputs);
    // The same of pairs of rows in bfloat16, a [pairs, inputs, 2] and b [pairs, outputs, 2]; null without instructions for it.
    void (*winograd_half_sums)(const uint16_t* a, const uint16_t* b, float* c, int64_t pairs, int64_t inputs, int64_t outputs);
    // The derivatives by `columns` kernels, which are `distance` apart, from those by their 16 numbers.
    void (*winograd_filter_slopes)(const float* u, int64_t plane, float* kernels, int64_t distance, int64_t columns);
};

// The best variant for this processor, or the one that was chosen with POSTERIOR_VECTOR or pt_vector_variant_set.
const VectorKernels& vector_kernels();

}  // namespace posterior
