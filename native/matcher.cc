#include "matcher.h"

#include <algorithm>
#include <cstring>
#include <iterator>
#include <memory>
#include <string>
#include <vector>

#include "serialized_database.h"

namespace vpatch {
namespace {

using Scratch = std::unique_ptr<hs_scratch_t, Releaser<hs_scratch_t, hs_free_scratch>>;

void Throw(Napi::Env env, const std::string& what, hs_error_t code) {
  Napi::Error::New(env, what + " (libhs error " + std::to_string(code) + ")").ThrowAsJavaScriptException();
}

/** The distinct ids that a scan reports. */
class Hits {
 public:
  void Init(uint32_t* ids, uint32_t patterns) {
    ids_ = ids;
    scan_of_.assign(patterns, 0);
  }

  void Clear() {
    count_ = 0;
    if (++scan_ == 0) {
      std::fill(scan_of_.begin(), scan_of_.end(), 0);
      scan_ = 1;
    }
  }

  void Add(uint32_t id) {
    // A header that does not fit its database must not become a write out of bounds.
    if (id >= scan_of_.size() || scan_of_[id] == scan_) return;
    scan_of_[id] = scan_;
    ids_[count_++] = id;
  }

  uint32_t count() const { return count_; }
  uint32_t patterns() const { return static_cast<uint32_t>(scan_of_.size()); }

 private:
  uint32_t* ids_ = nullptr;
  uint32_t count_ = 0;
  uint32_t scan_ = 0;
  /** For each pattern the last scan that it was found in. JavaScript may write into ids_, so that tells nothing. */
  std::vector<uint32_t> scan_of_;
};

int OnMatch(unsigned id, unsigned long long, unsigned long long, unsigned, void* hits) {
  static_cast<Hits*>(hits)->Add(id);
  return 0;
}

class Matcher;
thread_local Registry<Matcher> registry;

class Matcher : public Napi::ObjectWrap<Matcher> {
 public:
  /** Matcher(serialized) */
  explicit Matcher(const Napi::CallbackInfo& info) : Napi::ObjectWrap<Matcher>(info) {
    Napi::Env env = info.Env();
    Elements<uint8_t> serialized;
    DatabaseHeader header{};
    if (ReadElements(env, info[0], &serialized) && serialized.length >= sizeof header) {
      std::memcpy(&header, serialized.data, sizeof header);
    }
    if (!header.IsValid() || header.patterns == 0 ||
        header.patterns > kMaxPatterns) {
      Napi::RangeError::New(env, "not a serialized matcher").ThrowAsJavaScriptException();
      return;
    }

    hs_database_t* database = nullptr;
    hs_error_t status = hs_deserialize_database(reinterpret_cast<const char*>(serialized.data) + sizeof header,
                                                serialized.length - sizeof header, &database);
    database_.reset(database);
    if (status != HS_SUCCESS) {
      Throw(env, "the serialized matcher is damaged, or made by another libhs or for another processor", status);
      return;
    }
    hs_scratch_t* scratch = nullptr;
    status = hs_alloc_scratch(database, &scratch);
    scratch_.reset(scratch);
    if (status != HS_SUCCESS) {
      Throw(env, "cannot allocate scratch memory", status);
      return;
    }

    uint32_t* ids = nullptr;
    const Napi::Value results = NewSharedUint32Array(env, header.patterns, &ids);
    if (env.IsExceptionPending()) return;
    hits_.Init(ids, header.patterns);
    results_ = Napi::Persistent(results.As<Napi::Object>());
    info.This().As<Napi::Object>().DefineProperty(Napi::PropertyDescriptor::Value("results", results, napi_enumerable));

    size_t scratch_bytes = 0;
    hs_scratch_size(scratch, &scratch_bytes);
    hs_database_size(database, &database_bytes_);
    external_bytes_ = static_cast<int64_t>(database_bytes_ + scratch_bytes);
    Napi::MemoryManagement::AdjustExternalMemory(env, external_bytes_);
    registration_.Begin(registry, this, info);
  }

  void Finalize(Napi::BasicEnv env) override { Napi::MemoryManagement::AdjustExternalMemory(env, -external_bytes_); }

  static Napi::Function Define(Napi::Env env) {
    return DefineClass(env, "Matcher",
                       {
                           RawMethod<Matcher>("scan", Scan),
                           InstanceMethod<&Matcher::Serialize>("serialize"),
                           InstanceAccessor<&Matcher::DatabaseBytes>("databaseBytes"),
                       });
  }

 private:
  /** scan(id, bytes, start, end) */
  static napi_value Scan(napi_env env, napi_callback_info info) {
    napi_value arguments[4];
    size_t count = std::size(arguments);
    napi_get_cb_info(env, info, &count, arguments, nullptr, nullptr);
    ByteRange range;
    if (!ReadRange(env, arguments + 1, &range)) return nullptr;
    Matcher* matcher = registry.Find(env, arguments[0]);
    if (matcher == nullptr || !matcher->ScanRange(env, range)) return nullptr;
    napi_value hits = nullptr;
    napi_create_uint32(env, matcher->hits_.count(), &hits);
    return hits;
  }

  bool ScanRange(Napi::Env env, const ByteRange& range) {
    hits_.Clear();
    // libhs refuses a null pointer, which is what an empty array may have; no pattern is empty.
    if (range.size() == 0) return true;
    const hs_error_t status =
        hs_scan(database_.get(), reinterpret_cast<const char*>(range.bytes) + range.start,
                static_cast<unsigned>(range.size()), 0, scratch_.get(), OnMatch, &hits_);
    if (status != HS_SUCCESS) Throw(env, "scan failed", status);
    return status == HS_SUCCESS;
  }

  Napi::Value Serialize(const Napi::CallbackInfo& info) {
    const Napi::Env env = info.Env();
    SerializedDatabase serialized;
    const hs_error_t status = serialized.Take(*database_, hits_.patterns());
    if (status == HS_SUCCESS) return serialized.ToArray(env);
    Throw(env, "cannot serialize the pattern database", status);
    return env.Undefined();
  }

  Napi::Value DatabaseBytes(const Napi::CallbackInfo& info) {
    return Napi::Number::New(info.Env(), static_cast<double>(database_bytes_));
  }

  Database database_;
  Scratch scratch_;
  Hits hits_;
  /** Owns the memory that hits_ writes. */
  Napi::ObjectReference results_;
  Registration<Matcher> registration_;
  size_t database_bytes_ = 0;
  int64_t external_bytes_ = 0;
  LiveObject live_;
};

}  // namespace

void DefineMatcher(Napi::Env env, Napi::Object exports) {
  exports.Set("Matcher", Matcher::Define(env));
  exports.Set("MATCH_CASELESS", Napi::Number::New(env, HS_FLAG_CASELESS));
}

}  // namespace vpatch
