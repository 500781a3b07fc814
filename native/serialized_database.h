#pragma once

#include <hs/hs.h>
#include <napi.h>

#include <cstdint>
#include <cstdlib>
#include <cstring>
#include <memory>

namespace vpatch {

template <typename T, auto Release>
struct Releaser {
  void operator()(T* value) const { Release(value); }
};
using Database = std::unique_ptr<hs_database_t, Releaser<hs_database_t, hs_free_database>>;

/** Far above any rule set; keeps a damaged header from asking for gigabytes of results. */
constexpr uint32_t kMaxPatterns = 1u << 22;

/** What libhs serializes does not tell how many patterns went in, and the result array must hold them all. */
struct DatabaseHeader {
  char magic[4];
  uint32_t patterns;

  static DatabaseHeader Of(uint32_t patterns) { return {{'v', 'p', 'm', '2'}, patterns}; }
  bool IsValid() const { return std::memcmp(magic, Of(0).magic, sizeof magic) == 0; }
};

/** What a matcher is loaded from: header and database. Threads may hand it on. */
class SerializedDatabase {
 public:
  hs_error_t Take(const hs_database_t& database, uint32_t patterns) {
    char* bytes = nullptr;
    const hs_error_t status = hs_serialize_database(&database, &bytes, &length_);
    bytes_.reset(bytes);
    header_ = DatabaseHeader::Of(patterns);
    return status;
  }

  /** As one Uint8Array; undefined with an exception pending on failure. */
  Napi::Value ToArray(Napi::Env env) const {
    auto result = Napi::Uint8Array::New(env, sizeof header_ + length_);
    if (env.IsExceptionPending()) return env.Undefined();
    std::memcpy(result.Data(), &header_, sizeof header_);
    std::memcpy(result.Data() + sizeof header_, bytes_.get(), length_);
    return result;
  }

 private:
  DatabaseHeader header_{};
  std::unique_ptr<char, Releaser<char, std::free>> bytes_;
  size_t length_ = 0;
};

}  // namespace vpatch
