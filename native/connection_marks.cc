#include "connection_marks.h"

#include <linux/netfilter/nfnetlink_conntrack.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <vector>

#include "netlink.h"

namespace vpatch {
namespace {

/** The kernel fills a dump's messages up to this size at most (NLMSG_GOODSIZE, and 32 KiB for large readers). */
constexpr size_t kReceiveBytes = 64 * 1024;
/** Changes that go to the kernel in one call. */
constexpr size_t kSendBytes = 32 * 1024;
/** An answer that does not come at all must not hold the thread for ever. */
constexpr time_t kAnswerSeconds = 5;

constexpr uint16_t MessageType(int type) { return NetfilterType(NFNL_SUBSYS_CTNETLINK, type); }

void Append(std::vector<uint8_t>* out, const void* value, size_t length) {
  const auto* bytes = static_cast<const uint8_t*>(value);
  out->insert(out->end(), bytes, bytes + length);
  out->resize((out->size() + NLA_ALIGNTO - 1) / NLA_ALIGNTO * NLA_ALIGNTO);
}

void AppendAttribute32(std::vector<uint8_t>* out, uint16_t type, uint32_t value) {
  const nlattr header{NLA_HDRLEN + sizeof value, type};
  const uint32_t big = htonl(value);
  Append(out, &header, sizeof header);
  Append(out, &big, sizeof big);
}

/** One netlink message, whose attributes `append` writes. */
template <typename AppendAttributes>
void AppendMessage(std::vector<uint8_t>* out, int type, uint16_t flags, uint8_t family, AppendAttributes append) {
  const size_t start = out->size();
  const nlmsghdr header{0, MessageType(type), static_cast<uint16_t>(NLM_F_REQUEST | flags), 0, 0};
  const nfgenmsg generic{family, NFNETLINK_V0, 0};
  Append(out, &header, sizeof header);
  Append(out, &generic, sizeof generic);
  append(out);
  const auto length = static_cast<uint32_t>(out->size() - start);
  std::memcpy(out->data() + start, &length, sizeof length);
}

class Socket {
 public:
  /** False with errno set. */
  bool Open() {
    fd_ = socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC, NETLINK_NETFILTER);
    if (fd_ < 0) return false;
    // What the kernel says of single changes is of no interest: a connection that is gone has no mark any more.
    const int on = 1;
    setsockopt(fd_, SOL_NETLINK, NETLINK_NO_ENOBUFS, &on, sizeof on);
    const timeval timeout{kAnswerSeconds, 0};
    setsockopt(fd_, SOL_SOCKET, SO_RCVTIMEO, &timeout, sizeof timeout);
    sockaddr_nl address{};
    address.nl_family = AF_NETLINK;
    return bind(fd_, reinterpret_cast<sockaddr*>(&address), sizeof address) == 0;
  }

  ~Socket() {
    if (fd_ >= 0) close(fd_);
  }

  bool Send(const std::vector<uint8_t>& messages) {
    sockaddr_nl kernel{};
    kernel.nl_family = AF_NETLINK;
    const ssize_t sent =
        sendto(fd_, messages.data(), messages.size(), 0, reinterpret_cast<sockaddr*>(&kernel), sizeof kernel);
    return sent == static_cast<ssize_t>(messages.size());
  }

  /** Answers that nobody reads must not fill the buffer for those that somebody does. */
  void Discard() {
    uint8_t answer[512];
    while (recv(fd_, answer, sizeof answer, MSG_DONTWAIT) >= 0) continue;
  }

  ssize_t Receive(std::vector<uint8_t>* into) {
    ssize_t got;
    do got = recv(fd_, into->data(), into->size(), 0);
    while (got < 0 && errno == EINTR);
    return got;
  }

 private:
  int fd_ = -1;
};

/** Attributes of one dumped connection that name it: its original tuple and its zone, as they came. */
void AppendIdentity(std::vector<uint8_t>* out, const uint8_t* attributes, size_t length) {
  size_t at = 0;
  while (at + NLA_HDRLEN <= length) {
    const auto attribute = Load<nlattr>(attributes + at);
    if (attribute.nla_len < NLA_HDRLEN || at + attribute.nla_len > length) return;
    const int type = attribute.nla_type & NLA_TYPE_MASK;
    if (type == CTA_TUPLE_ORIG || type == CTA_ZONE) Append(out, attributes + at, attribute.nla_len);
    at += (attribute.nla_len + NLA_ALIGNTO - 1) / NLA_ALIGNTO * NLA_ALIGNTO;
  }
}

/**
 * Adds a message for each connection that has the bit: one that takes it away. False with errno set where the kernel
 * cannot list them, or ends the list early.
 */
bool ListMarked(Socket* socket, uint32_t bit, std::vector<std::vector<uint8_t>>* changes, uint32_t* count) {
  std::vector<uint8_t> request;
  AppendMessage(&request, IPCTNL_MSG_CT_GET, NLM_F_DUMP, AF_UNSPEC, [bit](std::vector<uint8_t>* out) {
    AppendAttribute32(out, CTA_MARK, bit);
    AppendAttribute32(out, CTA_MARK_MASK, bit);
  });
  if (!socket->Send(request)) return false;
  std::vector<uint8_t> received(kReceiveBytes);
  for (;;) {
    const ssize_t got = socket->Receive(&received);
    if (got < 0) return false;
    const auto bytes = static_cast<size_t>(got);
    for (size_t at = 0; at + NLMSG_HDRLEN <= bytes;) {
      const uint8_t* message = received.data() + at;
      const auto header = Load<nlmsghdr>(message);
      if (header.nlmsg_len < NLMSG_HDRLEN || at + header.nlmsg_len > bytes) break;
      at += NLMSG_ALIGN(header.nlmsg_len);
      if (header.nlmsg_type == NLMSG_DONE) return true;
      if (header.nlmsg_type == NLMSG_ERROR && header.nlmsg_len >= NLMSG_HDRLEN + sizeof(nlmsgerr)) {
        errno = -Load<nlmsgerr>(message + NLMSG_HDRLEN).error;
        return false;
      }
      if (header.nlmsg_type != MessageType(IPCTNL_MSG_CT_NEW) || header.nlmsg_len < kNetfilterHeaderBytes) continue;
      (*count)++;
      if (changes->empty() || changes->back().size() > kSendBytes) changes->emplace_back();
      const uint8_t family = Load<nfgenmsg>(message + NLMSG_HDRLEN).nfgen_family;
      AppendMessage(&changes->back(), IPCTNL_MSG_CT_NEW, 0, family, [&](std::vector<uint8_t>* out) {
        AppendIdentity(out, message + kNetfilterHeaderBytes, header.nlmsg_len - kNetfilterHeaderBytes);
        AppendAttribute32(out, CTA_MARK, 0);
        AppendAttribute32(out, CTA_MARK_MASK, bit);
      });
    }
  }
}

/** takeConnectionMarks(bit): how many connections had it. None has it any more. */
Napi::Value TakeConnectionMarks(const Napi::CallbackInfo& info) {
  Napi::Env env = info.Env();
  uint32_t bit;
  if (napi_get_value_uint32(env, info[0], &bit) != napi_ok || bit == 0) {
    Napi::TypeError::New(env, "expected a bit of the mark").ThrowAsJavaScriptException();
    return env.Undefined();
  }
  Socket socket;
  std::vector<std::vector<uint8_t>> changes;
  uint32_t count = 0;
  bool is_done = socket.Open() && ListMarked(&socket, bit, &changes, &count);
  for (size_t i = 0; is_done && i < changes.size(); i++) {
    is_done = socket.Send(changes[i]);
    socket.Discard();
  }
  if (!is_done) {
    const int error = errno;
    auto thrown = Napi::Error::New(env, std::strerror(error));
    thrown.Set("errno", Napi::Number::New(env, error));
    thrown.ThrowAsJavaScriptException();
    return env.Undefined();
  }
  return Napi::Number::New(env, count);
}

}  // namespace

void DefineConnectionMarks(Napi::Env env, Napi::Object exports) {
  exports.Set("takeConnectionMarks", Napi::Function::New<TakeConnectionMarks>(env, "takeConnectionMarks"));
}

}  // namespace vpatch
