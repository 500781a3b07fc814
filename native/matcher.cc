#include "matcher.h"

#include <hs/hs.h>

#include <algorithm>
#include <cstdlib>
#include <cstring>
#include <iterator>
#include <memory>
#include <string>
#include <vector>

namespace vpatch {
namespace {

// What libhs serializes does not tell how many patterns went in, and the result array must hold them all.
struct Header {
  char magic[4];
  uint32_t patterns;
};
constexpr char kMagic[4] = {'v', 'p', 'm', '1'};

/** Far above any rule set; keeps a damaged header from asking for gigabytes of results. */
constexpr uint32_t kMaxPatterns = 1u << 22;

template <typename T, auto Release>
struct Releaser {
  void operator()(T* value) const { Release(value); }
};
using Database = std::unique_ptr<hs_database_t, Releaser<hs_database_t, hs_free_database>>;
using Scratch = std::unique_ptr<hs_scratch_t, Releaser<hs_scratch_t, hs_free_scratch>>;
using CompileError = std::unique_ptr<hs_compile_error_t, Releaser<hs_compile_error_t, hs_free_compile_error>>;
using Allocated = std::unique_ptr<char, Releaser<char, std::free>>;

void Throw(Napi::Env env, const std::string& what, hs_error_t code) {
  Napi::Error::New(env, what + " (libhs error " + std::to_string(code) + ")").ThrowAsJavaScriptException();
}

/** Header and database in one Uint8Array; undefined with an exception pending on failure. */
Napi::Value SerializeDatabase(Napi::Env env, const hs_database_t* database, uint32_t patterns) {
  char* bytes = nullptr;
  size_t length = 0;
  const hs_error_t status = hs_serialize_database(database, &bytes, &length);
  const Allocated owned(bytes);
  if (status != HS_SUCCESS) {
    Throw(env, "cannot serialize the pattern database", status);
    return env.Undefined();
  }
  Header header{{}, patterns};
  std::memcpy(header.magic, kMagic, sizeof kMagic);
  auto result = Napi::Uint8Array::New(env, sizeof header + length);
  if (env.IsExceptionPending()) return env.Undefined();
  std::memcpy(result.Data(), &header, sizeof header);
  std::memcpy(result.Data() + sizeof header, bytes, length);
  return result;
}

/** Throws an Error whose `pattern` is the index of the culprit, or -1 when libhs blames none. */
void ThrowCompileError(Napi::Env env, hs_error_t status, const hs_compile_error_t* error) {
  auto thrown = Napi::Error::New(env, error != nullptr && error->message != nullptr
                                          ? std::string(error->message)
                                          : "libhs error " + std::to_string(status));
  thrown.Set("pattern", Napi::Number::New(env, error != nullptr ? error->expression : -1));
  thrown.ThrowAsJavaScriptException();
}

/**
 * The bytes as a regular expression that means just them. libhs has an interface for literals, but there a pattern
 * must not begin with NUL (intel/hyperscan issue 388), as those of many binary protocols do. The expressions compile
 * to the same database as far as we can measure, in size and in speed.
 */
std::string AsExpression(const uint8_t* from, const uint8_t* to) {
  static constexpr char kDigits[] = "0123456789abcdef";
  std::string expression;
  expression.reserve(static_cast<size_t>(to - from) * 4);
  for (; from < to; from++) {
    const uint8_t folded = *from | 0x20;
    if ((*from >= '0' && *from <= '9') || (folded >= 'a' && folded <= 'z')) {
      expression += static_cast<char>(*from);
    } else {
      expression += {'\\', 'x', kDigits[*from >> 4], kDigits[*from & 15]};
    }
  }
  return expression;
}

/** compileLiterals(bytes, ends, flags): pattern i is bytes[ends[i - 1], ends[i]). Returns it serialized. */
Napi::Value CompileLiterals(const Napi::CallbackInfo& info) {
  Napi::Env env = info.Env();
  Elements<uint8_t> bytes;
  Elements<uint32_t> ends, flags;
  if (!ReadElements(env, info[0], &bytes) || !ReadElements(env, info[1], &ends) ||
      !ReadElements(env, info[2], &flags)) {
    Napi::TypeError::New(env, "expected (bytes: Uint8Array, ends: Uint32Array, flags: Uint32Array)")
        .ThrowAsJavaScriptException();
    return env.Undefined();
  }
  const size_t count = ends.length;
  if (count == 0 || count > kMaxPatterns || flags.length != count) {
    Napi::RangeError::New(env, "bad number of patterns").ThrowAsJavaScriptException();
    return env.Undefined();
  }

  std::vector<std::string> expressions(count);
  std::vector<const char*> pointers(count);
  std::vector<unsigned> hs_flags(count), ids(count);
  uint32_t start = 0;
  for (size_t i = 0; i < count; i++) {
    const uint32_t end = ends.data[i];
    if (end <= start || end > bytes.length || (flags.data[i] & ~uint32_t{HS_FLAG_CASELESS}) != 0) {
      auto error = Napi::RangeError::New(env, "the pattern is empty, out of bounds or has unknown flags");
      error.Set("pattern", Napi::Number::New(env, static_cast<double>(i)));
      error.ThrowAsJavaScriptException();
      return env.Undefined();
    }
    expressions[i] = AsExpression(bytes.data + start, bytes.data + end);
    pointers[i] = expressions[i].c_str();
    hs_flags[i] = flags.data[i] | HS_FLAG_DOTALL;
    // Without SINGLEMATCH a subject of the attacker's choice makes one call for each match of each pattern: 269,700
    // instead of 200, and eleven times the time, for "a" to "a" x 200 in 1,448 bytes of "a". With it, single bytes
    // become one automaton that is slow to make: 11 s for all 255, instead of 2 ms.
    if (end - start > 1) hs_flags[i] |= HS_FLAG_SINGLEMATCH;
    ids[i] = static_cast<unsigned>(i);
    start = end;
  }

  hs_database_t* compiled = nullptr;
  hs_compile_error_t* error = nullptr;
  const hs_error_t status = hs_compile_multi(pointers.data(), hs_flags.data(), ids.data(), static_cast<unsigned>(count),
                                              HS_MODE_BLOCK, nullptr, &compiled, &error);
  const Database database(compiled);
  const CompileError owned(error);
  if (status != HS_SUCCESS) {
    ThrowCompileError(env, status, error);
    return env.Undefined();
  }
  return SerializeDatabase(env, database.get(), static_cast<uint32_t>(count));
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
    Header header{};
    if (ReadElements(env, info[0], &serialized) && serialized.length >= sizeof header) {
      std::memcpy(&header, serialized.data, sizeof header);
    }
    if (std::memcmp(header.magic, kMagic, sizeof kMagic) != 0 || header.patterns == 0 ||
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
    id_ = registry.Add(this);
    is_registered_ = true;
    info.This().As<Napi::Object>().DefineProperty(
        Napi::PropertyDescriptor::Value("id", Napi::Number::New(env, id_), napi_enumerable));
  }

  ~Matcher() override {
    if (is_registered_) registry.Remove(id_);
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
    return SerializeDatabase(info.Env(), database_.get(), hits_.patterns());
  }

  Napi::Value DatabaseBytes(const Napi::CallbackInfo& info) {
    return Napi::Number::New(info.Env(), static_cast<double>(database_bytes_));
  }

  Database database_;
  Scratch scratch_;
  Hits hits_;
  /** Owns the memory that hits_ writes. */
  Napi::ObjectReference results_;
  uint32_t id_ = 0;
  bool is_registered_ = false;
  size_t database_bytes_ = 0;
  int64_t external_bytes_ = 0;
  LiveObject live_;
};

}  // namespace

void DefineMatcher(Napi::Env env, Napi::Object exports) {
  exports.Set("Matcher", Matcher::Define(env));
  exports.Set("compileLiterals", Napi::Function::New<CompileLiterals>(env, "compileLiterals"));
  exports.Set("MATCH_CASELESS", Napi::Number::New(env, HS_FLAG_CASELESS));
}

}  // namespace vpatch
