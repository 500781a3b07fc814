#pragma once

#include <napi.h>

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <type_traits>
#include <vector>

namespace vpatch {

/** Natives alive in this process, in all its threads. The leak check reads it; nothing else does. */
extern std::atomic<int64_t> live_objects;

/** A member of every class here. Threads create and collect natives at the same time, hence the atomic. */
struct LiveObject {
  LiveObject() { live_objects.fetch_add(1, std::memory_order_relaxed); }
  ~LiveObject() { live_objects.fetch_sub(1, std::memory_order_relaxed); }
  LiveObject(const LiveObject&) = delete;
  LiveObject& operator=(const LiveObject&) = delete;
};

/** The memory of a typed array. Valid until control returns to JavaScript, which may detach it. */
template <typename Element>
struct Elements {
  Element* data = nullptr;
  size_t length = 0;
};

/** False, and no exception, when the value is not a typed array of that kind. */
template <typename Element>
bool ReadElements(napi_env env, napi_value value, Elements<Element>* out) {
  constexpr napi_typedarray_type wanted = sizeof(Element) == 1 ? napi_uint8_array : napi_uint32_array;
  static_assert(std::is_same_v<Element, uint8_t> || std::is_same_v<Element, uint32_t>);
  napi_typedarray_type type;
  void* data;
  if (napi_get_typedarray_info(env, value, &type, &out->length, &data, nullptr, nullptr) != napi_ok) return false;
  out->data = static_cast<Element*>(data);
  return type == wanted;
}

/** Part of a Uint8Array: start <= end <= length of the array. */
struct ByteRange {
  const uint8_t* bytes = nullptr;
  size_t start = 0;
  size_t end = 0;
  size_t size() const { return end - start; }
};

/** Reads three arguments (bytes, start, end). False with an exception pending when they make no range. */
bool ReadRange(Napi::Env env, const napi_value* arguments, ByteRange* out);

/**
 * Finds the natives of a thread by number. A hot method takes the number as its first argument instead of unwrapping
 * `this`, since napi_unwrap takes 60 of the 115 ns that such a call then lasts (Node 20.20). JavaScript still makes
 * the call on the wrapping object, which keeps the native alive meanwhile.
 */
template <typename T>
class Registry {
 public:
  uint32_t Add(T* value) {
    if (free_.empty()) {
      values_.push_back(value);
      return static_cast<uint32_t>(values_.size() - 1);
    }
    const uint32_t id = free_.back();
    free_.pop_back();
    values_[id] = value;
    return id;
  }

  void Remove(uint32_t id) {
    values_[id] = nullptr;
    free_.push_back(id);
  }

  /** Null with an exception pending when the argument is not the number of a live T. */
  T* Find(Napi::Env env, napi_value argument) const {
    double id;
    if (napi_get_value_double(env, argument, &id) == napi_ok && id >= 0 && id < static_cast<double>(values_.size())) {
      T* value = values_[static_cast<size_t>(id)];
      if (value != nullptr) return value;
    }
    Napi::Error::New(env, "no such native object").ThrowAsJavaScriptException();
    return nullptr;
  }

 private:
  std::vector<T*> values_;
  std::vector<uint32_t> free_;
};

/** That an object can be found in a registry: from Begin on, under the `id` that it shows, and until it ends. */
template <typename T>
class Registration {
 public:
  Registration() = default;
  Registration(const Registration&) = delete;
  Registration& operator=(const Registration&) = delete;
  ~Registration() {
    if (registry_ != nullptr) registry_->Remove(id_);
  }

  void Begin(Registry<T>& registry, T* value, const Napi::CallbackInfo& info) {
    id_ = registry.Add(value);
    registry_ = &registry;
    info.This().As<Napi::Object>().DefineProperty(
        Napi::PropertyDescriptor::Value("id", Napi::Number::New(info.Env(), id_), napi_enumerable));
  }

 private:
  Registry<T>* registry_ = nullptr;
  uint32_t id_ = 0;
};

/** A method of a class that receives its arguments as Node-API has them. */
template <typename Class>
Napi::ClassPropertyDescriptor<Class> RawMethod(const char* name, napi_callback method) {
  napi_property_descriptor descriptor{};
  descriptor.utf8name = name;
  descriptor.method = method;
  descriptor.attributes = napi_default_method;
  return Napi::ClassPropertyDescriptor<Class>(descriptor);
}

/**
 * A zeroed Uint32Array for results that outlives the call, and where its memory is. It lies in a SharedArrayBuffer:
 * JavaScript can neither detach nor shrink one, so the pointer holds for as long as the array is referenced.
 * Undefined with an exception pending on failure.
 */
Napi::Value NewSharedUint32Array(Napi::Env env, size_t length, uint32_t** data);

}  // namespace vpatch
