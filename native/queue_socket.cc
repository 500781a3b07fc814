#include "queue_socket.h"

#include <linux/netfilter/nfnetlink_queue.h>
#include <sched.h>
#include <sys/time.h>
#include <time.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>

#include "netlink.h"

// Header files older than 4.20 lack it; the value is ABI.
#ifndef NETLINK_CAP_ACK
#define NETLINK_CAP_ACK 10
#endif

namespace vpatch {
namespace {

constexpr uint16_t kConfigType = NetfilterType(NFNL_SUBSYS_QUEUE, NFQNL_MSG_CONFIG);
constexpr uint16_t kPacketType = NetfilterType(NFNL_SUBSYS_QUEUE, NFQNL_MSG_PACKET);
/** The timeout goes to the kernel as whole seconds and microseconds; a day is as good as for ever. */
constexpr double kMaxTimeoutMs = 86'400'000;
/** The kernel runs out of memory at worst for a moment; but never let that hold the thread for ever. */
constexpr int kSendAttempts = 200;
constexpr useconds_t kSendPauseMicroseconds = 500;
/**
 * Nanoseconds. A look as long as waking up takes where a processor has to be woken too; a wait after which the next one
 * is expected to be as short. In vain, a look is halved, and below the least there is none. Ours, measured:
 * docs/performance.md.
 */
constexpr int64_t kMaxLook = 50'000;
constexpr int64_t kShortWait = 100'000;
constexpr int64_t kMinLook = 5'000;

int64_t Nanoseconds() {
  timespec now;
  clock_gettime(CLOCK_MONOTONIC, &now);
  return now.tv_sec * 1'000'000'000LL + now.tv_nsec;
}

bool RefusedBy(int error) {
  errno = error;
  return false;
}

}  // namespace

const char* QueueSocket::Open(const QueueSettings& settings) {
  const char* step = Configure(settings);
  if (step == nullptr) return nullptr;
  const int error = errno;
  Close();
  errno = error;
  return step;
}

const char* QueueSocket::Configure(const QueueSettings& settings) {
  fd_ = socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC, NETLINK_NETFILTER);
  if (fd_ < 0) return "socket";

  // A full socket is no news for the reader: the kernel counts those packets itself (user_dropped), and the error
  // would only cost a system call each.
  SetOption(SOL_NETLINK, NETLINK_NO_ENOBUFS, 1);
  // Without it the answer to a failed verdict repeats the verdict.
  SetOption(SOL_NETLINK, NETLINK_CAP_ACK, 1);
  const int buffer = static_cast<int>(std::min<uint32_t>(settings.receive_buffer_bytes, 0x3fffffff));
  if (!SetOption(SOL_SOCKET, SO_RCVBUFFORCE, buffer)) SetOption(SOL_SOCKET, SO_RCVBUF, buffer);
  // One message with all verdicts of a batch has to fit, or send answers EMSGSIZE.
  const int send_buffer = static_cast<int>(settings.send_bytes + 4096);
  if (!SetOption(SOL_SOCKET, SO_SNDBUFFORCE, send_buffer)) SetOption(SOL_SOCKET, SO_SNDBUF, send_buffer);

  sockaddr_nl own{};
  own.nl_family = AF_NETLINK;
  socklen_t length = sizeof own;
  if (bind(fd_, reinterpret_cast<sockaddr*>(&own), length) != 0) return "socket";
  if (getsockname(fd_, reinterpret_cast<sockaddr*>(&own), &length) != 0) return "socket";
  port_id_ = own.nl_pid;
  // From a connected socket's peer alone it takes messages (netlink_getsockbyportid in net/netlink/af_netlink.c): from
  // the kernel, so that no sender need be asked for with each packet.
  sockaddr_nl kernel{};
  kernel.nl_family = AF_NETLINK;
  if (connect(fd_, reinterpret_cast<sockaddr*>(&kernel), sizeof kernel) != 0) return "socket";

  uint8_t buffer_bytes[128];
  MessageWriter bind_message(buffer_bytes);
  const nfqnl_msg_config_cmd command{NFQNL_CFG_CMD_BIND, 0, 0};
  bind_message.Begin(kConfigType, NLM_F_ACK, settings.queue);
  bind_message.Attribute(NFQA_CFG_CMD, &command, sizeof command);
  bind_message.End();
  if (!Request(buffer_bytes, bind_message.size())) return "bind";

  // Until copy mode is set the kernel drops every packet of the queue, so this is one message and the next one.
  MessageWriter configuration(buffer_bytes);
  const nfqnl_msg_config_params parameters{htonl(settings.copy_bytes), NFQNL_COPY_PACKET};
  configuration.Begin(kConfigType, NLM_F_ACK, settings.queue);
  configuration.Attribute(NFQA_CFG_PARAMS, &parameters, sizeof parameters);
  configuration.Attribute32(NFQA_CFG_QUEUE_MAXLEN, settings.max_length);
  // Of two such pairs in one message the kernel would see only the last.
  configuration.Attribute32(NFQA_CFG_FLAGS, settings.flags);
  configuration.Attribute32(NFQA_CFG_MASK, settings.flags);
  configuration.End();
  if (!Request(buffer_bytes, configuration.size())) return "configure";
  return nullptr;
}

void QueueSocket::Close() {
  if (fd_ < 0) return;
  close(fd_);
  fd_ = -1;
}

int QueueSocket::ReceiveBufferBytes() const {
  int value = 0;
  socklen_t length = sizeof value;
  if (fd_ >= 0) getsockopt(fd_, SOL_SOCKET, SO_RCVBUF, &value, &length);
  return value;
}

int QueueSocket::Receive(mmsghdr* headers, uint32_t capacity, double timeout_ms) {
  if (timeout_ms <= 0) return recvmmsg(fd_, headers, capacity, MSG_DONTWAIT, nullptr);
  if (!SetReceiveTimeout(std::min(timeout_ms, kMaxTimeoutMs))) return -1;
  const int64_t began = Nanoseconds();
  const int64_t look = std::min(look_, static_cast<int64_t>(timeout_ms * 1e6));
  while (look > 0) {
    const int received = recvmmsg(fd_, headers, capacity, MSG_DONTWAIT, nullptr);
    if (received >= 0 || errno != EAGAIN) return received;
    if (Nanoseconds() - began >= look) break;
    // Whoever else has work for this processor goes first; often it is who sends the next packet.
    sched_yield();
  }
  // The timeout of the socket holds for the first message and MSG_WAITFORONE makes the others immediate: one system
  // call for a batch, where poll() would make two. (Processor time per packet came out equal.)
  const int received = recvmmsg(fd_, headers, capacity, MSG_WAITFORONE, nullptr);
  look_ = Nanoseconds() - began < kShortWait ? kMaxLook : look_ / 2;
  if (look_ < kMinLook) look_ = 0;
  return received;
}

bool QueueSocket::Send(const uint8_t* messages, size_t length) {
  for (int attempt = 0; attempt < kSendAttempts; attempt++) {
    const ssize_t sent = send(fd_, messages, length, 0);
    // After a partial send (datagrams know none) all is sent again: a second verdict for a packet finds no packet.
    if (sent == static_cast<ssize_t>(length)) return true;
    if (sent < 0 && errno != EINTR && errno != EAGAIN && errno != ENOBUFS && errno != ENOMEM) return false;
    if (sent < 0 && errno != EINTR) usleep(kSendPauseMicroseconds);
  }
  return false;
}

bool QueueSocket::SetOption(int level, int name, int value) {
  return setsockopt(fd_, level, name, &value, sizeof value) == 0;
}

bool QueueSocket::SetReceiveTimeout(double timeout_ms) {
  if (timeout_ms == timeout_ms_) return true;
  // A zero timeval waits for ever.
  const auto microseconds = std::max(1LL, static_cast<long long>(timeout_ms * 1000));
  const timeval timeout{static_cast<time_t>(microseconds / 1'000'000),
                        static_cast<suseconds_t>(microseconds % 1'000'000)};
  if (setsockopt(fd_, SOL_SOCKET, SO_RCVTIMEO, &timeout, sizeof timeout) != 0) return false;
  timeout_ms_ = timeout_ms;
  return true;
}

/** Sends a message and waits for the answer. False with errno set when the kernel refused. */
bool QueueSocket::Request(const uint8_t* message, size_t length) {
  if (!Send(message, length)) return false;
  for (;;) {
    // Peek first: a packet must stay in the socket for Receive. It also is the answer, since the kernel sets the copy
    // mode after everything that can fail.
    uint8_t answer[NLMSG_HDRLEN + sizeof(nlmsgerr)];
    const ssize_t got = recv(fd_, answer, sizeof answer, MSG_PEEK);
    if (got < 0 && (errno == EINTR || errno == ENOBUFS)) continue;
    if (got < 0) return false;
    if (static_cast<size_t>(got) < NLMSG_HDRLEN) return RefusedBy(EPROTO);
    const auto header = Load<nlmsghdr>(answer);
    if (header.nlmsg_type == kPacketType) return true;

    if (recv(fd_, answer, sizeof answer, MSG_DONTWAIT) != got) return RefusedBy(EPROTO);
    if (header.nlmsg_type != NLMSG_ERROR || static_cast<size_t>(got) < sizeof answer) continue;
    const auto error = Load<nlmsgerr>(answer + NLMSG_HDRLEN);
    return error.error == 0 || RefusedBy(-error.error);
  }
}

}  // namespace vpatch
