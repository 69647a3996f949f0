// What the bridge's translation units share: handles to tensors and the guard that turns exceptions into a status and a text.
#pragma once
#include "posterior.h"

#include <ATen/core/Tensor.h>
#include <exception>
#include <new>
#include <string>

namespace posterior {

PT_API void remember_error(const char* message) noexcept;

// Whether libtorch records operations on it for differentiation.
bool recorded(const at::Tensor& tensor);

// Whether it is a dense float or bfloat16 tensor of the CPU.
bool plain(const at::Tensor& tensor);

// Whether its memory is [N, positions, C] without gaps.
bool channels_last(const at::Tensor& tensor);

// libtorch's recorded functions take no undefined tensors: an empty one stands for one that is absent.
at::Tensor placeholder(const at::Tensor& tensor);

// What a placeholder stands for.
at::Tensor present(const at::Tensor& tensor);

// The address of an element, counted without strides.
inline char* at_element(const at::Tensor& tensor, int64_t index) { return static_cast<char*>(tensor.data_ptr()) + index * tensor.element_size(); }

// A borrowed tensor: a new reference for the duration of the call, so that another thread may free its handle meanwhile.
inline at::Tensor borrow(pt_tensor handle) {
    if (handle == nullptr) return {};
    return at::Tensor(c10::intrusive_ptr<at::TensorImpl, at::UndefinedTensorImpl>::unsafe_reclaim_from_nonowning(
        static_cast<at::TensorImpl*>(handle)));
}

inline pt_tensor release(at::Tensor tensor) {
    return tensor.defined() ? static_cast<pt_tensor>(tensor.unsafeReleaseTensorImpl()) : nullptr;
}

template <class F>
int guard(F&& body) noexcept {
    try {
        body();
        return PT_OK;
    } catch (const c10::Error& error) {
        remember_error(error.what_without_backtrace());
    } catch (const std::bad_alloc&) {
        remember_error("out of memory");
    } catch (const std::exception& error) {
        remember_error(error.what());
    } catch (...) {
        remember_error("an exception of an unknown type");
    }
    return PT_ERROR;
}

}  // namespace posterior
