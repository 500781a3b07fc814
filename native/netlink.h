#pragma once

#include <arpa/inet.h>
#include <linux/netfilter/nfnetlink.h>
#include <linux/netlink.h>

#include <cstddef>
#include <cstdint>
#include <cstring>

namespace vpatch {

/** The type of a message of one of netfilter's subsystems (NFNL_SUBSYS_*). */
constexpr uint16_t NetfilterType(int subsystem, int type) { return static_cast<uint16_t>((subsystem << 8) | type); }

/** What every netfilter message begins with. */
constexpr size_t kNetfilterHeaderBytes = NLMSG_HDRLEN + sizeof(nfgenmsg);

/** Messages and attributes need not be aligned in memory, so nothing is read through a pointer of its own type. */
template <typename T>
T Load(const uint8_t* at) {
  T value;
  std::memcpy(&value, at, sizeof value);
  return value;
}
inline uint32_t LoadBig32(const uint8_t* at) { return ntohl(Load<uint32_t>(at)); }

/** Builds netfilter messages one behind the other in memory that the caller has sized for them. */
class MessageWriter {
 public:
  explicit MessageWriter(uint8_t* buffer) : buffer_(buffer) {}

  /** `resource`: what the subsystem calls so, for instance the number of a queue. */
  void Begin(uint16_t type, uint16_t flags, uint16_t resource) {
    message_ = size_;
    const nlmsghdr header{0, type, static_cast<uint16_t>(NLM_F_REQUEST | flags), 0, 0};
    const nfgenmsg generic{0, NFNETLINK_V0, htons(resource)};
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

}  // namespace vpatch
