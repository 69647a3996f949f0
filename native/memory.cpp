// The CPU allocator that libtorch uses in this process: large blocks are kept for the next tensor of about the same size.
//
// A network evaluation makes and frees the same activations again and again. Fresh memory from the system costs a page fault per
// 4 KiB; blocks that stay mapped, on huge pages, cost nothing. POSTERIOR_ALLOCATOR=system leaves libtorch's own allocator in place
// (for memory checkers).
#include "bridge.h"

#include <c10/core/Allocator.h>
#include <c10/core/CPUAllocator.h>

#include <sys/mman.h>

#include <algorithm>
#include <atomic>
#include <cstdlib>
#include <cstring>
#include <mutex>
#include <string>
#include <vector>

namespace {

constexpr size_t header_bytes = 64;  // in front of the data, which stays aligned to a cache line
constexpr size_t cached_from = size_t{256} << 10;
constexpr size_t huge_page = size_t{2} << 20;

std::atomic<size_t> in_use{0}, peak{0};

// How much may be kept: what is kept and what is in use stay below the most that was ever in use, so that keeping costs no memory that was not needed anyway. The
// activations of a training all come free at once in its backward pass, and come again in the next step.
size_t most_cached() {
    constexpr size_t always = size_t{512} << 20;
    const auto now = in_use.load(std::memory_order_relaxed), highest = peak.load(std::memory_order_relaxed);
    return highest > now ? std::max(highest - now, always) : always;
}

struct Header {
    void* base;
    size_t bytes;  // of the whole block; 0 for a small one, which belongs to malloc
    size_t used;   // of the caller
};
static_assert(sizeof(Header) <= header_bytes, "the header fits in front of the data");

// Eight sizes per power of two: at most 12.5% of a block is unused.
size_t rounded(size_t bytes) {
    size_t step = 4096;
    while (step * 16 <= bytes) step *= 2;
    return (bytes + step - 1) / step * step;
}

void* map(size_t bytes) {
    if (bytes < huge_page) {
        void* block = ::mmap(nullptr, bytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
        return block == MAP_FAILED ? nullptr : block;
    }
    // Aligned by hand: what lies outside the aligned part goes back at once.
    void* raw = ::mmap(nullptr, bytes + huge_page, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (raw == MAP_FAILED) return nullptr;
    auto start = reinterpret_cast<uintptr_t>(raw);
    auto aligned = (start + huge_page - 1) / huge_page * huge_page;
    if (aligned > start) ::munmap(raw, aligned - start);
    auto tail = start + bytes + huge_page - (aligned + bytes);
    if (tail > 0) ::munmap(reinterpret_cast<void*>(aligned + bytes), tail);
    auto block = reinterpret_cast<void*>(aligned);
    ::madvise(block, bytes / huge_page * huge_page, MADV_HUGEPAGE);
    return block;
}

class BlockCache {
   public:
    void* take(size_t bytes) {
        std::lock_guard<std::mutex> lock(mutex_);
        auto best = blocks_.end();
        for (auto block = blocks_.begin(); block != blocks_.end(); ++block)
            if (block->bytes >= bytes && block->bytes <= bytes + bytes / 4 && (best == blocks_.end() || block->bytes <= best->bytes)) best = block;
        if (best == blocks_.end()) return nullptr;
        auto found = *best;
        blocks_.erase(best);
        cached_ -= found.bytes;
        size_ = found.bytes;
        return found.base;
    }

    size_t size_of_taken() const { return size_; }

    void put(void* base, size_t bytes) {
        std::vector<Block> dropped;
        {
            std::lock_guard<std::mutex> lock(mutex_);
            blocks_.push_back({base, bytes});
            cached_ += bytes;
            while (cached_ > most_cached()) drop_oldest(dropped);
        }
        for (const auto& block : dropped) ::munmap(block.base, block.bytes);
    }

    void trim() {
        std::vector<Block> dropped;
        {
            std::lock_guard<std::mutex> lock(mutex_);
            while (!blocks_.empty()) drop_oldest(dropped);
        }
        for (const auto& block : dropped) ::munmap(block.base, block.bytes);
    }

    size_t cached() {
        std::lock_guard<std::mutex> lock(mutex_);
        return cached_;
    }

   private:
    struct Block {
        void* base;
        size_t bytes;
    };

    void drop_oldest(std::vector<Block>& dropped) {
        dropped.push_back(blocks_.front());
        cached_ -= blocks_.front().bytes;
        blocks_.erase(blocks_.begin());
    }

    std::mutex mutex_;
    std::vector<Block> blocks_;  // free ones, the oldest first
    size_t cached_ = 0;
    static thread_local size_t size_;
};

thread_local size_t BlockCache::size_ = 0;

BlockCache& cache() {
    static auto* instance = new BlockCache;  // never destroyed: tensors may outlive every static object
    return *instance;
}

void count(size_t bytes) {
    auto now = in_use.fetch_add(bytes, std::memory_order_relaxed) + bytes;
    auto highest = peak.load(std::memory_order_relaxed);
    while (now > highest && !peak.compare_exchange_weak(highest, now, std::memory_order_relaxed)) {
    }
}

void release_block(void* data) {
    if (data == nullptr) return;
    auto header = *reinterpret_cast<Header*>(static_cast<char*>(data) - header_bytes);
    in_use.fetch_sub(header.used, std::memory_order_relaxed);
    if (header.bytes == 0) std::free(header.base);
    else cache().put(header.base, header.bytes);
}

void* allocate_block(size_t bytes) {
    void* base = nullptr;
    size_t whole = 0;
    if (bytes < cached_from) {
        if (::posix_memalign(&base, 64, bytes + header_bytes) != 0) base = nullptr;
    } else {
        whole = rounded(bytes + header_bytes);
        base = cache().take(whole);
        if (base != nullptr) {
            whole = cache().size_of_taken();
        } else if ((base = map(whole)) == nullptr) {
            cache().trim();
            base = map(whole);
        }
    }
    if (base == nullptr) throw std::bad_alloc();
    auto data = static_cast<char*>(base) + header_bytes;
    Header header{base, whole, bytes};
    std::memcpy(base, &header, sizeof header);
    count(bytes);
    return data;
}

struct CachingAllocator final : c10::Allocator {
    // libtorch 2.3 dropped the const and 2.2 added copy_data: without `override` the same text serves all of them.
    c10::DataPtr allocate(size_t bytes) { return make(bytes); }
    c10::DataPtr allocate(size_t bytes) const { return make(bytes); }
    void copy_data(void* destination, const void* source, size_t bytes) const { std::memcpy(destination, source, bytes); }
    c10::DeleterFnPtr raw_deleter() const override { return &release_block; }

   private:
    static c10::DataPtr make(size_t bytes) {
        if (bytes == 0) return {nullptr, nullptr, &release_block, c10::Device(c10::DeviceType::CPU)};
        auto data = allocate_block(bytes);
        return {data, data, &release_block, c10::Device(c10::DeviceType::CPU)};
    }
};

const bool installed = [] {
    auto choice = std::getenv("POSTERIOR_ALLOCATOR");
    if (choice != nullptr && std::string(choice) == "system") return false;
    c10::SetCPUAllocator(new CachingAllocator, 1);
    return true;
}();

}  // namespace

extern "C" {

int pt_memory_statistics(int64_t* used, int64_t* highest, int64_t* cached) {
    return posterior::guard([&] {
        *used = installed ? static_cast<int64_t>(in_use.load()) : -1;
        *highest = installed ? static_cast<int64_t>(peak.load()) : -1;
        *cached = installed ? static_cast<int64_t>(cache().cached()) : -1;
    });
}

int pt_memory_trim(void) {
    return posterior::guard([&] {
        cache().trim();
        peak.store(in_use.load());
    });
}

}  // extern "C"
