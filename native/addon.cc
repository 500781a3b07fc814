#include "addon.h"

#include <malloc.h>
#include <time.h>

#include "connection_marks.h"
#include "matcher.h"
#include "notify.h"
#include "pattern_compiler.h"
#include "peer.h"
#include "queue.h"
#include "regex.h"

namespace vpatch {

std::atomic<int64_t> live_objects{0};

bool ReadRange(Napi::Env env, const napi_value* arguments, ByteRange* out) {
  Elements<uint8_t> bytes;
  double start, end;
  if (!ReadElements(env, arguments[0], &bytes) || napi_get_value_double(env, arguments[1], &start) != napi_ok ||
      napi_get_value_double(env, arguments[2], &end) != napi_ok) {
    Napi::TypeError::New(env, "expected (bytes: Uint8Array, start: number, end: number)").ThrowAsJavaScriptException();
    return false;
  }
  // Compared as doubles, so that neither NaN nor a number beyond 2^32 can wrap into the range. Both libraries
  // behind this take 32-bit lengths or offsets.
  if (!(start >= 0 && start <= end && end <= static_cast<double>(bytes.length) && end < 0xffffffffu)) {
    Napi::RangeError::New(env, "start and end must lie in the bytes, start first").ThrowAsJavaScriptException();
    return false;
  }
  out->bytes = bytes.data;
  out->start = static_cast<size_t>(start);
  out->end = static_cast<size_t>(end);
  return true;
}

Napi::Value NewSharedUint32Array(Napi::Env env, size_t length, uint32_t** data) {
  // Node-API has no call that makes a SharedArrayBuffer.
  Napi::Object global = env.Global();
  const Napi::Value bytes = Napi::Number::New(env, static_cast<double>(length * sizeof(uint32_t)));
  const Napi::Value memory = global.Get("SharedArrayBuffer").As<Napi::Function>().New({bytes});
  if (env.IsExceptionPending()) return env.Undefined();
  const Napi::Value array = global.Get("Uint32Array").As<Napi::Function>().New({memory});
  if (env.IsExceptionPending()) return env.Undefined();
  Elements<uint32_t> elements;
  if (!ReadElements(env, array, &elements) || elements.length != length) {
    Napi::Error::New(env, "cannot allocate shared memory").ThrowAsJavaScriptException();
    return env.Undefined();
  }
  *data = elements.data;
  return array;
}

namespace {

Napi::Value LiveObjects(const Napi::CallbackInfo& info) {
  return Napi::Number::New(info.Env(), static_cast<double>(live_objects.load(std::memory_order_relaxed)));
}

/**
 * Compiling patterns takes and frees tens of megabytes in one thread or another. By default each thread keeps an arena
 * of its own, and what is freed in the middle of one: here a service that runs for weeks would carry it along.
 */
void ReturnFreedMemory() {
  mallopt(M_ARENA_MAX, 1);
  mallopt(M_MMAP_THRESHOLD, 64 * 1024);
  mallopt(M_TRIM_THRESHOLD, 64 * 1024);
}

/** What was freed in the middle of the arenas goes back to the system too. */
void TrimMemory(const Napi::CallbackInfo&) { malloc_trim(0); }

/** Processor time that the calling thread has had, in milliseconds. */
Napi::Value ThreadProcessorMs(const Napi::CallbackInfo& info) {
  timespec used;
  clock_gettime(CLOCK_THREAD_CPUTIME_ID, &used);
  return Napi::Number::New(info.Env(), static_cast<double>(used.tv_sec) * 1e3 + static_cast<double>(used.tv_nsec) / 1e6);
}

Napi::Object Init(Napi::Env env, Napi::Object exports) {
  ReturnFreedMemory();
  exports.Set("liveObjects", Napi::Function::New<LiveObjects>(env, "liveObjects"));
  exports.Set("trimMemory", Napi::Function::New<TrimMemory>(env, "trimMemory"));
  exports.Set("threadProcessorMs", Napi::Function::New<ThreadProcessorMs>(env, "threadProcessorMs"));
  DefineMatcher(env, exports);
  DefinePatternCompiler(env, exports);
  DefineRegex(env, exports);
  DefineQueue(env, exports);
  DefinePeer(env, exports);
  DefineNotify(env, exports);
  DefineConnectionMarks(env, exports);
  return exports;
}

}  // namespace
}  // namespace vpatch

static Napi::Object InitVpatch(Napi::Env env, Napi::Object exports) { return vpatch::Init(env, exports); }
NODE_API_MODULE(vpatch, InitVpatch)
