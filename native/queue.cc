#include "queue.h"

#include <arpa/inet.h>
#include <linux/netfilter.h>
#include <linux/netfilter/nfnetlink.h>
#include <linux/netfilter/nfnetlink_queue.h>
#include <linux/netlink.h>
#include <sys/socket.h>
#include <sys/uio.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstddef>
#include <cstring>
#include <iterator>
#include <string>
#include <vector>

namespace vpatch {
namespace {

// Columns of a row. src/base/native/queue.ts names the same ones in the same order; its test compares the two lists.
enum Column : uint32_t {
  kId,
  kStart,
  kBytes,
  kWireBytes,
  kSkbInfo,
  kMark,
  kHook,
  kInInterface,
  kOutInterface,
  kHwProtocol,
  kColumns,
};
constexpr const char* kColumnNames[] = {
    "ID", "START", "BYTES", "WIRE_BYTES", "SKB_INFO", "MARK", "HOOK", "IN_INTERFACE", "OUT_INTERFACE", "HW_PROTOCOL",
};
static_assert(std::size(kColumnNames) == kColumns);

/** UIO_MAXIOV: recvmmsg takes no more messages than this in one call. */
constexpr uint32_t kMaxCapacity = 1024;
/** Room in a slot for what is not payload: headers and every attribute that the kernel may add. */
constexpr uint32_t kMinSlotBytes = 512;
/** The timeout goes to the kernel as whole seconds and microseconds; a day is as good as for ever. */
constexpr double kMaxTimeoutMs = 86'400'000;

// Header files older than 4.20 lack them; the values are ABI.
#ifndef NETLINK_CAP_ACK
#define NETLINK_CAP_ACK 10
#endif

constexpr uint16_t MessageType(int type) { return static_cast<uint16_t>((NFNL_SUBSYS_QUEUE << 8) | type); }

// Slots need not be aligned, so nothing is read through a pointer of its own type.
template <typename T>
T Load(const uint8_t* at) {
  T value;
  std::memcpy(&value, at, sizeof value);
  return value;
}
uint32_t LoadBig32(const uint8_t* at) { return ntohl(Load<uint32_t>(at)); }

/** Builds netlink messages one behind the other in memory that the caller has sized for them. */
class MessageWriter {
 public:
  explicit MessageWriter(uint8_t* buffer) : buffer_(buffer) {}

  void Begin(int type, uint16_t flags, uint16_t queue) {
    message_ = size_;
    const nlmsghdr header{0, MessageType(type), static_cast<uint16_t>(NLM_F_REQUEST | flags), 0, 0};
    const nfgenmsg generic{AF_UNSPEC, NFNETLINK_V0, htons(queue)};
    Append(&header, sizeof header);
    Append(&generic, sizeof generic);
  }

  void Attribute(uint16_t type, const void* value, uint16_t length) {
    const nlattr header{static_cast<uint16_t>(NLA_HDRLEN + length), type};
    Append(&header, sizeof header);
    Append(value, length);
    while (size_ % NLA_ALIGNTO != 0) buffer_[size_++] = 0;
  }

  void Attribute32(uint16_t type, uint32_t value) {
    const uint32_t big = htonl(value);
    Attribute(type, &big, sizeof big);
  }

  void End() {
    const uint32_t length = static_cast<uint32_t>(size_ - message_);
    std::memcpy(buffer_ + message_ + offsetof(nlmsghdr, nlmsg_len), &length, sizeof length);
  }

  size_t size() const { return size_; }

 private:
  void Append(const void* value, size_t length) {
    std::memcpy(buffer_ + size_, value, length);
    size_ += length;
  }

  uint8_t* buffer_;
  size_t size_ = 0;
  size_t message_ = 0;
};

constexpr size_t kMessageBytes = NLMSG_HDRLEN + sizeof(nfgenmsg);
/** A verdict with a mark, the longest that decide() writes. */
constexpr size_t kVerdictBytes =
    kMessageBytes + NLA_HDRLEN + sizeof(nfqnl_msg_verdict_hdr) + NLA_HDRLEN + sizeof(uint32_t);

/** A typed array that lives in JavaScript, and the pointer that was taken from it. */
template <typename Element>
class RegisteredArray {
 public:
  /** False when the value is not such an array, or is shorter than `least`. */
  bool Register(Napi::Env env, Napi::Value value, size_t least) {
    if (!ReadElements(env, value, &elements_) || elements_.length < least) return false;
    reference_ = Napi::Persistent(value.As<Napi::Object>());
    return true;
  }

  /** False once JavaScript has detached or shrunk the memory: the pointer would lead nowhere. */
  bool IsIntact(Napi::Env env) const {
    Elements<Element> now;
    return ReadElements(env, reference_.Value(), &now) && now.data == elements_.data && now.length == elements_.length;
  }

  Element* data() const { return elements_.data; }

 private:
  Elements<Element> elements_;
  Napi::ObjectReference reference_;
};

class NfQueue : public Napi::ObjectWrap<NfQueue> {
 public:
  /**
   * NfQueue(queue, maxLength, copyBytes, receiveBufferBytes, flags, capacity, slotBytes, bytes, rows, verdicts, marks).
   * src/base/native/queue.ts has checked the numbers; what is checked again here keeps memory safe.
   */
  explicit NfQueue(const Napi::CallbackInfo& info) : Napi::ObjectWrap<NfQueue>(info) {
    Napi::Env env = info.Env();
    uint32_t numbers[7];
    for (size_t i = 0; i < std::size(numbers); i++) {
      if (napi_get_value_uint32(env, info[i], &numbers[i]) != napi_ok) {
        Napi::TypeError::New(env, "expected seven numbers and four arrays").ThrowAsJavaScriptException();
        return;
      }
    }
    const auto [queue, max_length, copy_bytes, receive_buffer_bytes, flags, capacity, slot_bytes] = numbers;
    if (queue > 0xffff || capacity < 1 || capacity > kMaxCapacity || slot_bytes < kMinSlotBytes ||
        slot_bytes > (1u << 20) || !bytes_.Register(env, info[7], size_t{capacity} * slot_bytes) ||
        !rows_.Register(env, info[8], size_t{capacity} * kColumns) || !verdicts_.Register(env, info[9], capacity) ||
        !marks_.Register(env, info[10], capacity)) {
      Napi::RangeError::New(env, "the arrays do not fit capacity and slotBytes").ThrowAsJavaScriptException();
      return;
    }
    queue_ = static_cast<uint16_t>(queue);
    capacity_ = capacity;
    slot_bytes_ = slot_bytes;

    out_.resize(capacity * kVerdictBytes);
    senders_.resize(capacity);
    slots_.resize(capacity);
    headers_.resize(capacity);
    for (uint32_t i = 0; i < capacity; i++) {
      slots_[i] = {bytes_.data() + size_t{i} * slot_bytes, slot_bytes};
      headers_[i].msg_hdr.msg_name = &senders_[i];
      headers_[i].msg_hdr.msg_iov = &slots_[i];
      headers_[i].msg_hdr.msg_iovlen = 1;
    }

    const char* step = Open(max_length, copy_bytes, receive_buffer_bytes, flags);
    if (step == nullptr) return;
    const int error = errno;
    Close();
    auto thrown = Napi::Error::New(env, std::string(step) + ": " + std::strerror(error));
    thrown.Set("errno", Napi::Number::New(env, error));
    thrown.Set("step", Napi::String::New(env, step));
    thrown.ThrowAsJavaScriptException();
  }

  ~NfQueue() override { Close(); }

  static Napi::Function Define(Napi::Env env) {
    return DefineClass(env, "NfQueue",
                       {
                           InstanceMethod<&NfQueue::Receive>("receive"),
                           InstanceMethod<&NfQueue::Decide>("decide"),
                           InstanceMethod<&NfQueue::CloseNow>("close"),
                           InstanceAccessor<&NfQueue::PortId>("portId"),
                           InstanceAccessor<&NfQueue::ReceiveBufferBytes>("receiveBufferBytes"),
                           InstanceAccessor<&NfQueue::Statistics>("statistics"),
                       });
  }

 private:
  /** Null on success; else the step that failed, with errno set. */
  const char* Open(uint32_t max_length, uint32_t copy_bytes, uint32_t receive_buffer_bytes, uint32_t flags) {
    fd_ = socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC, NETLINK_NETFILTER);
    if (fd_ < 0) return "socket";

    // A full socket is no news for the reader: the kernel counts those packets itself (user_dropped), and the error
    // would only cost a system call each.
    SetOption(SOL_NETLINK, NETLINK_NO_ENOBUFS, 1);
    // Without it the answer to a failed verdict repeats the verdict.
    SetOption(SOL_NETLINK, NETLINK_CAP_ACK, 1);
    const int buffer = static_cast<int>(std::min<uint32_t>(receive_buffer_bytes, 0x3fffffff));
    if (!SetOption(SOL_SOCKET, SO_RCVBUFFORCE, buffer)) SetOption(SOL_SOCKET, SO_RCVBUF, buffer);
    // One message with all verdicts of a batch has to fit, or sendmsg answers EMSGSIZE.
    const int send_buffer = static_cast<int>(out_.size() + 4096);
    if (!SetOption(SOL_SOCKET, SO_SNDBUFFORCE, send_buffer)) SetOption(SOL_SOCKET, SO_SNDBUF, send_buffer);

    sockaddr_nl address{};
    address.nl_family = AF_NETLINK;
    socklen_t length = sizeof address;
    if (bind(fd_, reinterpret_cast<sockaddr*>(&address), length) != 0) return "socket";
    if (getsockname(fd_, reinterpret_cast<sockaddr*>(&address), &length) != 0) return "socket";
    port_id_ = address.nl_pid;

    uint8_t buffer_bytes[128];
    MessageWriter bind_message(buffer_bytes);
    const nfqnl_msg_config_cmd command{NFQNL_CFG_CMD_BIND, 0, 0};
    bind_message.Begin(NFQNL_MSG_CONFIG, NLM_F_ACK, queue_);
    bind_message.Attribute(NFQA_CFG_CMD, &command, sizeof command);
    bind_message.End();
    if (!Request(buffer_bytes, bind_message.size())) return "bind";

    // Until copy mode is set the kernel drops every packet of the queue, so this is one message and the next one.
    MessageWriter configuration(buffer_bytes);
    const nfqnl_msg_config_params parameters{htonl(copy_bytes), NFQNL_COPY_PACKET};
    configuration.Begin(NFQNL_MSG_CONFIG, NLM_F_ACK, queue_);
    configuration.Attribute(NFQA_CFG_PARAMS, &parameters, sizeof parameters);
    configuration.Attribute32(NFQA_CFG_QUEUE_MAXLEN, max_length);
    // Of two such pairs in one message the kernel would see only the last.
    configuration.Attribute32(NFQA_CFG_FLAGS, flags);
    configuration.Attribute32(NFQA_CFG_MASK, flags);
    configuration.End();
    if (!Request(buffer_bytes, configuration.size())) return "configure";
    return nullptr;
  }

  bool SetOption(int level, int name, int value) { return setsockopt(fd_, level, name, &value, sizeof value) == 0; }

  static bool RefusedBy(int error) {
    errno = error;
    return false;
  }

  /** Sends a message and waits for the answer. False with errno set when the kernel refused. */
  bool Request(const uint8_t* message, size_t length) {
    if (!Send(message, length)) return false;
    for (;;) {
      // Peek first: a packet must stay in the socket for receive(). It also is the answer, since the kernel sets the
      // copy mode after everything that can fail.
      uint8_t answer[NLMSG_HDRLEN + sizeof(nlmsgerr)];
      const ssize_t got = recv(fd_, answer, sizeof answer, MSG_PEEK);
      if (got < 0 && (errno == EINTR || errno == ENOBUFS)) continue;
      if (got < 0) return false;
      if (static_cast<size_t>(got) < NLMSG_HDRLEN) return RefusedBy(EPROTO);
      const auto header = Load<nlmsghdr>(answer);
      if (header.nlmsg_type == MessageType(NFQNL_MSG_PACKET)) return true;

      if (recv(fd_, answer, sizeof answer, MSG_DONTWAIT) != got) return RefusedBy(EPROTO);
      if (header.nlmsg_type != NLMSG_ERROR || static_cast<size_t>(got) < sizeof answer) continue;
      const auto error = Load<nlmsgerr>(answer + NLMSG_HDRLEN);
      return error.error == 0 || RefusedBy(-error.error);
    }
  }

  /** Netlink to the kernel is synchronous: when this returns true, the kernel has worked through the messages. */
  bool Send(const uint8_t* messages, size_t length) {
    sockaddr_nl kernel{};
    kernel.nl_family = AF_NETLINK;
    // The kernel runs out of memory at worst for a moment; but never let that hold the thread for ever.
    for (int attempt = 0; attempt < kSendAttempts; attempt++) {
      const ssize_t sent = sendto(fd_, messages, length, 0, reinterpret_cast<sockaddr*>(&kernel), sizeof kernel);
      // After a partial send (datagrams know none) all is sent again: a second verdict for a packet finds no packet.
      if (sent == static_cast<ssize_t>(length)) return true;
      if (sent < 0 && errno != EINTR && errno != EAGAIN && errno != ENOBUFS && errno != ENOMEM) return false;
      if (sent < 0 && errno != EINTR) usleep(kSendPauseMicroseconds);
    }
    return false;
  }

  Napi::Value Receive(const Napi::CallbackInfo& info) {
    Napi::Env env = info.Env();
    double timeout_ms;
    if (napi_get_value_double(env, info[0], &timeout_ms) != napi_ok || !(timeout_ms >= 0)) {
      Napi::RangeError::New(env, "timeoutMs must not be negative").ThrowAsJavaScriptException();
      return env.Undefined();
    }
    // A batch verdict answers everything up to an id: it would answer forgotten rows too, by another row's verdict.
    if (undecided_ > 0) return Fail(env, "receive: the last batch has not been decided");
    if (fd_ < 0) return Fail(env, "receive: the queue is closed");
    if (!bytes_.IsIntact(env) || !rows_.IsIntact(env)) return Fail(env, "receive: an array has been detached");

    // The timeout of the socket holds for the first message and MSG_WAITFORONE makes the others immediate: one
    // system call for a batch, where poll() would make two. (Processor time per packet came out equal.)
    const bool waits = timeout_ms > 0;
    if (waits && !SetReceiveTimeout(std::min(timeout_ms, kMaxTimeoutMs))) return FailWithErrno(env, "receive");

    for (uint32_t i = 0; i < capacity_; i++) headers_[i].msg_hdr.msg_namelen = sizeof(sockaddr_nl);
    const int received = recvmmsg(fd_, headers_.data(), capacity_, waits ? MSG_WAITFORONE : MSG_DONTWAIT, nullptr);
    if (received < 0) {
      if (errno == ENOBUFS) {
        overruns_++;
      } else if (errno != EAGAIN && errno != EINTR) {
        return FailWithErrno(env, "receive");
      }
      return Napi::Number::New(env, 0);
    }
    uint32_t rows = 0;
    for (int i = 0; i < received; i++) {
      if (ReadDatagram(static_cast<uint32_t>(i), rows_.data() + size_t{rows} * kColumns)) rows++;
    }
    undecided_ = rows;
    return Napi::Number::New(env, rows);
  }

  bool SetReceiveTimeout(double timeout_ms) {
    if (timeout_ms == timeout_ms_) return true;
    // A zero timeval waits for ever.
    const auto microseconds = std::max(1LL, static_cast<long long>(timeout_ms * 1000));
    const timeval timeout{static_cast<time_t>(microseconds / 1'000'000),
                          static_cast<suseconds_t>(microseconds % 1'000'000)};
    if (setsockopt(fd_, SOL_SOCKET, SO_RCVTIMEO, &timeout, sizeof timeout) != 0) return false;
    timeout_ms_ = timeout_ms;
    return true;
  }

  /** True when the slot holds a packet; the row then describes it. */
  bool ReadDatagram(uint32_t slot, uint32_t* row) {
    const mmsghdr& received = headers_[slot];
    const uint32_t start = slot * slot_bytes_;
    const uint8_t* message = bytes_.data() + start;
    const bool is_from_kernel = received.msg_hdr.msg_namelen >= sizeof(sockaddr_nl) && senders_[slot].nl_pid == 0;
    if (!is_from_kernel || received.msg_len < NLMSG_HDRLEN) {
      malformed_++;
      return false;
    }
    const auto header = Load<nlmsghdr>(message);
    if (header.nlmsg_type == NLMSG_ERROR) {
      // ENOENT most of all: the kernel flushed the packet before its verdict came. Error 0 is a late acknowledgement.
      const bool has_code = received.msg_len >= NLMSG_HDRLEN + sizeof(nlmsgerr);
      if (!has_code || Load<nlmsgerr>(message + NLMSG_HDRLEN).error != 0) kernel_errors_++;
      return false;
    }
    if (header.nlmsg_type != MessageType(NFQNL_MSG_PACKET) || header.nlmsg_len < kMessageBytes ||
        received.msg_len < kMessageBytes) {
      malformed_++;
      return false;
    }
    const uint32_t length = std::min<uint32_t>(header.nlmsg_len, received.msg_len);
    return ReadAttributes(message, length, start, row);
  }

  bool ReadAttributes(const uint8_t* message, uint32_t length, uint32_t start, uint32_t* row) {
    std::fill_n(row, static_cast<uint32_t>(kColumns), 0u);
    row[kStart] = start;
    uint32_t full_length = 0;
    bool has_id = false;
    for (uint32_t at = kMessageBytes; at + NLA_HDRLEN <= length;) {
      const auto attribute = Load<nlattr>(message + at);
      const uint32_t value_at = at + NLA_HDRLEN;
      const uint8_t* value = message + value_at;
      if (attribute.nla_len < NLA_HDRLEN) {
        malformed_++;
        break;
      }
      uint32_t value_bytes = attribute.nla_len - NLA_HDRLEN;
      // The message did not fit its slot. The packet still needs its verdict, so take what is there.
      if (value_bytes > length - value_at) {
        malformed_++;
        value_bytes = length - value_at;
      }

      const uint16_t type = attribute.nla_type & NLA_TYPE_MASK;
      if (type == NFQA_PAYLOAD) {
        row[kStart] = start + value_at;
        row[kBytes] = value_bytes;
        row[kWireBytes] = attribute.nla_len - NLA_HDRLEN;
      } else if (type == NFQA_PACKET_HDR && value_bytes >= sizeof(nfqnl_msg_packet_hdr)) {
        const auto packet = Load<nfqnl_msg_packet_hdr>(value);
        row[kId] = ntohl(packet.packet_id);
        row[kHook] = packet.hook;
        row[kHwProtocol] = ntohs(packet.hw_protocol);
        has_id = true;
      } else if (value_bytes >= sizeof(uint32_t)) {
        const uint32_t number = LoadBig32(value);
        switch (type) {
          case NFQA_CAP_LEN: full_length = number; break;
          case NFQA_SKB_INFO: row[kSkbInfo] = number; break;
          case NFQA_MARK: row[kMark] = number; break;
          case NFQA_IFINDEX_INDEV: row[kInInterface] = number; break;
          case NFQA_IFINDEX_OUTDEV: row[kOutInterface] = number; break;
        }
      }
      at += NLA_ALIGN(attribute.nla_len);
    }
    // The attribute comes only with a packet that was cut to copyBytes, and tells its full length.
    row[kWireBytes] = std::max(row[kWireBytes], full_length);
    if (!has_id) malformed_++;
    return has_id;
  }

  Napi::Value Decide(const Napi::CallbackInfo& info) {
    Napi::Env env = info.Env();
    uint32_t count;
    if (napi_get_value_uint32(env, info[0], &count) != napi_ok || count != undecided_) {
      Napi::RangeError::New(env, "decide: count must be what receive returned").ThrowAsJavaScriptException();
      return env.Undefined();
    }
    if (count == 0) return env.Undefined();
    if (fd_ < 0) return Fail(env, "decide: the queue is closed");
    if (!rows_.IsIntact(env) || !verdicts_.IsIntact(env) || !marks_.IsIntact(env)) {
      return Fail(env, "decide: an array has been detached");
    }

    const uint32_t* ids = rows_.data() + kId;
    MessageWriter messages(out_.data());
    for (uint32_t first = 0; first < count;) {
      // Whatever is no plain accept drops: NF_STOLEN and its like would leave the packet in the queue.
      const bool accepts = verdicts_.data()[first] == NF_ACCEPT;
      const uint32_t mark = marks_.data()[first];
      uint32_t next = first + 1;
      while (next < count && (verdicts_.data()[next] == NF_ACCEPT) == accepts && marks_.data()[next] == mark) next++;

      // A batch verdict holds for every waiting packet up to the id, compared so that ids may wrap. All earlier ones
      // are decided by now, for rows come in the order of their ids: what is left is this run.
      const int type = next - first > 1 ? NFQNL_MSG_VERDICT_BATCH : NFQNL_MSG_VERDICT;
      const uint32_t last_id = ids[size_t{next - 1} * kColumns];
      const nfqnl_msg_verdict_hdr verdict{htonl(accepts ? NF_ACCEPT : NF_DROP), htonl(last_id)};
      messages.Begin(type, 0, queue_);
      messages.Attribute(NFQA_VERDICT_HDR, &verdict, sizeof verdict);
      if (mark != 0) messages.Attribute32(NFQA_MARK, mark);
      messages.End();
      first = next;
    }
    if (!Send(out_.data(), messages.size())) return FailWithErrno(env, "decide");
    undecided_ = 0;
    return env.Undefined();
  }

  Napi::Value CloseNow(const Napi::CallbackInfo& info) {
    Close();
    return info.Env().Undefined();
  }

  void Close() {
    if (fd_ < 0) return;
    // The kernel unbinds the queue by itself when its socket goes.
    close(fd_);
    fd_ = -1;
    undecided_ = 0;
  }

  Napi::Value PortId(const Napi::CallbackInfo& info) { return Napi::Number::New(info.Env(), port_id_); }

  Napi::Value ReceiveBufferBytes(const Napi::CallbackInfo& info) {
    int value = 0;
    socklen_t length = sizeof value;
    if (fd_ >= 0) getsockopt(fd_, SOL_SOCKET, SO_RCVBUF, &value, &length);
    return Napi::Number::New(info.Env(), value);
  }

  Napi::Value Statistics(const Napi::CallbackInfo& info) {
    auto result = Napi::Object::New(info.Env());
    result.Set("kernelErrors", static_cast<double>(kernel_errors_));
    result.Set("overruns", static_cast<double>(overruns_));
    result.Set("malformed", static_cast<double>(malformed_));
    return result;
  }

  static Napi::Value Fail(Napi::Env env, const char* message) {
    Napi::Error::New(env, message).ThrowAsJavaScriptException();
    return env.Undefined();
  }

  static Napi::Value FailWithErrno(Napi::Env env, const char* step) {
    const int error = errno;
    auto thrown = Napi::Error::New(env, std::string(step) + ": " + std::strerror(error));
    thrown.Set("errno", Napi::Number::New(env, error));
    thrown.Set("step", Napi::String::New(env, step));
    thrown.ThrowAsJavaScriptException();
    return env.Undefined();
  }

  static constexpr int kSendAttempts = 200;
  static constexpr useconds_t kSendPauseMicroseconds = 500;

  int fd_ = -1;
  uint16_t queue_ = 0;
  uint32_t port_id_ = 0;
  uint32_t capacity_ = 0;
  uint32_t slot_bytes_ = 0;
  /** Rows that receive() returned and decide() has not answered. */
  uint32_t undecided_ = 0;
  double timeout_ms_ = -1;

  RegisteredArray<uint8_t> bytes_;
  RegisteredArray<uint32_t> rows_;
  RegisteredArray<uint8_t> verdicts_;
  RegisteredArray<uint32_t> marks_;
  std::vector<mmsghdr> headers_;
  std::vector<iovec> slots_;
  std::vector<sockaddr_nl> senders_;
  std::vector<uint8_t> out_;

  uint64_t kernel_errors_ = 0;
  uint64_t overruns_ = 0;
  uint64_t malformed_ = 0;
  LiveObject live_;
};

}  // namespace

void DefineQueue(Napi::Env env, Napi::Object exports) {
  exports.Set("NfQueue", NfQueue::Define(env));
  auto columns = Napi::Array::New(env, kColumns);
  for (uint32_t i = 0; i < kColumns; i++) columns[i] = Napi::String::New(env, kColumnNames[i]);
  exports.Set("queueColumns", columns);
}

}  // namespace vpatch
