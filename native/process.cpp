// Process-wide facts and settings: threads, versions, devices.
#include "bridge.h"

#include <ATen/ATen.h>
#include <ATen/Parallel.h>
#include <ATen/Version.h>
#include <torch/cuda.h>
#include <torch/version.h>

using posterior::guard;

extern "C" {

int pt_threads_set(int32_t threads) {
    return guard([&] { at::set_num_threads(threads); });
}

int pt_threads(int32_t* threads) {
    return guard([&] { *threads = at::get_num_threads(); });
}

const char* pt_torch_version(void) { return TORCH_VERSION; }

const char* pt_torch_config(void) {
    static const std::string text = at::show_config() + at::get_parallel_info();
    return text.c_str();
}

int pt_cuda_devices(int32_t* count) {
    return guard([&] { *count = at::hasCUDA() ? static_cast<int32_t>(torch::cuda::device_count()) : 0; });
}

int pt_flush_denormals(int32_t enabled) {
    return guard([&] {
        at::globalContext().setFlushDenormal(enabled != 0);
        // Pool threads have their own control word.
        at::parallel_for(0, at::get_num_threads(), 1, [&](int64_t, int64_t) { at::globalContext().setFlushDenormal(enabled != 0); });
    });
}

}  // extern "C"
