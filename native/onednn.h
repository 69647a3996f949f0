// What the translation units that call oneDNN share.
#pragma once
#ifdef POSTERIOR_ONEDNN
#include <ATen/core/Tensor.h>
#include <oneapi/dnnl/dnnl.hpp>

#include <string>

namespace posterior {

inline const dnnl::engine& engine() {
    static auto* instance = new dnnl::engine(dnnl::engine::kind::cpu, 0);  // never destroyed: layers may outlive every static object
    return *instance;
}

inline dnnl::stream& stream() {
    thread_local dnnl::stream instance(engine());
    return instance;
}

inline dnnl::memory::data_type type_of(const at::Tensor& tensor) {
    return tensor.scalar_type() == at::kFloat ? dnnl::memory::data_type::f32 : dnnl::memory::data_type::bf16;
}

// The reference implementations are a hundred times slower than ATen's operators.
template <class Description>
bool is_fast(const Description& chosen) {
    return std::string(chosen.impl_info_str()).find("ref") == std::string::npos;
}

}  // namespace posterior
#endif
