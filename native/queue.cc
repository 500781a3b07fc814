#include "queue.h"

#include <arpa/inet.h>
#include <linux/netfilter.h>
#include <linux/netfilter/nfnetlink_queue.h>
#include <sys/uio.h>

#include <algorithm>
#include <cerrno>
#include <cstddef>
#include <cstring>
#include <iterator>
#include <string>
#include <vector>

#include "netlink.h"
#include "queue_socket.h"

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

constexpr uint16_t kPacketType = NetfilterType(NFNL_SUBSYS_QUEUE, NFQNL_MSG_PACKET);
constexpr uint16_t kVerdictType = NetfilterType(NFNL_SUBSYS_QUEUE, NFQNL_MSG_VERDICT);
constexpr uint16_t kBatchVerdictType = NetfilterType(NFNL_SUBSYS_QUEUE, NFQNL_MSG_VERDICT_BATCH);
/** A verdict with a mark, the longest that decide() writes. */
constexpr size_t kVerdictBytes =
    kNetfilterHeaderBytes + NLA_HDRLEN + sizeof(nfqnl_msg_verdict_hdr) + NLA_HDRLEN + sizeof(uint32_t);

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

class NfQueue;
thread_local Registry<NfQueue> registry;

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
    slots_.resize(capacity);
    headers_.resize(capacity);
    for (uint32_t i = 0; i < capacity; i++) {
      slots_[i] = {bytes_.data() + size_t{i} * slot_bytes, slot_bytes};
      headers_[i].msg_hdr.msg_iov = &slots_[i];
      headers_[i].msg_hdr.msg_iovlen = 1;
    }

    const char* step = socket_.Open({queue_, max_length, copy_bytes, receive_buffer_bytes, out_.size(), flags});
    if (step != nullptr) {
      ThrowErrno(env, step);
      return;
    }
    registration_.Begin(registry, this, info);
  }

  static Napi::Function Define(Napi::Env env) {
    return DefineClass(env, "NfQueue",
                       {
                           RawMethod<NfQueue>("receive", Receive),
                           RawMethod<NfQueue>("decide", Decide),
                           InstanceMethod<&NfQueue::Close>("close"),
                           InstanceAccessor<&NfQueue::PortId>("portId"),
                           InstanceAccessor<&NfQueue::ReceiveBufferBytes>("receiveBufferBytes"),
                       });
  }

 private:
  /** receive(id, timeoutMs) */
  static napi_value Receive(napi_env env, napi_callback_info info) {
    return Call(env, info, &NfQueue::ReceiveBatch);
  }

  /** decide(id, count) */
  static napi_value Decide(napi_env env, napi_callback_info info) { return Call(env, info, &NfQueue::DecideBatch); }

  static napi_value Call(Napi::Env env, napi_callback_info info, Napi::Value (NfQueue::*method)(Napi::Env, napi_value)) {
    napi_value arguments[2];
    size_t count = std::size(arguments);
    napi_get_cb_info(env, info, &count, arguments, nullptr, nullptr);
    NfQueue* queue = registry.Find(env, arguments[0]);
    if (queue == nullptr) return nullptr;
    return (queue->*method)(env, arguments[1]);
  }

  Napi::Value ReceiveBatch(Napi::Env env, napi_value timeout) {
    double timeout_ms;
    if (napi_get_value_double(env, timeout, &timeout_ms) != napi_ok || !(timeout_ms >= 0)) {
      Napi::RangeError::New(env, "timeoutMs must not be negative").ThrowAsJavaScriptException();
      return env.Undefined();
    }
    // A batch verdict answers everything up to an id: it would answer forgotten rows too, by another row's verdict.
    if (undecided_ > 0) return Fail(env, "receive: the last batch has not been decided");
    if (!socket_.is_open()) return Fail(env, "receive: the queue is closed");
    if (!bytes_.IsIntact(env) || !rows_.IsIntact(env)) return Fail(env, "receive: an array has been detached");

    const int received = socket_.Receive(headers_.data(), capacity_, timeout_ms);
    if (received < 0) {
      // ENOBUFS: the socket buffer was full. The kernel counts the lost packets as the queue's.
      if (errno != ENOBUFS && errno != EAGAIN && errno != EINTR) return FailWithErrno(env, "receive");
      return Napi::Number::New(env, 0);
    }
    uint32_t rows = 0;
    for (int i = 0; i < received; i++) {
      if (ReadDatagram(static_cast<uint32_t>(i), rows_.data() + size_t{rows} * kColumns)) rows++;
    }
    undecided_ = rows;
    return Napi::Number::New(env, rows);
  }

  /** True when the slot holds a packet; the row then describes it. */
  bool ReadDatagram(uint32_t slot, uint32_t* row) {
    const mmsghdr& received = headers_[slot];
    const uint32_t start = slot * slot_bytes_;
    const uint8_t* message = bytes_.data() + start;
    if (received.msg_len < kNetfilterHeaderBytes) return false;
    const auto header = Load<nlmsghdr>(message);
    // Else it is an error most of all: the kernel flushed a packet before its verdict came (ENOENT).
    if (header.nlmsg_type != kPacketType || header.nlmsg_len < kNetfilterHeaderBytes) return false;
    const uint32_t length = std::min<uint32_t>(header.nlmsg_len, received.msg_len);
    return ReadAttributes(message, length, start, row);
  }

  bool ReadAttributes(const uint8_t* message, uint32_t length, uint32_t start, uint32_t* row) {
    std::fill_n(row, static_cast<uint32_t>(kColumns), 0u);
    row[kStart] = start;
    uint32_t full_length = 0;
    bool has_id = false;
    for (uint32_t at = kNetfilterHeaderBytes; at + NLA_HDRLEN <= length;) {
      const auto attribute = Load<nlattr>(message + at);
      const uint32_t value_at = at + NLA_HDRLEN;
      const uint8_t* value = message + value_at;
      if (attribute.nla_len < NLA_HDRLEN) break;
      // A message that did not fit its slot is cut. The packet still needs its verdict, so take what is there.
      const uint32_t value_bytes = std::min<uint32_t>(attribute.nla_len - NLA_HDRLEN, length - value_at);

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
    return has_id;
  }

  Napi::Value DecideBatch(Napi::Env env, napi_value answered) {
    uint32_t count;
    if (napi_get_value_uint32(env, answered, &count) != napi_ok || count != undecided_) {
      Napi::RangeError::New(env, "decide: count must be what receive returned").ThrowAsJavaScriptException();
      return env.Undefined();
    }
    if (count == 0) return env.Undefined();
    if (!socket_.is_open()) return Fail(env, "decide: the queue is closed");
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
      const uint16_t type = next - first > 1 ? kBatchVerdictType : kVerdictType;
      const uint32_t last_id = ids[size_t{next - 1} * kColumns];
      const nfqnl_msg_verdict_hdr verdict{htonl(accepts ? NF_ACCEPT : NF_DROP), htonl(last_id)};
      messages.Begin(type, 0, queue_);
      messages.Attribute(NFQA_VERDICT_HDR, &verdict, sizeof verdict);
      if (mark != 0) messages.Attribute32(NFQA_MARK, mark);
      messages.End();
      first = next;
    }
    if (!socket_.Send(out_.data(), messages.size())) return FailWithErrno(env, "decide");
    undecided_ = 0;
    return env.Undefined();
  }

  Napi::Value Close(const Napi::CallbackInfo& info) {
    socket_.Close();
    undecided_ = 0;
    return info.Env().Undefined();
  }

  Napi::Value PortId(const Napi::CallbackInfo& info) { return Napi::Number::New(info.Env(), socket_.port_id()); }

  Napi::Value ReceiveBufferBytes(const Napi::CallbackInfo& info) {
    return Napi::Number::New(info.Env(), socket_.ReceiveBufferBytes());
  }

  static Napi::Value Fail(Napi::Env env, const char* message) {
    Napi::Error::New(env, message).ThrowAsJavaScriptException();
    return env.Undefined();
  }

  static Napi::Value FailWithErrno(Napi::Env env, const char* step) {
    ThrowErrno(env, step);
    return env.Undefined();
  }

  static void ThrowErrno(Napi::Env env, const char* step) {
    const int error = errno;
    auto thrown = Napi::Error::New(env, std::string(step) + ": " + std::strerror(error));
    thrown.Set("errno", Napi::Number::New(env, error));
    thrown.Set("step", Napi::String::New(env, step));
    thrown.ThrowAsJavaScriptException();
  }

  QueueSocket socket_;
  Registration<NfQueue> registration_;
  uint16_t queue_ = 0;
  uint32_t capacity_ = 0;
  uint32_t slot_bytes_ = 0;
  /** Rows that receive() returned and decide() has not answered. */
  uint32_t undecided_ = 0;

  RegisteredArray<uint8_t> bytes_;
  RegisteredArray<uint32_t> rows_;
  RegisteredArray<uint8_t> verdicts_;
  RegisteredArray<uint32_t> marks_;
  std::vector<mmsghdr> headers_;
  std::vector<iovec> slots_;
  std::vector<uint8_t> out_;

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
