#include "notify.h"

#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include <cerrno>
#include <cstddef>
#include <cstring>
#include <string>

namespace vpatch {
namespace {

// sendDatagram(path, text): a path that begins with @ is a name in the abstract namespace. Never waits.
Napi::Value SendDatagram(const Napi::CallbackInfo& info) {
  Napi::Env env = info.Env();
  if (info.Length() < 2 || !info[0].IsString() || !info[1].IsString()) {
    Napi::TypeError::New(env, "expected (path: string, text: string)").ThrowAsJavaScriptException();
    return env.Undefined();
  }
  const std::string path = info[0].As<Napi::String>();
  const std::string text = info[1].As<Napi::String>();
  sockaddr_un address = {};
  if (path.empty() || path.size() >= sizeof address.sun_path) {
    Napi::RangeError::New(env, "the path of a Unix socket has from 1 to 107 bytes").ThrowAsJavaScriptException();
    return env.Undefined();
  }
  address.sun_family = AF_UNIX;
  std::memcpy(address.sun_path, path.data(), path.size());
  if (path[0] == '@') address.sun_path[0] = '\0';
  // The end of an abstract name is the end of the address; a path ends with its NUL.
  const socklen_t length =
      static_cast<socklen_t>(offsetof(sockaddr_un, sun_path) + path.size() + (path[0] == '@' ? 0 : 1));

  const int fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);
  const bool is_sent = fd >= 0 && sendto(fd, text.data(), text.size(), MSG_NOSIGNAL | MSG_DONTWAIT,
                                         reinterpret_cast<const sockaddr*>(&address), length) >= 0;
  const int error = errno;
  if (fd >= 0) close(fd);
  if (!is_sent) {
    Napi::Error failure = Napi::Error::New(env, std::strerror(error));
    // As in Node's own errors of the system, but positive.
    failure.Set("errno", Napi::Number::New(env, error));
    failure.ThrowAsJavaScriptException();
  }
  return env.Undefined();
}

}  // namespace

void DefineNotify(Napi::Env env, Napi::Object exports) {
  exports.Set("sendDatagram", Napi::Function::New<SendDatagram>(env, "sendDatagram"));
}

}  // namespace vpatch
