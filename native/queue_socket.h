#pragma once

#include <sys/socket.h>

#include <cstddef>
#include <cstdint>

namespace vpatch {

/** How the kernel is to hand over packets: see QueueOptions of src/base/native/queue.ts. */
struct QueueSettings {
  uint16_t queue;
  uint32_t max_length;
  uint32_t copy_bytes;
  uint32_t receive_buffer_bytes;
  /** Most bytes of messages that one Send takes. */
  size_t send_bytes;
  uint32_t flags;
};

/** The netlink socket of one NFQUEUE. Functions that return false have set errno. */
class QueueSocket {
 public:
  QueueSocket() = default;
  ~QueueSocket() { Close(); }
  QueueSocket(const QueueSocket&) = delete;
  QueueSocket& operator=(const QueueSocket&) = delete;

  /** Null on success; else the step that failed, with errno set, and then it is not open. */
  const char* Open(const QueueSettings& settings);
  /** The kernel unbinds the queue by itself when its socket goes. */
  void Close();

  bool is_open() const { return fd_ >= 0; }
  uint32_t port_id() const { return port_id_; }
  /** What the kernel has granted; 0 when it is not open. */
  int ReceiveBufferBytes() const;

  /**
   * Messages that wait, at most `capacity`, each into the memory that its header names; waits up to `timeout_ms` for
   * the first one. Their number, or -1 with errno set: EAGAIN when none came.
   *
   * Where packets come at short intervals it looks for the next one before it sleeps, as KVM does before it halts: to
   * wake a thread, and often its processor, takes longer than most of these waits.
   */
  int Receive(mmsghdr* headers, uint32_t capacity, double timeout_ms);

  /** When this returns true, the kernel has worked through the messages: netlink to the kernel is synchronous. */
  bool Send(const uint8_t* messages, size_t length);

 private:
  const char* Configure(const QueueSettings& settings);
  bool SetOption(int level, int name, int value);
  bool SetReceiveTimeout(double timeout_ms);
  bool Request(const uint8_t* message, size_t length);

  int fd_ = -1;
  uint32_t port_id_ = 0;
  double timeout_ms_ = -1;
  /** How long to look before sleeping, in nanoseconds. 0: packets are rare. */
  int64_t look_ = 0;
};

}  // namespace vpatch
