#define PCRE2_CODE_UNIT_WIDTH 8

#include "regex.h"

#include <pcre2.h>
#include <time.h>

#include <algorithm>
#include <cstdint>
#include <iterator>
#include <memory>
#include <string>

namespace vpatch {
namespace {

// The machine stack is not for patterns to spend: JIT code gets its own, which grows to this at most.
constexpr size_t kJitStackStartBytes = 32 * 1024;
constexpr size_t kJitStackMaxBytes = 512 * 1024;
/** Backtracking of the interpreter lives on the heap, where PCRE2's default limit is 20 GB. */
constexpr uint32_t kHeapLimitKibibytes = 16 * 1024;

/** How long matches are looked for before each step is counted, and so much more for each byte: most take less. */
constexpr int64_t kUncountedNs = 500'000;
constexpr int64_t kUncountedNsPerByte = 4;
/**
 * PCRE2's match limit holds for each offset at which a match may begin, and between two steps that it counts a repeat
 * may run over all of the subject. Before steps are counted, the limit for a long subject is this by its length, so
 * that no single offset takes more than some milliseconds.
 */
constexpr size_t kUncountedBytesPerOffset = size_t{1} << 24;
constexpr uint32_t kLeastMatchLimit = 256;
/** What one offset takes at most, by that limit and rather more. */
constexpr int64_t kDearestOffsetNs = 4'000'000;
/**
 * Where steps are counted: what all offsets together may cost, some twenty milliseconds and, for each byte, eight
 * steps. A step costs as much as 16 bytes that a repeat runs over. It is more than what can be done uncounted, so that
 * the clock decides only who does the work, not what comes out.
 */
constexpr uint64_t kWork = 1 << 25;
constexpr uint64_t kWorkPerByte = 128;
constexpr uint64_t kWorkPerStep = 16;
/** The match limit where steps are counted: PCRE2 optimises less then, and a repeat counts that would not otherwise. */
constexpr uint32_t kCountedLimits = 8;
/** So many times as long where the steps can't be counted: with callouts some patterns are too large for PCRE2. */
constexpr int64_t kUncountablePatience = 40;

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

thread_local Workspace workspace;

/** Compiled, and JIT code where that can be had. */
class Program {
 public:
  /** Empty where PCRE2 does not take the pattern; `error_offset` and the number of the error then tell why. */
  static Program Compile(const std::string& pattern, uint32_t flags, int* error, size_t* error_offset) {
    Program program;
    // Traffic is bytes: a pattern must not turn it into UTF-8 by "(*UTF)", which would make most of it an error.
    program.code_.reset(pcre2_compile(reinterpret_cast<PCRE2_SPTR>(pattern.data()), pattern.size(),
                                      flags | PCRE2_NEVER_UTF | PCRE2_NEVER_UCP, error, error_offset, nullptr));
    return program;
  }

  explicit operator bool() const { return code_ != nullptr; }
  bool is_jit() const { return is_jit_; }

  uint32_t Captures() const {
    uint32_t captures = 0;
    pcre2_pattern_info(code_.get(), PCRE2_INFO_CAPTURECOUNT, &captures);
    return captures;
  }

  size_t Bytes() const {
    size_t code_bytes = 0;
    size_t jit_bytes = 0;
    if (code_ != nullptr) pcre2_pattern_info(code_.get(), PCRE2_INFO_SIZE, &code_bytes);
    if (is_jit_) pcre2_pattern_info(code_.get(), PCRE2_INFO_JITSIZE, &jit_bytes);
    return code_bytes + jit_bytes;
  }

  void CompileJit() {
    // There is no JIT code where JIT is not built in, where the kernel forbids it, for the few patterns that it cannot
    // do, and, with success for an answer, after "(*NO_JIT)". The interpreter finds the same matches, more slowly.
    pcre2_jit_compile(code_.get(), PCRE2_JIT_COMPLETE);
    size_t jit_bytes = 0;
    pcre2_pattern_info(code_.get(), PCRE2_INFO_JITSIZE, &jit_bytes);
    is_jit_ = jit_bytes > 0;
  }

  /** Calls `watch.Check()` where the pattern has a callout; with false for an answer it ends in PCRE2_ERROR_CALLOUT. */
  template <typename Watch>
  int Execute(const uint8_t* subject, size_t length, size_t from, uint32_t match_limit, Watch* watch) const {
    pcre2_match_context* context = workspace.context();
    pcre2_match_data* data = workspace.data();
    pcre2_set_match_limit(context, match_limit);
    pcre2_set_callout(
        context,
        [](pcre2_callout_block* block, void* watching) {
          return static_cast<Watch*>(watching)->Check(*block) ? 0 : PCRE2_ERROR_CALLOUT;
        },
        watch);
    if (is_jit_) {
      // pcre2_jit_match skips the checks of pcre2_match: those of the offsets are done, and there is no UTF.
      const int status = pcre2_jit_match(code_.get(), subject, length, from, 0, data, context);
      // A long subject may need more stack than JIT code has. The interpreter keeps the same state on the heap, so
      // an attacker gains no blind spot by length alone.
      if (status != PCRE2_ERROR_JIT_STACKLIMIT) return status;
    }
    return pcre2_match(code_.get(), subject, length, from, PCRE2_NO_JIT, data, context);
  }

 private:
  Code code_;
  bool is_jit_ = false;
};

int64_t NowNs(clockid_t clock) {
  timespec now{};
  clock_gettime(clock, &now);
  return int64_t{now.tv_sec} * 1'000'000'000 + now.tv_nsec;
}

/**
 * Asked at each offset at which a match may begin: is it still soon? Others may have the processor meanwhile, and what
 * they take is not the match's. But the clock that tells is slow to read, so that it starts only when the other one
 * says that time is up, or at once where `is_exact`.
 */
class Stopwatch {
 public:
  explicit Stopwatch(size_t length, int64_t patience = 1)
      : allowed_ns_(patience * (kUncountedNs + kUncountedNsPerByte * static_cast<int64_t>(length))),
        is_exact_(patience > 1) {}

  bool Check(const pcre2_callout_block&) {
    // Of the first offsets each may be dear; behind them the clock would cost more than most of them do.
    const bool is_due = offsets_ < 16 ? (offsets_ & (offsets_ - 1)) == 0 : offsets_ % 16 == 0;
    if (offsets_++ == 0) Start();
    else if (is_due && NowNs(CLOCK_MONOTONIC) - start_ns_ > allowed_ns_) return IsSoonInProcessorTime();
    return true;
  }

  /** Since the first offset; 0 if there was none. */
  uint32_t Work() const {
    if (offsets_ == 0) return 0;
    const int64_t elapsed_ns = NowNs(CLOCK_MONOTONIC) - start_ns_;
    const int64_t most_ns = processor_start_ns_ < 0
                                ? allowed_ns_ + kDearestOffsetNs
                                : uncharted_ns_ + NowNs(CLOCK_THREAD_CPUTIME_ID) - processor_start_ns_;
    return static_cast<uint32_t>(std::min<int64_t>(std::min(elapsed_ns, most_ns), kUnset));
  }

 private:
  void Start() {
    start_ns_ = NowNs(CLOCK_MONOTONIC);
    if (is_exact_) processor_start_ns_ = NowNs(CLOCK_THREAD_CPUTIME_ID);
  }

  bool IsSoonInProcessorTime() {
    const int64_t now_ns = NowNs(CLOCK_THREAD_CPUTIME_ID);
    if (processor_start_ns_ < 0) {
      processor_start_ns_ = now_ns;
      uncharted_ns_ = allowed_ns_;
    }
    return now_ns - processor_start_ns_ <= allowed_ns_;
  }

  int64_t allowed_ns_;
  bool is_exact_;
  uint32_t offsets_ = 0;
  int64_t start_ns_ = 0;
  int64_t processor_start_ns_ = -1;
  /** What it may have taken before the slow clock was started. */
  int64_t uncharted_ns_ = 0;
};

/** Asked before each item of a pattern is tried: what have all steps cost, with the bytes that repeats ran over? */
class StepCounter {
 public:
  explicit StepCounter(size_t length) : allowed_work_(kWork + kWorkPerByte * length) {}

  bool Check(const pcre2_callout_block& block) {
    const size_t at = block.current_position;
    work_ += kWorkPerStep + static_cast<uint64_t>(at > last_at_ ? at - last_at_ : last_at_ - at);
    last_at_ = at;
    return work_ <= allowed_work_;
  }

  uint32_t Work() const { return static_cast<uint32_t>(std::min<uint64_t>(work_, kUnset)); }

 private:
  uint64_t allowed_work_;
  uint64_t work_ = 0;
  size_t last_at_ = 0;
};

class Regex;
thread_local Registry<Regex> registry;

class Regex : public Napi::ObjectWrap<Regex> {
 public:
  /** Regex(pattern: Uint8Array, flags, matchLimit, depthLimit) */
  explicit Regex(const Napi::CallbackInfo& info) : Napi::ObjectWrap<Regex>(info) {
    Napi::Env env = info.Env();
    Elements<uint8_t> bytes;
    if (!ReadElements(env, info[0], &bytes) || !info[1].IsNumber() || !info[2].IsNumber() || !info[3].IsNumber()) {
      Napi::TypeError::New(env, "expected (pattern, flags, matchLimit, depthLimit)").ThrowAsJavaScriptException();
      return;
    }
    const uint32_t flags = info[1].As<Napi::Number>().Uint32Value();
    if ((flags & ~KnownFlags()) != 0) {
      Napi::RangeError::New(env, "unknown regex flags").ThrowAsJavaScriptException();
      return;
    }
    flags_ = flags;
    if (bytes.length > 0) pattern_.assign(reinterpret_cast<const char*>(bytes.data), bytes.length);
    match_limit_ = info[2].As<Napi::Number>().Uint32Value();
    depth_limit_ = info[3].As<Napi::Number>().Uint32Value();
    if (!Compile(env)) return;

    pairs_ = plain_.Captures() + 1;
    if (!workspace.Reserve(pairs_)) {
      Napi::Error::New(env, "out of memory").ThrowAsJavaScriptException();
      return;
    }

    const Napi::Value groups = NewSharedUint32Array(env, size_t{pairs_} * 2 + 1, &groups_data_);
    if (env.IsExceptionPending()) return;
    std::fill_n(groups_data_, size_t{pairs_} * 2, kUnset);
    groups_ = Napi::Persistent(groups.As<Napi::Object>());
    info.This().As<Napi::Object>().DefineProperty(Napi::PropertyDescriptor::Value("groups", groups, napi_enumerable));

    NoteMemory(env);
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
  bool Compile(Napi::Env env) {
    int error = 0;
    size_t error_offset = 0;
    plain_ = Program::Compile(pattern_, flags_, &error, &error_offset);
    if (plain_) return true;
    unsigned char message[256] = "";
    pcre2_get_error_message(error, message, sizeof message);
    auto thrown = Napi::Error::New(env, reinterpret_cast<const char*>(message));
    thrown.Set("offset", Napi::Number::New(env, static_cast<double>(error_offset)));
    thrown.ThrowAsJavaScriptException();
    return false;
  }

  /** With the first match: of most patterns in a large set of rules there is none, and the code takes memory. */
  void Prepare(Napi::Env env) {
    if (is_prepared_) return;
    is_prepared_ = true;
    // What is in a group means the same. Behind a comment that goes to the end of the pattern, or with settings like
    // "(*NO_JIT)" at its beginning, it does not compile: then steps are counted from the first one on.
    const std::string timed = "(?C)(?:" + pattern_ + ((flags_ & PCRE2_EXTENDED) != 0 ? "\n)" : ")");
    int error = 0;
    size_t error_offset = 0;
    timed_ = Program::Compile(timed, flags_, &error, &error_offset);
    if (timed_) plain_ = Program();
    (timed_ ? timed_ : plain_).CompileJit();
    NoteMemory(env);
    if (!timed_) PrepareCounted(env);
  }

  void PrepareCounted(Napi::Env env) {
    if (is_counted_tried_) return;
    is_counted_tried_ = true;
    int error = 0;
    size_t error_offset = 0;
    counted_ = Program::Compile(pattern_, flags_ | PCRE2_AUTO_CALLOUT, &error, &error_offset);
    if (!counted_) return;
    counted_.CompileJit();
    NoteMemory(env);
  }

  /** What the programs take outside of V8's heap. */
  void NoteMemory(Napi::Env env) {
    const auto bytes = static_cast<int64_t>(pattern_.size() + plain_.Bytes() + timed_.Bytes() + counted_.Bytes());
    Napi::MemoryManagement::AdjustExternalMemory(env, bytes - external_bytes_);
    external_bytes_ = bytes;
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
    regex->Prepare(env);
    napi_value result = nullptr;
    napi_create_int32(env, regex->MatchRange(env, range, static_cast<size_t>(from)), &result);
    return result;
  }

  int32_t MatchRange(Napi::Env env, const ByteRange& range, size_t from) {
    const uint8_t* subject = range.size() > 0 ? range.bytes + range.start : &kNoBytes;
    return Report(Execute(env, subject, range.size(), from - range.start), range.start);
  }

  int Execute(Napi::Env env, const uint8_t* subject, size_t length, size_t from) {
    pcre2_set_depth_limit(workspace.context(), depth_limit_);
    uint32_t& work = groups_data_[size_t{pairs_} * 2];
    work = 0;
    const size_t affordable = kUncountedBytesPerOffset / std::max<size_t>(length, 1);
    const auto match_limit = static_cast<uint32_t>(
        std::min<size_t>(match_limit_, std::max<size_t>(affordable, kLeastMatchLimit)));
    if (timed_) {
      Stopwatch watch(length);
      const int status = timed_.Execute(subject, length, from, match_limit, &watch);
      work = watch.Work();
      const bool is_undecided = status == PCRE2_ERROR_MATCHLIMIT && match_limit < match_limit_;
      if (status != PCRE2_ERROR_CALLOUT && !is_undecided) return status;
    }
    PrepareCounted(env);
    if (!counted_) {
      Stopwatch watch(length, kUncountablePatience);
      const int status = (timed_ ? timed_ : plain_).Execute(subject, length, from, match_limit, &watch);
      work += watch.Work();
      return status;
    }
    StepCounter counter(length);
    const uint32_t counted_limit = match_limit_ > kUnset / kCountedLimits ? kUnset : match_limit_ * kCountedLimits;
    const int status = counted_.Execute(subject, length, from, counted_limit, &counter);
    work += counter.Work();
    return status;
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
      case PCRE2_ERROR_MATCHLIMIT:
      case PCRE2_ERROR_CALLOUT: return kMatchLimit;
      case PCRE2_ERROR_DEPTHLIMIT: return kDepthLimit;
      case PCRE2_ERROR_HEAPLIMIT: return kHeapLimit;
      default: return kOther;
    }
  }

  Napi::Value IsJit(const Napi::CallbackInfo& info) {
    Prepare(info.Env());
    return Napi::Boolean::New(info.Env(), (timed_ ? timed_ : plain_).is_jit());
  }

  std::string pattern_;
  uint32_t flags_ = 0;
  /** As it was given. Empty once there is the next one. */
  Program plain_;
  /** With a callout at each offset at which a match may begin. Empty until the first match, or if it can't be had. */
  Program timed_;
  /** With a callout before each item. Empty until it is needed, being ten times as slow, or if it can't be had. */
  Program counted_;
  /** The groups' offsets, and behind them the work. */
  uint32_t* groups_data_ = nullptr;
  /** Owns the memory of groups_data_. */
  Napi::ObjectReference groups_;
  uint32_t pairs_ = 0;
  uint32_t match_limit_ = 0;
  uint32_t depth_limit_ = 0;
  bool is_prepared_ = false;
  bool is_counted_tried_ = false;
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
