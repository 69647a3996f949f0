// Any ATen operator by name: arguments are converted as the operator's schema asks, then the dispatcher is called boxed.
#include "bridge.h"

#include <ATen/core/dispatch/Dispatcher.h>
#include <ATen/core/ivalue.h>
#include <ATen/core/jit_type.h>
#include <map>
#include <memory>
#include <mutex>
#include <stdexcept>
#include <utility>
#include <vector>

namespace {

using c10::IValue;
using c10::TypeKind;

// c10::optional before libtorch 2.4, std::optional since.
using OptionalTensor = decltype(std::declval<IValue>().toOptional<at::Tensor>());

struct Parameter {
    TypeKind kind;
    TypeKind element;  // of a list
    bool optional_element = false;
};

struct Operator {
    c10::OperatorHandle handle;
    std::vector<Parameter> parameters;
};

Parameter parameter_of(const c10::TypePtr& declared) {
    auto type = declared;
    if (auto optional = type->cast<c10::OptionalType>()) type = optional->getElementType();
    Parameter parameter{type->kind(), TypeKind::AnyType};
    if (auto list = type->cast<c10::ListType>()) {
        auto element = list->getElementType();
        if (auto optional = element->cast<c10::OptionalType>()) {
            parameter.optional_element = true;
            element = optional->getElementType();
        }
        parameter.element = element->kind();
    }
    return parameter;
}

template <class T>
std::vector<T> vector_of(const pt_value& value) {
    auto first = static_cast<const T*>(value.p);
    return std::vector<T>(first, first + value.length);
}

IValue tensor_list(const Parameter& parameter, const pt_value& value) {
    auto handles = static_cast<const pt_tensor*>(value.p);
    if (parameter.optional_element) {
        c10::List<OptionalTensor> list;
        for (int32_t i = 0; i < value.length; ++i)
            list.push_back(handles[i] == nullptr ? OptionalTensor() : OptionalTensor(posterior::borrow(handles[i])));
        return list;
    }
    c10::List<at::Tensor> list;
    for (int32_t i = 0; i < value.length; ++i) list.push_back(posterior::borrow(handles[i]));
    return list;
}

IValue argument_of(const Parameter& parameter, const pt_value& value) {
    switch (value.tag) {
        case PT_NONE: return {};
        case PT_TENSOR: return posterior::borrow(const_cast<pt_tensor>(value.p));
        case PT_INT:
            if (parameter.kind == TypeKind::FloatType) return static_cast<double>(value.i);
            if (parameter.kind == TypeKind::ListType) return std::vector<int64_t>{value.i};
            return value.i;
        case PT_DOUBLE: return value.d;
        case PT_BOOL: return value.i != 0;
        case PT_INT_LIST: {
            auto integers = vector_of<int64_t>(value);
            if (parameter.element == TypeKind::FloatType) return std::vector<double>(integers.begin(), integers.end());
            return integers;
        }
        case PT_DOUBLE_LIST: return vector_of<double>(value);
        case PT_BOOL_LIST: {
            c10::List<bool> list;
            auto flags = static_cast<const uint8_t*>(value.p);
            for (int32_t i = 0; i < value.length; ++i) list.push_back(flags[i] != 0);
            return list;
        }
        case PT_TENSOR_LIST: return tensor_list(parameter, value);
        case PT_STRING: return std::string(static_cast<const char*>(value.p), value.length);
        case PT_DEVICE:
            return c10::Device(static_cast<c10::DeviceType>(value.i & 255), static_cast<c10::DeviceIndex>(value.i >> 8));
        default: throw std::invalid_argument("an operator argument has an unknown tag");
    }
}

struct Results {
    pt_value* values;
    int32_t capacity;
    int32_t count = 0;

    void push(pt_value value) {
        if (count == capacity) throw std::length_error("an operator returned more values than the caller has room for");
        values[count++] = value;
    }

    void push(const IValue& value) {
        pt_value out{};
        if (value.isTensor()) {
            out.tag = PT_TENSOR;
            out.p = posterior::release(value.toTensor());
            push(out);
        } else if (value.isInt()) {
            out.tag = PT_INT;
            out.i = value.toInt();
            push(out);
        } else if (value.isDouble()) {
            out.tag = PT_DOUBLE;
            out.d = value.toDouble();
            push(out);
        } else if (value.isBool()) {
            out.tag = PT_BOOL;
            out.i = value.toBool();
            push(out);
        } else if (value.isTensorList()) {
            for (const auto& tensor : value.toTensorVector()) push(IValue(tensor));
        } else if (value.isNone()) {
            push(out);
        } else {
            throw std::invalid_argument("an operator returned a value of type " + value.tagKind() + ", which the bridge does not carry");
        }
    }
};

}  // namespace

extern "C" {

int pt_op_find(const char* name, const char* overload, pt_op* op) {
    return posterior::guard([&] {
        static std::mutex mutex;
        static std::map<std::pair<std::string, std::string>, std::unique_ptr<Operator>> known;
        std::lock_guard<std::mutex> lock(mutex);
        auto& entry = known[{name, overload}];
        if (!entry) {
            auto found = std::make_unique<Operator>(Operator{c10::Dispatcher::singleton().findSchemaOrThrow(name, overload), {}});
            for (const auto& argument : found->handle.schema().arguments()) found->parameters.push_back(parameter_of(argument.type()));
            entry = std::move(found);
        }
        *op = entry.get();
    });
}

int pt_op_call(pt_op op, const pt_value* arguments, int32_t argument_count, pt_value* results, int32_t* count) {
    return posterior::guard([&] {
        const auto& target = *static_cast<const Operator*>(op);
        const auto total = static_cast<int32_t>(target.parameters.size());
        if (argument_count > total) throw std::invalid_argument("too many arguments for " + toString(target.handle.schema()));
        std::vector<IValue> stack;
        stack.reserve(total);
        for (int32_t i = 0; i < argument_count; ++i) stack.push_back(argument_of(target.parameters[i], arguments[i]));
        for (int32_t i = argument_count; i < total; ++i) {
            const auto& fallback = target.handle.schema().arguments()[i].default_value();
            if (!fallback) throw std::invalid_argument("too few arguments for " + toString(target.handle.schema()));
            stack.push_back(*fallback);
        }
        target.handle.callBoxed(&stack);
        Results out{results, *count};
        try {
            for (const auto& value : stack) out.push(value);
        } catch (...) {
            for (int32_t i = 0; i < out.count; ++i)
                if (results[i].tag == PT_TENSOR) pt_tensor_free(const_cast<pt_tensor>(results[i].p));
            throw;
        }
        *count = out.count;
    });
}

}  // extern "C"
