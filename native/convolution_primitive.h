// The convolutions that oneDNN makes for one layer: a primitive for each shape and kind of call, with the weights packed as it wants them.
#pragma once
#ifdef POSTERIOR_ONEDNN
#include "onednn.h"

#include <ATen/ATen.h>

#include <memory>
#include <vector>

namespace posterior {

// The weights of a layer [outputs, inputs / groups, rows, columns] and how its filter moves.
struct ConvolutionLayer {
    at::Tensor weight, bias;  // the bias may be undefined
    int64_t strides[2], padding[2], groups;

    bool is_one_pixel() const { return weight.size(2) == 1 && weight.size(3) == 1; }
};

// What a primitive is made for.
struct ConvolutionCall {
    int64_t batch, height, width, threads;
    dnnl::memory::data_type type;
    int32_t activation;
    bool residual, overwrites;

    bool operator==(const ConvolutionCall& other) const {
        return batch == other.batch && height == other.height && width == other.width && threads == other.threads && type == other.type &&
               activation == other.activation && residual == other.residual && overwrites == other.overwrites;
    }
};

// The layout of a convolution that does not work on channels-last memory, and the copies from and to it.
struct ConvolutionBlocks {
    dnnl::memory::desc source, destination;
    dnnl::reorder enter, enter_residual, leave;
};

struct ConvolutionPrimitive {
    ConvolutionCall call;
    dnnl::memory::desc source, destination;  // channels-last
    dnnl::convolution_forward run;           // empty when oneDNN has no fast implementation
    std::shared_ptr<at::Tensor> packed;
    dnnl::memory::desc packed_layout;
    bool usable = false;
    bool accumulates = false;  // the residual is copied to the result first
    std::unique_ptr<ConvolutionBlocks> blocks;
};

// The primitives of one layer that are kept. Not for several threads at once.
class ConvolutionPrimitives {
   public:
    // For images that become `height` x `width` pixels.
    std::shared_ptr<const ConvolutionPrimitive> find(const ConvolutionLayer& layer, const ConvolutionCall& call, int64_t height, int64_t width);

    // Forgets all, because the weights have changed.
    void clear() { known_.clear(); }

   private:
    void make(const ConvolutionLayer& layer, ConvolutionPrimitive& result, int64_t height, int64_t width) const;
    bool make_in_blocks(const ConvolutionLayer& layer, ConvolutionPrimitive& result, int64_t height, int64_t width) const;
    void take(const ConvolutionLayer& layer, ConvolutionPrimitive& result, const dnnl::convolution_forward::primitive_desc& chosen) const;

    std::vector<std::shared_ptr<const ConvolutionPrimitive>> known_;
};

}  // namespace posterior
#endif
