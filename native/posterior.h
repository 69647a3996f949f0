// The C ABI between Posterior.Torch (C#) and libtorch. Nothing C++ crosses it.
//
// Every function returns PT_OK or PT_ERROR; after PT_ERROR pt_error() gives the UTF-8 message of this thread's last failure,
// valid until the next failing call on the thread. Handles are owned by the caller and released with pt_tensor_free.
#pragma once
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

#define PT_API __attribute__((visibility("default")))
#define PT_OK 0
#define PT_ERROR 1

typedef void* pt_tensor;      // one reference to a tensor
typedef const void* pt_op;    // a resolved ATen operator; lives as long as the process

// One argument or result of an operator. Lists point to `length` elements that the caller owns.
enum {
    PT_NONE = 0,
    PT_TENSOR = 1,       // p: pt_tensor
    PT_INT = 2,          // i
    PT_DOUBLE = 3,       // d
    PT_BOOL = 4,         // i: 0 or 1
    PT_INT_LIST = 5,     // p: const int64_t*
    PT_TENSOR_LIST = 6,  // p: const pt_tensor*; a null element is an absent optional tensor
    PT_STRING = 7,       // p: UTF-8, `length` bytes
    PT_DOUBLE_LIST = 8,  // p: const double*
    PT_DEVICE = 9,       // i: device type + 256 * device index
    PT_BOOL_LIST = 10,   // p: const uint8_t*
};

typedef struct pt_value {
    int32_t tag;
    int32_t length;
    union {
        int64_t i;
        double d;
        const void* p;
    };
} pt_value;

PT_API const char* pt_error(void);

// ---- operators ---------------------------------------------------------------------------------------------------------------
// Looks an ATen operator up by name and overload ("aten::add", "Tensor").
PT_API int pt_op_find(const char* name, const char* overload, pt_op* op);
// Calls it through the dispatcher. Missing trailing arguments take the schema's defaults. Tensor lists among the results are
// flattened. `*count` holds the capacity of `results` on entry and the number of results on return.
PT_API int pt_op_call(pt_op op, const pt_value* arguments, int32_t argument_count, pt_value* results, int32_t* count);

// ---- tensors -----------------------------------------------------------------------------------------------------------------
// Copies `bytes` bytes of row-major data into a new tensor on the CPU; data may be null for uninitialised memory.
PT_API int pt_tensor_new(const void* data, int64_t bytes, int32_t dtype, const int64_t* shape, int32_t rank, pt_tensor* out);
PT_API int pt_tensor_free(pt_tensor tensor);
// Another handle to the same tensor.
PT_API int pt_tensor_alias(pt_tensor tensor, pt_tensor* out);
// Shape and strides (up to `capacity` entries each), rank, dtype, device type + 256 * index.
PT_API int pt_tensor_info(pt_tensor tensor, int64_t* shape, int64_t* strides, int32_t capacity, int32_t* rank, int32_t* dtype, int32_t* device);
// The address of element 0, for a CPU tensor.
PT_API int pt_tensor_data(pt_tensor tensor, void** data);
// Copies the elements in row-major order to CPU memory of exactly `bytes` bytes, without a change of type.
PT_API int pt_tensor_read(pt_tensor tensor, void* data, int64_t bytes);

// ---- autograd ----------------------------------------------------------------------------------------------------------------
PT_API int pt_grad_mode(int32_t enabled, int32_t* previous);
PT_API int pt_requires_grad_set(pt_tensor tensor, int32_t value);
PT_API int pt_requires_grad(pt_tensor tensor, int32_t* value);
// Accumulates gradients of `tensor` (seeded with `gradient`, or 1 for a scalar when null) in the leaves.
PT_API int pt_backward(pt_tensor tensor, pt_tensor gradient, int32_t retain_graph);
// The gradients of sum(outputs * gradients) with respect to the inputs; an unused input gives a null handle.
PT_API int pt_grad(const pt_tensor* outputs, const pt_tensor* gradients, int32_t output_count, const pt_tensor* inputs, int32_t input_count,
                   int32_t retain_graph, pt_tensor* results);
// The accumulated gradient of a leaf; null when there is none.
PT_API int pt_tensor_grad(pt_tensor tensor, pt_tensor* out);
PT_API int pt_tensor_grad_clear(pt_tensor tensor);

// ---- fast paths for inference on the CPU ---------------------------------------------------------------------------------------
// Each gives a null tensor, and no error, for what it does not support: gradients being recorded, other types than float32 and
// bfloat16, other devices, shapes without a fast implementation. The caller then uses the ATen operator.
enum { PT_IDENTITY = 0, PT_SILU = 1, PT_RELU = 2 };  // activations
typedef void* pt_convolution;  // a convolution layer with its packed weights
// Refers to the weights (OIHW, or OI for a linear layer) without a copy; packs them per shape when it runs, and again after operators wrote to them.
// Null when the bridge was built without oneDNN.
PT_API int pt_convolution_new(pt_tensor weight, pt_tensor bias, int64_t stride_v, int64_t stride_h, int64_t padding_v, int64_t padding_h, int64_t groups,
                              pt_convolution* out);
PT_API int pt_convolution_free(pt_convolution layer);
// activation((conv(x) + bias + residual) (1 + scale) + shift); residual, scale and shift (a number per image and channel) may be null.
// The result is channels-last; with `overwrites` it may take the memory of the residual, which is lost then. Safe on several threads at once.
PT_API int pt_convolution_run(pt_convolution layer, pt_tensor x, pt_tensor residual, pt_tensor scale, pt_tensor shift, int32_t activation, int32_t overwrites, pt_tensor* out);
// conv(x) + bias + residual (which may be null) where it is recorded for differentiation, in float32, by a step of one pixel and with a result of the size of the image; null where ATen must do it,
// or nothing is recorded.
PT_API int pt_convolution_record(pt_convolution layer, pt_tensor x, pt_tensor residual, pt_tensor* out);
// activation(x (1 + scale) + shift) over channels-last memory where it is recorded for differentiation; scale and shift (a number per image and channel) may be null. Null where ATen must do it, or nothing
// is recorded.
PT_API int pt_modulate(pt_tensor x, pt_tensor scale, pt_tensor shift, int32_t activation, pt_tensor* out);
// conv of two images side by side, as if concatenated, for kernels of one pixel without groups.
PT_API int pt_convolution_run_beside(pt_convolution layer, pt_tensor x, pt_tensor beside, pt_tensor* out);
// x W^T + bias + residual over the last dimension, for a layer of weights OI; the residual may be null.
PT_API int pt_linear_run(pt_convolution layer, pt_tensor x, pt_tensor residual, pt_tensor* out);
// oneDNN's version and instruction set; empty when the bridge was built without it.
PT_API const char* pt_convolution_library(void);
// Resampling by the factor 2 with the separable filter of `count` taps, the same for every channel, over channels-last memory: the convolution of stride 2
// with `border` zeros around, or its transpose (up). Recorded for differentiation where the input is.
PT_API int pt_resample(pt_tensor x, const double* taps, int32_t count, int64_t border, int32_t up, pt_tensor* out);
// Group normalisation over channels-last memory, times 1 + scale, plus shift (a number per image and channel, or null), then the activation.
// With `overwrites` the result takes the memory of x unless it is recorded. Recorded for differentiation where an input is. With `beside`, an image of the same size, of the channels of both, x's
// first, without scale and shift, and not recorded.
PT_API int pt_group_norm(pt_tensor x, pt_tensor beside, int64_t groups, pt_tensor weight, pt_tensor bias, double epsilon, pt_tensor scale, pt_tensor shift, int32_t activation,
                         int32_t overwrites, pt_tensor* out);
PT_API int pt_silu(pt_tensor x, pt_tensor* out);
// softmax(q^T k / sqrt(d)) v for each image and head: q [N, heads, d, T], k and v [N, heads, d, S] with adjacent features (stride 1), to [N, heads, T, d].
PT_API int pt_attention(pt_tensor q, pt_tensor k, pt_tensor v, pt_tensor* out);
// Self-attention inside the square windows of images (Liu et al. 2021): qkv [N, H, W, 3 heads d], queries, keys and values one after another, to [N, H, W, heads d]. The
// windows start `shift` pixels down and right, cyclically. softmax(scale q k^T + bias + mask) v, with a bias [heads, tokens, tokens] and a mask [windows, tokens, tokens] or null.
// Recorded for differentiation where qkv or the bias is.
PT_API int pt_window_attention(pt_tensor qkv, int64_t heads, int64_t window, int64_t shift, double scale, pt_tensor bias, pt_tensor mask, pt_tensor* out);
// x += weight (y - x), not recorded; `done` is 0 where ATen must do it.
PT_API int pt_lerp(pt_tensor x, pt_tensor y, double weight, int32_t* done);
// a b of matrices of one type, float32 or bfloat16, on the CPU; null where ATen must do it.
PT_API int pt_matrix_product(pt_tensor a, pt_tensor b, pt_tensor* out);
// x W^T + bias + residual over the last dimension, recorded for differentiation: x is float32 or bfloat16, the weights [outputs, inputs] and the bias (or null) may be more precise. The
// result has the type of the residual, float32 or that of x, or, without one, of x.
PT_API int pt_linear(pt_tensor x, pt_tensor weight, pt_tensor bias, pt_tensor residual, pt_tensor* out);
// x gain / sqrt(mean x^2 + epsilon) over the last dimension (Zhang, Sennrich 2019); the gains are [last] or, for each image, [N, last].
// Recorded for differentiation where an input is, as are the next two.
PT_API int pt_rms_norm(pt_tensor x, pt_tensor gain, double epsilon, pt_tensor* out);
// a gelu(b) of x = [a | b] in the last dimension (Shazeer 2020).
PT_API int pt_gated_gelu(pt_tensor x, pt_tensor* out);
// Attention by cosine similarity with rotary positions (Crowson et al. 2024, Sec. 3): qkv [N, ..., 3 heads d], queries, keys and values of the tokens of an image one after another, to
// [N, ..., heads d]. Queries and keys are given the length sqrt(scale) of their head; numbers i and i + d/4 of a head are rotated for i < d/4 by angles whose cosines and sines are
// [tokens, heads, d/4]. `other` [N, ..., 2 heads d], or null, holds keys and values of a second stream of the same tokens, which queries see as they see the first; its keys add share[head] times
// those of the first, or, without `share`, nothing.
// The tokens queries[t], a negative one being none, see the tokens keys[t], for each tile t; each has its own row of the mask [tiles, tile_queries, tile_keys], which is added to the
// logits, or null. Each token is to be in one tile's queries.
PT_API int pt_rotary_attention(pt_tensor qkv, pt_tensor other, int64_t heads, pt_tensor scale, pt_tensor share, pt_tensor cosines, pt_tensor sines, const int64_t* queries, const int64_t* keys,
                               const float* mask, int64_t tiles, int64_t tile_queries, int64_t tile_keys, pt_tensor* out);
// A few float32 vectors for each image times the image's own matrix [R, C] of matrices [N, R, C], whose first rows[i] rows count: x [N, K, C] to x A^T [N, K, R], zero beyond
// rows[i], or, with `transposed`, x [N, K, R] to x A [N, K, C]. Each matrix is read from memory once. Recorded for differentiation by x.
PT_API int pt_stacked_product(pt_tensor x, pt_tensor matrices, const int64_t* rows, int32_t transposed, pt_tensor* out);
// A linear map over the vectors of a stack x [N, c, M] and one more, y [N, M], in float32: z = map [x, y] for a map [k, c + 1], each z[i] times 2 sigmoid(gate[i][0] r[i] + gate[i][1]) and times
// factor[n], which may be null, where r[i] is the root of |z[i]|^2 / (mean of |z|^2 + |y|^2 + epsilon) + epsilon. Not recorded.
PT_API int pt_gated_mixture(pt_tensor x, pt_tensor y, pt_tensor map, pt_tensor gate, pt_tensor factor, double epsilon, pt_tensor* out);
// Stacks x [N, c, C, P] through the first rows[n] rows of an image's own matrix of matrices [N, R, P], for every channel alike, through the mixture above of what they measure, each of channels * rows[n]
// numbers, with as many of the first of y [N, C R], then through between [N, R, R] unless that is null, and back through the rows of back [N, R, P]: [N, k, C, P], in float32. Not recorded.
PT_API int pt_measured_mixture(pt_tensor x, pt_tensor matrices, const int64_t* rows, pt_tensor y, pt_tensor map, pt_tensor gate, pt_tensor factor, double epsilon, pt_tensor between, pt_tensor back,
                               pt_tensor* out);
// The variant of the vector code in use (avx512_bf16, avx512, avx2, portable), all that this processor can run, and a choice among them.
PT_API const char* pt_vector_variant(void);
PT_API const char* pt_vector_variants(void);
PT_API int pt_vector_variant_set(const char* name);
// Whether convolutions of 3 x 3 pixels may take fewer products than the direct form (winograd.h); they may until it is switched off, here or by POSTERIOR_PATH=direct.
PT_API void pt_winograd_enable(int32_t enabled);
PT_API int32_t pt_winograd_enabled(void);

// Whether those of bfloat16 may, too: where its products are fastest in vectors, and the vector code in use has them.
PT_API int32_t pt_winograd_halves(void);

// 1 where arithmetic in bfloat16 is faster than in single precision, which is found out by trying.
PT_API int32_t pt_has_fast_bfloat16(void);

// ---- image files ---------------------------------------------------------------------------------------------------------------
// Formats: recognised by content when loading, never by a name.
enum { PT_IMAGE_PNG = 1, PT_IMAGE_JPEG = 2, PT_IMAGE_TIFF = 3, PT_IMAGE_WEBP = 4 };

// What a file declared, beside its pixels.
typedef struct pt_image_info {
    int32_t format;       // PT_IMAGE_*; 0 when the content is none of them
    int32_t bits;         // of a sample as decoded: 8, 16, or 32 for floating point
    int32_t channels;     // as stored, with alpha
    int32_t alpha;        // 1: there was an alpha channel (flattened onto white)
    int32_t profile;      // 1: there was a colour profile
    int32_t orientation;  // EXIF orientation 1 to 8 (applied)
    int32_t pages;        // the first one is loaded
    int32_t padding;
    int64_t width;        // as stored, before the rotation
    int64_t height;
} pt_image_info;

// Decodes a PNG, JPEG, TIFF or WebP file held in memory to [H, W, 1 or 3], upright, sRGB, without alpha: uint8, int32 holding
// 0..65535, or float32: as stored, or in [0, 1] where whole numbers were flattened. An image of more than `most_pixels` is refused before
// it is decoded. `info` is filled as far as known, also after an error.
PT_API int pt_image_load(const void* data, int64_t bytes, int64_t most_pixels, pt_image_info* info, pt_tensor* pixels);
// Encodes pixels [H, W, 1 or 3] (types as above, on the CPU). `quality` is 1..100, or 0 for lossless (JPEG has no such thing).
// The result is released with pt_image_free.
PT_API int pt_image_save(pt_tensor pixels, int32_t format, int32_t quality, void** data, int64_t* bytes);
PT_API int pt_image_free(void* data);
// One line of text drawn with the system's sans-serif font at a height of about `size` pixels: coverage 0..255, uint8 [H, W, 1].
PT_API int pt_image_text(const char* text, int32_t size, pt_tensor* coverage);
// The version of libvips; "none" where the bridge was built without it.
PT_API const char* pt_image_library(void);

// ---- process -----------------------------------------------------------------------------------------------------------------
PT_API int pt_threads_set(int32_t threads);
PT_API int pt_threads(int32_t* threads);
// The version of libtorch and its build configuration, as text that lives as long as the process.
PT_API const char* pt_torch_version(void);
PT_API const char* pt_torch_config(void);
PT_API int pt_cuda_devices(int32_t* count);
// Subnormal numbers slow vector units down by two orders of magnitude; 1 flushes them to zero on this thread and the pool.
PT_API int pt_flush_denormals(int32_t enabled);
// Bytes of CPU tensors alive, their highest number so far, and bytes that are kept for new ones; -1 under POSTERIOR_ALLOCATOR=system.
PT_API int pt_memory_statistics(int64_t* used, int64_t* highest, int64_t* cached);
// Gives kept memory back to the system and counts the highest number anew.
PT_API int pt_memory_trim(void);

#ifdef __cplusplus
}
#endif
