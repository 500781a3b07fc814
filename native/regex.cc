#define PCRE2_CODE_UNIT_WIDTH 8

#include "regex.h"

#include <pcre2.h>

#include <algorithm>
#include <iterator>
#include <memory>

namespace vpatch {
namespace {

// The machine stack is not for patterns to spend: JIT code gets its own, which grows to this at most.
constexpr size_t kJitStackStartBytes = 32 * 1024;
constexpr size_t kJitStackMaxBytes = 512 * 1024;
/** Backtracking of the interpreter lives on the heap, where PCRE2's default limit is 20 GB. */
constexpr uint32_t kHeapLimitKibibytes = 16 * 1024;

constexpr uint32_t kUnset = 0xffffffff;
/** Where a subject or pattern without bytes starts: the address of an empty array may be null. */
constexpr uint8_t kNoBytes = 0;

/** What `match` returns below zero. */
enum MatchError : int32_t {
  kMatchLimit = -1,
  kDepthLimit = -2,
  kHeapLimit = -3,
  kOther = -4,
};

struct NamedFlag {
  const char* name;
  uint32_t value;
};
constexpr NamedFlag kFlags[] = {
    {"CASELESS", PCRE2_CASELESS}, {"DOTALL", PCRE2_DOTALL},
    {"MULTILINE", PCRE2_MULTILINE}, {"EXTENDED", PCRE2_EXTENDED},
    {"ANCHORED", PCRE2_ANCHORED}, {"DOLLAR_ENDONLY", PCRE2_DOLLAR_ENDONLY},
    {"UNGREEDY", PCRE2_UNGREEDY},
};

constexpr uint32_t KnownFlags() {
  uint32_t known = 0;
  for (const NamedFlag& flag : kFlags) known |= flag.value;
  return known;
}

template <typename T, auto Release>
struct Releaser {
  void operator()(T* value) const { Release(value); }
};
using Code = std::unique_ptr<pcre2_code, Releaser<pcre2_code, pcre2_code_free>>;
using MatchData = std::unique_ptr<pcre2_match_data, Releaser<pcre2_match_data, pcre2_match_data_free>>;
using MatchContext = std::unique_ptr<pcre2_match_context, Releaser<pcre2_match_context, pcre2_match_context_free>>;
using JitStack = std::unique_ptr<pcre2_jit_stack, Releaser<pcre2_jit_stack, pcre2_jit_stack_free>>;

/**
 * What a match needs besides the pattern. A thread has one for all its patterns: a match never calls back into
 * JavaScript, so no two of them run at once.
 */
class Workspace {
 public:
  Workspace()
      : stack_(pcre2_jit_stack_create(kJitStackStartBytes, kJitStackMaxBytes, nullptr)),
        context_(pcre2_match_context_create(nullptr)) {
    if (context_ == nullptr) return;
    pcre2_set_heap_limit(context_.get(), kHeapLimitKibibytes);
    // Without a stack of our own, JIT code falls back to 32 KiB of the machine stack.
    if (stack_ != nullptr) pcre2_jit_stack_assign(context_.get(), nullptr, stack_.get());
  }

  bool Reserve(uint32_t pairs) {
    if (pairs > pairs_) {
      data_.reset(pcre2_match_data_create(pairs, nullptr));
      pairs_ = data_ != nullptr ? pairs : 0;
    }
    return data_ != nullptr && context_ != nullptr;
  }

  pcre2_match_context* context() { return context_.get(); }
  pcre2_match_data* data() { return data_.get(); }

 private:
  JitStack stack_;
  MatchContext context_;
  MatchData data_;
  uint32_t pairs_ = 0;
};

class Regex;
thread_local Registry<Regex> registry;
thread_local Workspace workspace;

class Regex : public Napi::ObjectWrap<Regex> {
 public:
  /** Regex(pattern: Uint8Array, flags, matchLimit, depthLimit) */
  explicit Regex(const Napi::CallbackInfo& info) : Napi::ObjectWrap<Regex>(info) {
    Napi::Env env = info.Env();
    Elements<uint8_t> pattern;
    if (!ReadElements(env, info[0], &pattern) || !info[1].IsNumber() || !info[2].IsNumber() || !info[3].IsNumber()) {
      Napi::TypeError::New(env, "expected (pattern, flags, matchLimit, depthLimit)").ThrowAsJavaScriptException();
      return;
    }
    const uint32_t flags = info[1].As<Napi::Number>().Uint32Value();
    if ((flags & ~KnownFlags()) != 0) {
      Napi::RangeError::New(env, "unknown regex flags").ThrowAsJavaScriptException();
      return;
    }
    match_limit_ = info[2].As<Napi::Number>().Uint32Value();
    depth_limit_ = info[3].As<Napi::Number>().Uint32Value();
    if (!Compile(env, pattern, flags)) return;

    uint32_t captures = 0;
    pcre2_pattern_info(code_.get(), PCRE2_INFO_CAPTURECOUNT, &captures);
    pairs_ = captures + 1;
    if (!workspace.Reserve(pairs_)) {
      Napi::Error::New(env, "out of memory").ThrowAsJavaScriptException();
      return;
    }

    const Napi::Value groups = NewSharedUint32Array(env, size_t{pairs_} * 2, &groups_data_);
    if (env.IsExceptionPending()) return;
    std::fill_n(groups_data_, size_t{pairs_} * 2, kUnset);
    groups_ = Napi::Persistent(groups.As<Napi::Object>());
    info.This().As<Napi::Object>().DefineProperty(Napi::PropertyDescriptor::Value("groups", groups, napi_enumerable));

    size_t code_bytes = 0;
    pcre2_pattern_info(code_.get(), PCRE2_INFO_SIZE, &code_bytes);
    NoteMemory(env, code_bytes);
    registration_.Begin(registry, this, info);
  }

  void Finalize(Napi::BasicEnv env) override { Napi::MemoryManagement::AdjustExternalMemory(env, -external_bytes_); }

  static Napi::Function Define(Napi::Env env) {
    return DefineClass(env, "Regex",
                       {
                           RawMethod<Regex>("match", Match),
                           InstanceAccessor<&Regex::IsJit>("isJit"),
                       });
  }

 private:
  bool Compile(Napi::Env env, const Elements<uint8_t>& pattern, uint32_t flags) {
    int error = 0;
    size_t error_offset = 0;
    // Traffic is bytes: a pattern must not turn it into UTF-8 by "(*UTF)", which would make most of it an error.
    code_.reset(pcre2_compile(pattern.length > 0 ? pattern.data : &kNoBytes, pattern.length,
                              flags | PCRE2_NEVER_UTF | PCRE2_NEVER_UCP, &error, &error_offset, nullptr));
    if (code_ == nullptr) {
      unsigned char message[256] = "";
      pcre2_get_error_message(error, message, sizeof message);
      auto thrown = Napi::Error::New(env, reinterpret_cast<const char*>(message));
      thrown.Set("offset", Napi::Number::New(env, static_cast<double>(error_offset)));
      thrown.ThrowAsJavaScriptException();
      return false;
    }
    return true;
  }

  /** With the first match: of most patterns in a large set of rules there is none, and the code takes memory. */
  void CompileJit(Napi::Env env) {
    if (is_jit_tried_) return;
    is_jit_tried_ = true;
    // There is no JIT code where JIT is not built in, where the kernel forbids it, for the few patterns that it cannot
    // do, and, with success for an answer, after "(*NO_JIT)". The interpreter finds the same matches, more slowly.
    pcre2_jit_compile(code_.get(), PCRE2_JIT_COMPLETE);
    size_t jit_bytes = 0;
    pcre2_pattern_info(code_.get(), PCRE2_INFO_JITSIZE, &jit_bytes);
    is_jit_ = jit_bytes > 0;
    NoteMemory(env, jit_bytes);
  }

  /** More of it, outside of V8's heap. */
  void NoteMemory(Napi::Env env, size_t bytes) {
    external_bytes_ += static_cast<int64_t>(bytes);
    Napi::MemoryManagement::AdjustExternalMemory(env, static_cast<int64_t>(bytes));
  }

  /** match(id, bytes, start, end, from) */
  static napi_value Match(napi_env env, napi_callback_info info) {
    napi_value arguments[5];
    size_t count = std::size(arguments);
    napi_get_cb_info(env, info, &count, arguments, nullptr, nullptr);
    ByteRange range;
    double from;
    if (!ReadRange(env, arguments + 1, &range)) return nullptr;
    if (napi_get_value_double(env, arguments[4], &from) != napi_ok ||
        !(from >= static_cast<double>(range.start) && from <= static_cast<double>(range.end))) {
      Napi::RangeError::New(env, "from must lie between start and end").ThrowAsJavaScriptException();
      return nullptr;
    }
    Regex* regex = registry.Find(env, arguments[0]);
    if (regex == nullptr) return nullptr;
    regex->CompileJit(env);
    napi_value result = nullptr;
    napi_create_int32(env, regex->MatchRange(range, static_cast<size_t>(from)), &result);
    return result;
  }

  int32_t MatchRange(const ByteRange& range, size_t from) {
    const uint8_t* subject = range.size() > 0 ? range.bytes + range.start : &kNoBytes;
    return Report(Execute(subject, range.size(), from - range.start), range.start);
  }

  int Execute(const uint8_t* subject, size_t length, size_t from) {
    pcre2_match_context* context = workspace.context();
    pcre2_match_data* data = workspace.data();
    pcre2_set_match_limit(context, match_limit_);
    pcre2_set_depth_limit(context, depth_limit_);
    if (is_jit_) {
      // pcre2_jit_match skips the checks of pcre2_match: those of the offsets are done, and there is no UTF.
      const int status = pcre2_jit_match(code_.get(), subject, length, from, 0, data, context);
      // A long subject may need more stack than JIT code has. The interpreter keeps the same state on the heap, so
      // an attacker gains no blind spot by length alone.
      if (status != PCRE2_ERROR_JIT_STACKLIMIT) return status;
    }
    return pcre2_match(code_.get(), subject, length, from, PCRE2_NO_JIT, data, context);
  }

  int32_t Report(int status, size_t start) {
    if (status > 0) {
      const size_t* offsets = pcre2_get_ovector_pointer(workspace.data());
      const uint32_t reported = 2 * static_cast<uint32_t>(status);
      for (uint32_t i = 0; i < 2 * pairs_; i++) {
        const bool is_set = i < reported && offsets[i] != PCRE2_UNSET;
        groups_data_[i] = is_set ? static_cast<uint32_t>(offsets[i] + start) : kUnset;
      }
      return status;
    }
    switch (status) {
      case PCRE2_ERROR_NOMATCH: return 0;
      case PCRE2_ERROR_MATCHLIMIT: return kMatchLimit;
      case PCRE2_ERROR_DEPTHLIMIT: return kDepthLimit;
      case PCRE2_ERROR_HEAPLIMIT: return kHeapLimit;
      default: return kOther;
    }
  }

  Napi::Value IsJit(const Napi::CallbackInfo& info) {
    CompileJit(info.Env());
    return Napi::Boolean::New(info.Env(), is_jit_);
  }

  Code code_;
  uint32_t* groups_data_ = nullptr;
  /** Owns the memory of groups_data_. */
  Napi::ObjectReference groups_;
  uint32_t pairs_ = 0;
  uint32_t match_limit_ = 0;
  uint32_t depth_limit_ = 0;
  bool is_jit_tried_ = false;
  bool is_jit_ = false;
  Registration<Regex> registration_;
  int64_t external_bytes_ = 0;
  LiveObject live_;
};

}  // namespace

void DefineRegex(Napi::Env env, Napi::Object exports) {
  exports.Set("Regex", Regex::Define(env));

  auto flags = Napi::Object::New(env);
  for (const NamedFlag& flag : kFlags) flags.Set(flag.name, Napi::Number::New(env, flag.value));
  exports.Set("regexFlags", flags);

  auto errors = Napi::Object::New(env);
  errors.Set("MATCH_LIMIT", Napi::Number::New(env, kMatchLimit));
  errors.Set("DEPTH_LIMIT", Napi::Number::New(env, kDepthLimit));
  errors.Set("HEAP_LIMIT", Napi::Number::New(env, kHeapLimit));
  errors.Set("OTHER", Napi::Number::New(env, kOther));
  exports.Set("regexErrors", errors);
}

}  // namespace vpatch
