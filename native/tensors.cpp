// Handles: creation from and reading into plain memory, shape and type; what the fast path asks of a tensor.
#include "bridge.h"

#include <ATen/ATen.h>
#include <cstring>
#include <stdexcept>

namespace posterior {
namespace {
thread_local std::string last_error;
}

void remember_error(const char* message) noexcept {
    try {
        last_error = message;
    } catch (...) {
        last_error.clear();
    }
}

bool plain(const at::Tensor& tensor) {
    return tensor.device().is_cpu() && tensor.layout() == at::kStrided && (tensor.scalar_type() == at::kFloat || tensor.scalar_type() == at::kBFloat16);
}

at::Tensor placeholder(const at::Tensor& tensor) { return tensor.defined() ? tensor : at::empty({0}, at::kFloat); }

at::Tensor present(const at::Tensor& tensor) { return tensor.dim() == 1 && tensor.numel() == 0 ? at::Tensor() : tensor; }

bool recorded(const at::Tensor& tensor) { return tensor.defined() && c10::GradMode::is_enabled() && tensor.requires_grad(); }

// Whether the memory is [N, positions, C] without gaps.
bool channels_last(const at::Tensor& x) {
    if (x.dim() < 3) return false;
    const auto channels = x.size(1);
    if (channels > 1 && x.stride(1) != 1) return false;
    auto expected = channels;
    for (auto d = x.dim() - 1; d >= 2; --d) {
        if (x.size(d) > 1 && x.stride(d) != expected) return false;
        expected *= x.size(d);
    }
    return x.size(0) <= 1 || x.stride(0) == expected;
}

}  // namespace posterior

using posterior::borrow;
using posterior::guard;

extern "C" {

const char* pt_error(void) { return posterior::last_error.c_str(); }

int pt_tensor_new(const void* data, int64_t bytes, int32_t dtype, const int64_t* shape, int32_t rank, pt_tensor* out) {
    return guard([&] {
        auto tensor = at::empty(at::IntArrayRef(shape, rank), at::TensorOptions().dtype(static_cast<at::ScalarType>(dtype)));
        if (data != nullptr) {
            if (static_cast<int64_t>(tensor.nbytes()) != bytes) throw std::invalid_argument("the data's size does not match the shape and type");
            if (bytes > 0) std::memcpy(tensor.data_ptr(), data, bytes);
        }
        *out = posterior::release(std::move(tensor));
    });
}

int pt_tensor_free(pt_tensor tensor) {
    return guard([&] {
        if (tensor != nullptr)
            c10::intrusive_ptr<at::TensorImpl, at::UndefinedTensorImpl>::reclaim(static_cast<at::TensorImpl*>(tensor));
    });
}

int pt_tensor_alias(pt_tensor tensor, pt_tensor* out) {
    return guard([&] { *out = posterior::release(borrow(tensor)); });
}

int pt_tensor_info(pt_tensor tensor, int64_t* shape, int64_t* strides, int32_t capacity, int32_t* rank, int32_t* dtype, int32_t* device) {
    return guard([&] {
        auto t = borrow(tensor);
        *rank = static_cast<int32_t>(t.dim());
        *dtype = static_cast<int32_t>(t.scalar_type());
        *device = static_cast<int32_t>(t.device().type()) + 256 * (t.device().has_index() ? t.device().index() : 0);
        for (int32_t i = 0; i < *rank && i < capacity; ++i) {
            shape[i] = t.size(i);
            strides[i] = t.stride(i);
        }
    });
}

int pt_tensor_data(pt_tensor tensor, void** data) {
    return guard([&] {
        auto t = borrow(tensor);
        if (!t.device().is_cpu()) throw std::invalid_argument("the memory of a tensor on " + t.device().str() + " cannot be read directly");
        *data = t.data_ptr();
    });
}

int pt_tensor_read(pt_tensor tensor, void* data, int64_t bytes) {
    return guard([&] {
        at::NoGradGuard no_grad;
        auto t = borrow(tensor).detach().cpu().resolve_conj().resolve_neg().contiguous();
        if (static_cast<int64_t>(t.nbytes()) != bytes) throw std::invalid_argument("the buffer's size does not match the tensor's");
        if (bytes > 0) std::memcpy(data, t.data_ptr(), bytes);
    });
}

}  // extern "C"
