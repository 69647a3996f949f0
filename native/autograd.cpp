// Reverse-mode differentiation through libtorch's engine.
#include "bridge.h"

#include <ATen/ATen.h>
#include <torch/csrc/autograd/autograd.h>
#include <torch/csrc/autograd/variable.h>

using posterior::borrow;
using posterior::guard;

namespace {
torch::autograd::variable_list list_of(const pt_tensor* handles, int32_t count) {
    torch::autograd::variable_list list;
    for (int32_t i = 0; i < count; ++i) list.push_back(borrow(handles[i]));
    return list;
}
}  // namespace

extern "C" {

int pt_grad_mode(int32_t enabled, int32_t* previous) {
    return guard([&] {
        *previous = c10::GradMode::is_enabled();
        c10::GradMode::set_enabled(enabled != 0);
    });
}

int pt_requires_grad_set(pt_tensor tensor, int32_t value) {
    return guard([&] { borrow(tensor).set_requires_grad(value != 0); });
}

int pt_requires_grad(pt_tensor tensor, int32_t* value) {
    return guard([&] { *value = borrow(tensor).requires_grad(); });
}

int pt_backward(pt_tensor tensor, pt_tensor gradient, int32_t retain_graph) {
    return guard([&] {
        torch::autograd::variable_list gradients;
        if (gradient != nullptr) gradients.push_back(borrow(gradient));
        torch::autograd::backward({borrow(tensor)}, gradients, retain_graph != 0);
    });
}

int pt_grad(const pt_tensor* outputs, const pt_tensor* gradients, int32_t output_count, const pt_tensor* inputs, int32_t input_count,
            int32_t retain_graph, pt_tensor* results) {
    return guard([&] {
        auto seeds = gradients == nullptr ? torch::autograd::variable_list{} : list_of(gradients, output_count);
        auto found = torch::autograd::grad(list_of(outputs, output_count), list_of(inputs, input_count), seeds, retain_graph != 0, false, true);
        for (int32_t i = 0; i < input_count; ++i) results[i] = posterior::release(std::move(found[i]));
    });
}

int pt_tensor_grad(pt_tensor tensor, pt_tensor* out) {
    return guard([&] { *out = posterior::release(borrow(tensor).grad()); });
}

int pt_tensor_grad_clear(pt_tensor tensor) {
    return guard([&] { borrow(tensor).mutable_grad().reset(); });
}

}  // extern "C"
