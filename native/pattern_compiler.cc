#include "pattern_compiler.h"

#include <pthread.h>

#include <condition_variable>
#include <map>
#include <memory>
#include <mutex>
#include <random>
#include <string>
#include <vector>

#include "addon.h"
#include "serialized_database.h"

namespace vpatch {
namespace {

using CompileError = std::unique_ptr<hs_compile_error_t, Releaser<hs_compile_error_t, hs_free_compile_error>>;

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

/**
 * libhs makes a second engine for subjects below 70 bytes: one automaton of all patterns. For some hundred of them it
 * takes 80 % of the time and of the memory of compiling (150 ms and 68 MB for 951), and 700 KB of a database of 780, or
 * else is thrown away as too large. Without it, subjects of 30 bytes take less time, and those of 12 bytes some
 * nanoseconds more. Nothing switches it off, but it is not made where an expression asks for the start of its match.
 * This one does so, and is never reported: its number is that of no pattern.
 */
constexpr char kNoSmallEngine[] = "\\x01\\xfe\\x02\\xfd\\x03\\xfc\\x04\\xfb(?:a|bcc)";
/** Bytes of all patterns: a small automaton is soon made, and from some 8,000 states on libhs does not try. */
constexpr size_t kMinCostlyBytes = 800, kMaxCostlyBytes = 24000;
/** With starts of matches, each match takes a nanosecond more: much, where single bytes match all the time. */
constexpr size_t kMaxSingleBytes = 2;

/**
 * Where a few patterns begin alike, libhs leaps over what none of them begins with, by pairs of bytes. On x86 the leap
 * of Vectorscan (issue 317 of its repository; 5.4.9 is Debian 12's) goes over some matches as well: of random sets of
 * two to six patterns, every fourth misses one in some place, and of those of 9 to 40, every fortieth. There is no leap
 * where patterns begin with all sorts of bytes. These do, and are never reported: their numbers are those of no
 * patterns. They cost some ten nanoseconds a scan at most. A pattern that is alone is searched for in another way,
 * which misses nothing.
 */
std::vector<std::string> ExpressionsAgainstLeaps() {
  constexpr size_t kExpressions = 16, kBytes = 8;
  std::mt19937 random(7);
  std::vector<std::string> expressions(kExpressions);
  for (std::string& expression : expressions) {
    uint8_t bytes[kBytes];
    for (uint8_t& byte : bytes) byte = static_cast<uint8_t>(random());
    expression = AsExpression(bytes, bytes + kBytes);
  }
  return expressions;
}

/** Patterns that become one database. */
class Compilation {
 public:
  /** Pattern i is bytes[ends[i - 1], ends[i]). False with an exception pending where they are none. */
  bool Read(const Napi::CallbackInfo& info) {
    Napi::Env env = info.Env();
    Elements<uint8_t> bytes;
    Elements<uint32_t> ends, flags;
    if (!ReadElements(env, info[0], &bytes) || !ReadElements(env, info[1], &ends) ||
        !ReadElements(env, info[2], &flags)) {
      Napi::TypeError::New(env, "expected (bytes: Uint8Array, ends: Uint32Array, flags: Uint32Array)")
          .ThrowAsJavaScriptException();
      return false;
    }
    const size_t count = ends.length;
    if (count == 0 || count > kMaxPatterns || flags.length != count) {
      Napi::RangeError::New(env, "bad number of patterns").ThrowAsJavaScriptException();
      return false;
    }

    expressions_.resize(count);
    flags_.resize(count);
    uint32_t start = 0;
    size_t single_bytes = 0;
    for (size_t i = 0; i < count; i++) {
      const uint32_t end = ends.data[i];
      if (end <= start || end > bytes.length || (flags.data[i] & ~uint32_t{HS_FLAG_CASELESS}) != 0) {
        auto error = Napi::RangeError::New(env, "the pattern is empty, out of bounds or has unknown flags");
        error.Set("pattern", Napi::Number::New(env, static_cast<double>(i)));
        error.ThrowAsJavaScriptException();
        return false;
      }
      expressions_[i] = AsExpression(bytes.data + start, bytes.data + end);
      flags_[i] = flags.data[i] | HS_FLAG_DOTALL;
      // Without SINGLEMATCH a subject of the attacker's choice makes one call for each match of each pattern: 269,700
      // instead of 200, and eleven times the time, for "a" to "a" x 200 in 1,448 bytes of "a". With it, single bytes
      // become one automaton that is slow to make: 11 s for all 255, instead of 2 ms.
      if (end - start > 1) flags_[i] |= HS_FLAG_SINGLEMATCH;
      else single_bytes++;
      start = end;
    }
    has_costly_engine_ = start >= kMinCostlyBytes && start <= kMaxCostlyBytes && single_bytes <= kMaxSingleBytes;
    return true;
  }

  /** In any thread. */
  void Run() {
    const size_t count = expressions_.size();
    std::vector<const char*> pointers(count);
    std::vector<unsigned> ids(count);
    for (size_t i = 0; i < count; i++) {
      pointers[i] = expressions_[i].c_str();
      ids[i] = static_cast<unsigned>(i);
    }
    std::vector<unsigned> flags = flags_;
    const auto add_unreported = [&](const char* expression, unsigned expression_flags, size_t id) {
      pointers.push_back(expression);
      flags.push_back(HS_FLAG_DOTALL | expression_flags);
      ids.push_back(static_cast<unsigned>(id));
    };
    // Of one number, libhs wants all expressions to have the same flags.
    if (has_costly_engine_) add_unreported(kNoSmallEngine, HS_FLAG_SOM_LEFTMOST, count);
    static const std::vector<std::string> against_leaps = ExpressionsAgainstLeaps();
    if (pointers.size() > 1) {
      for (const auto& expression : against_leaps) add_unreported(expression.c_str(), HS_FLAG_SINGLEMATCH, count + 1);
    }
    hs_database_t* compiled = nullptr;
    hs_compile_error_t* error = nullptr;
    status_ = hs_compile_multi(pointers.data(), flags.data(), ids.data(), static_cast<unsigned>(pointers.size()),
                               HS_MODE_BLOCK, nullptr, &compiled, &error);
    const Database database(compiled);
    error_.reset(error);
    if (status_ == HS_SUCCESS) status_ = serialized_.Take(*database, static_cast<uint32_t>(count));
  }

  /** Behind Run. Throws an Error whose `pattern` is the index of the culprit, or -1 when libhs blames none. */
  Napi::Value Result(Napi::Env env) const {
    if (status_ == HS_SUCCESS) return serialized_.ToArray(env);
    const bool isTold = error_ != nullptr && error_->message != nullptr;
    auto thrown = Napi::Error::New(env, isTold ? std::string(error_->message)
                                               : "libhs error " + std::to_string(status_));
    thrown.Set("pattern", Napi::Number::New(env, error_ != nullptr ? error_->expression : -1));
    thrown.ThrowAsJavaScriptException();
    return env.Undefined();
  }

  size_t patterns() const { return expressions_.size(); }

  enum class State { kWaiting, kRunning, kDone };
  State state = State::kWaiting;

 private:
  std::vector<std::string> expressions_;
  std::vector<unsigned> flags_;
  bool has_costly_engine_ = false;
  hs_error_t status_ = HS_SUCCESS;
  CompileError error_;
  SerializedDatabase serialized_;
};

/**
 * Compiles sets of patterns in a thread of its own while JavaScript goes on, and in the thread of JavaScript as well
 * once that waits for one of them. Not in more: libhs takes megabytes for each set that it is at.
 */
class PatternCompiler : public Napi::ObjectWrap<PatternCompiler> {
 public:
  explicit PatternCompiler(const Napi::CallbackInfo& info) : Napi::ObjectWrap<PatternCompiler>(info) {}

  ~PatternCompiler() override {
    {
      const std::lock_guard lock(mutex_);
      is_closing_ = true;
    }
    if (has_helper_) pthread_join(helper_, nullptr);
  }

  static Napi::Function Define(Napi::Env env) {
    return DefineClass(env, "PatternCompiler",
                       {
                           InstanceMethod<&PatternCompiler::Begin>("begin"),
                           InstanceMethod<&PatternCompiler::Finish>("finish"),
                       });
  }

 private:
  using Lock = std::unique_lock<std::mutex>;

  /** begin(bytes, ends, flags): a number for `finish`. */
  Napi::Value Begin(const Napi::CallbackInfo& info) {
    auto compilation = std::make_unique<Compilation>();
    if (!compilation->Read(info)) return info.Env().Undefined();
    bool must_start = false;
    {
      const Lock lock(mutex_);
      compilations_.emplace(next_, std::move(compilation));
      must_start = !is_helping_;
      is_helping_ = true;
    }
    if (must_start) StartHelper();
    return Napi::Number::New(info.Env(), next_++);
  }

  /** finish(number): the database, serialized. Once for each. */
  Napi::Value Finish(const Napi::CallbackInfo& info) {
    Napi::Env env = info.Env();
    Lock lock(mutex_);
    const auto found = info[0].IsNumber() ? compilations_.find(info[0].As<Napi::Number>().Uint32Value())
                                          : compilations_.end();
    if (found == compilations_.end()) {
      Napi::RangeError::New(env, "nothing of this number is being compiled").ThrowAsJavaScriptException();
      return env.Undefined();
    }
    Compilation& wanted = *found->second;
    while (wanted.state != Compilation::State::kDone) {
      if (!RunLargest(lock)) done_.wait(lock);
    }
    const std::unique_ptr<Compilation> compilation = std::move(found->second);
    compilations_.erase(found);
    lock.unlock();
    return compilation->Result(env);
  }

  /** Where the system has no thread for it, `Finish` does it all. */
  void StartHelper() {
    // What is there has nothing to do any more.
    if (has_helper_) pthread_join(helper_, nullptr);
    has_helper_ = pthread_create(&helper_, nullptr, Help, this) == 0;
    if (has_helper_) return;
    const Lock lock(mutex_);
    is_helping_ = false;
  }

  static void* Help(void* compiler) {
    static_cast<PatternCompiler*>(compiler)->Help();
    return nullptr;
  }

  void Help() {
    Lock lock(mutex_);
    while (!is_closing_ && RunLargest(lock)) {
    }
    is_helping_ = false;
  }

  /** Of those that wait. With the largest first, two threads end at about the same time. False: none waits. */
  bool RunLargest(Lock& lock) {
    Compilation* largest = nullptr;
    for (const auto& [number, one] : compilations_) {
      if (one->state != Compilation::State::kWaiting) continue;
      if (largest == nullptr || one->patterns() > largest->patterns()) largest = one.get();
    }
    if (largest == nullptr) return false;
    largest->state = Compilation::State::kRunning;
    lock.unlock();
    largest->Run();
    lock.lock();
    largest->state = Compilation::State::kDone;
    done_.notify_all();
    return true;
  }

  /** For all below that threads share. */
  std::mutex mutex_;
  std::condition_variable done_;
  std::map<uint32_t, std::unique_ptr<Compilation>> compilations_;
  bool is_helping_ = false;
  bool is_closing_ = false;
  /** Of the thread of JavaScript alone. */
  pthread_t helper_{};
  bool has_helper_ = false;
  uint32_t next_ = 0;
  LiveObject live_;
};

}  // namespace

void DefinePatternCompiler(Napi::Env env, Napi::Object exports) {
  exports.Set("PatternCompiler", PatternCompiler::Define(env));
}

}  // namespace vpatch
