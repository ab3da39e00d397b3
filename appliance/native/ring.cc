// The packet ring: an AF_PACKET socket with a TPACKET_V3 receive ring (Linux Documentation/networking/packet_mmap.rst),
// handed to JavaScript as one ArrayBuffer. Blocks are read and given back there; nothing here looks into a frame, and
// nothing is ever sent on the socket. Beside it the two calls of libpcap that the kernel's filter needs.
#include <arpa/inet.h>
#include <errno.h>
#include <linux/filter.h>
#include <linux/if_ether.h>
#include <linux/if_packet.h>
#include <net/if.h>
#include <net/if_arp.h>
#include <node_api.h>
#include <pcap/pcap.h>
#include <poll.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <unistd.h>

#include <string>
#include <vector>

#ifndef PACKET_IGNORE_OUTGOING
#define PACKET_IGNORE_OUTGOING 23
#endif

namespace {

constexpr size_t kFrameAlignBytes = 2048;    // tp_frame_size: the kernel wants one; TPACKET_V3 packs frames closer
constexpr unsigned kVlanTagBytes = 4;        // room before each frame, to put a tag back that the card took off
constexpr size_t kRingsMax = 64;             // of one poll
constexpr size_t kFilterInstructionsMax = BPF_MAXINSNS;

struct Ring {
  int fd = -1;
  int lastTap = -1;
  void* memory = MAP_FAILED;
  size_t sizeBytes = 0;
  napi_ref buffer = nullptr;

  void unmap() {
    if (memory != MAP_FAILED) munmap(memory, sizeBytes);
    memory = MAP_FAILED;
  }
  void shut() {
    if (fd >= 0) close(fd);
    if (lastTap >= 0) close(lastTap);
    fd = lastTap = -1;
  }
  ~Ring() {
    shut();
    unmap();
  }
};

// Throws an Error with `code` set to the name of the error number, as the file system's errors of Node.js have it.
napi_value fail(napi_env env, const char* what, int number) {
  napi_value code, message, error;
  std::string text = std::string(what) + ": " + strerror(number);
  napi_create_string_utf8(env, strerrorname_np(number), NAPI_AUTO_LENGTH, &code);
  napi_create_string_utf8(env, text.c_str(), text.size(), &message);
  napi_create_error(env, code, message, &error);
  napi_throw(env, error);
  return nullptr;
}

napi_value failText(napi_env env, const char* code, const std::string& text) {
  napi_throw_error(env, code, text.c_str());
  return nullptr;
}

bool readText(napi_env env, napi_value value, std::string* text) {
  size_t length = 0;
  if (napi_get_value_string_utf8(env, value, nullptr, 0, &length) != napi_ok) return false;
  text->resize(length);
  return napi_get_value_string_utf8(env, value, text->data(), length + 1, &length) == napi_ok;
}

Ring* readRing(napi_env env, napi_value value) {
  void* data = nullptr;
  if (napi_get_value_external(env, value, &data) != napi_ok) return nullptr;
  return static_cast<Ring*>(data);
}

bool setOption(int fd, int option, const void* value, socklen_t size) {
  return setsockopt(fd, SOL_PACKET, option, value, size) == 0;
}

// open(interface, blockSizeBytes, blocks, retireMs, promiscuous) → [handle, ArrayBuffer]
napi_value open(napi_env env, napi_callback_info info) {
  size_t count = 5;
  napi_value args[5];
  napi_get_cb_info(env, info, &count, args, nullptr, nullptr);
  std::string interface;
  uint32_t blockSizeBytes = 0, blocks = 0, retireMs = 0;
  bool promiscuous = false;
  if (count != 5 || !readText(env, args[0], &interface) || interface.size() >= IFNAMSIZ ||
      napi_get_value_uint32(env, args[1], &blockSizeBytes) != napi_ok ||
      napi_get_value_uint32(env, args[2], &blocks) != napi_ok ||
      napi_get_value_uint32(env, args[3], &retireMs) != napi_ok ||
      napi_get_value_bool(env, args[4], &promiscuous) != napi_ok)
    return failText(env, "ERR_INVALID_ARG_TYPE", "open(interface, blockSizeBytes, blocks, retireMs, promiscuous)");

  Ring* ring = new Ring();
  auto failed = [&](const char* what) {
    int number = errno;
    delete ring;
    return fail(env, (interface + ": " + what).c_str(), number);
  };
  // Protocol 0: nothing is received before the ring is ready and bound.
  ring->fd = socket(AF_PACKET, SOCK_RAW | SOCK_CLOEXEC, 0);
  if (ring->fd < 0) return failed("packet socket");

  struct ifreq request = {};
  memcpy(request.ifr_name, interface.c_str(), interface.size());
  if (ioctl(ring->fd, SIOCGIFHWADDR, &request) != 0) return failed("no such interface");
  if (request.ifr_hwaddr.sa_family != ARPHRD_ETHER && request.ifr_hwaddr.sa_family != ARPHRD_LOOPBACK) {
    errno = EPROTONOSUPPORT;
    return failed("no Ethernet");
  }
  if (ioctl(ring->fd, SIOCGIFINDEX, &request) != 0) return failed("no such interface");
  int index = request.ifr_ifindex;

  int version = TPACKET_V3, one = 1;
  unsigned reserve = kVlanTagBytes;
  if (!setOption(ring->fd, PACKET_VERSION, &version, sizeof version)) return failed("TPACKET_V3");
  if (!setOption(ring->fd, PACKET_RESERVE, &reserve, sizeof reserve)) return failed("PACKET_RESERVE");
  // What the box itself would send there is no traffic of the SPAN port.
  if (!setOption(ring->fd, PACKET_IGNORE_OUTGOING, &one, sizeof one)) return failed("PACKET_IGNORE_OUTGOING");

  struct tpacket_req3 layout = {};
  layout.tp_block_size = blockSizeBytes;
  layout.tp_block_nr = blocks;
  layout.tp_frame_size = kFrameAlignBytes;
  layout.tp_frame_nr = static_cast<unsigned>(static_cast<uint64_t>(blockSizeBytes) * blocks / kFrameAlignBytes);
  layout.tp_retire_blk_tov = retireMs;
  if (!setOption(ring->fd, PACKET_RX_RING, &layout, sizeof layout)) return failed("PACKET_RX_RING");
  ring->sizeBytes = static_cast<size_t>(blockSizeBytes) * blocks;
  ring->memory = mmap(nullptr, ring->sizeBytes, PROT_READ | PROT_WRITE, MAP_SHARED, ring->fd, 0);
  if (ring->memory == MAP_FAILED) return failed("mapping the ring");

  if (promiscuous) {
    struct packet_mreq membership = {};
    membership.mr_ifindex = index;
    membership.mr_type = PACKET_MR_PROMISC;
    if (!setOption(ring->fd, PACKET_ADD_MEMBERSHIP, &membership, sizeof membership)) return failed("promiscuous mode");
  }

  napi_value handle, buffer, pair;
  if (napi_create_external_arraybuffer(env, ring->memory, ring->sizeBytes, [](napi_env, void*, void*) {}, nullptr,
                                       &buffer) != napi_ok) {
    errno = ENOMEM;
    return failed("external ArrayBuffer");
  }
  napi_create_reference(env, buffer, 1, &ring->buffer);
  napi_create_external(env, ring, [](napi_env, void* data, void*) { delete static_cast<Ring*>(data); }, nullptr, &handle);
  napi_create_array_with_length(env, 2, &pair);
  napi_set_element(env, pair, 0, handle);
  napi_set_element(env, pair, 1, buffer);
  return pair;
}

// A socket that takes nothing, bound before the ring. The kernel hands a batch of frames to the oldest packet socket of an
// interface late, those frames that no protocol of its own wants (spanning tree, say), and the others at once: they would
// come out of order (net/core/dev.c, __netif_receive_skb_list_core). So the oldest one is never a ring.
int openLastTap(const struct sockaddr_ll& address) {
  int fd = socket(AF_PACKET, SOCK_RAW | SOCK_CLOEXEC, 0);
  if (fd < 0) return -1;
  struct sock_filter nothing[] = {{BPF_RET | BPF_K, 0, 0, 0}};
  struct sock_fprog program = {1, nothing};
  if (setsockopt(fd, SOL_SOCKET, SO_ATTACH_FILTER, &program, sizeof program) == 0 &&
      bind(fd, reinterpret_cast<const struct sockaddr*>(&address), sizeof address) == 0)
    return fd;
  int number = errno;
  close(fd);
  errno = number;
  return -1;
}

// start(handle, interface): binds, from here on frames arrive; after filter() so that none comes unfiltered.
napi_value start(napi_env env, napi_callback_info info) {
  size_t count = 2;
  napi_value args[2];
  napi_get_cb_info(env, info, &count, args, nullptr, nullptr);
  Ring* ring = readRing(env, args[0]);
  std::string interface;
  if (ring == nullptr || !readText(env, args[1], &interface))
    return failText(env, "ERR_INVALID_ARG_TYPE", "start(handle, interface)");
  struct sockaddr_ll address = {};
  address.sll_family = AF_PACKET;
  address.sll_protocol = htons(ETH_P_ALL);
  address.sll_ifindex = static_cast<int>(if_nametoindex(interface.c_str()));
  if (address.sll_ifindex == 0) return fail(env, interface.c_str(), errno);
  ring->lastTap = openLastTap(address);
  if (ring->lastTap < 0) return fail(env, interface.c_str(), errno);
  if (bind(ring->fd, reinterpret_cast<struct sockaddr*>(&address), sizeof address) != 0)
    return fail(env, interface.c_str(), errno);
  return nullptr;
}

// wait(handles, timeoutMs) → number of rings that have something to read or an error; blocks its own thread only.
napi_value wait(napi_env env, napi_callback_info info) {
  size_t count = 2;
  napi_value args[2];
  napi_get_cb_info(env, info, &count, args, nullptr, nullptr);
  uint32_t rings = 0;
  int32_t timeoutMs = 0;
  if (napi_get_array_length(env, args[0], &rings) != napi_ok || rings > kRingsMax ||
      napi_get_value_int32(env, args[1], &timeoutMs) != napi_ok)
    return failText(env, "ERR_INVALID_ARG_TYPE", "wait(handles, timeoutMs)");
  struct pollfd waits[kRingsMax];
  for (uint32_t i = 0; i < rings; i++) {
    napi_value element;
    napi_get_element(env, args[0], i, &element);
    Ring* ring = readRing(env, element);
    waits[i] = {ring == nullptr ? -1 : ring->fd, POLLIN | POLLERR, 0};
  }
  int ready = poll(waits, rings, timeoutMs);
  // An interface that went down leaves an error on the socket; reading it lets the next poll wait again.
  for (uint32_t i = 0; ready > 0 && i < rings; i++)
    if (waits[i].revents & POLLERR) {
      int error = 0;
      socklen_t size = sizeof error;
      getsockopt(waits[i].fd, SOL_SOCKET, SO_ERROR, &error, &size);
    }
  napi_value result;
  napi_create_int32(env, ready < 0 ? 0 : ready, &result);
  return result;
}

// stats(handle) → [frames, drops] since the last call: the kernel forgets what it has told. Frames include drops.
napi_value stats(napi_env env, napi_callback_info info) {
  size_t count = 1;
  napi_value args[1], pair, value;
  napi_get_cb_info(env, info, &count, args, nullptr, nullptr);
  Ring* ring = readRing(env, args[0]);
  if (ring == nullptr) return failText(env, "ERR_INVALID_ARG_TYPE", "stats(handle)");
  struct tpacket_stats_v3 counted = {};
  socklen_t size = sizeof counted;
  if (getsockopt(ring->fd, SOL_PACKET, PACKET_STATISTICS, &counted, &size) != 0)
    return fail(env, "PACKET_STATISTICS", errno);
  napi_create_array_with_length(env, 2, &pair);
  napi_create_uint32(env, counted.tp_packets, &value);
  napi_set_element(env, pair, 0, value);
  napi_create_uint32(env, counted.tp_drops, &value);
  napi_set_element(env, pair, 1, value);
  return pair;
}

// close(handle): takes the memory out of the ArrayBuffer, whose length is 0 from then on, and ends the socket.
napi_value closeRing(napi_env env, napi_callback_info info) {
  size_t count = 1;
  napi_value args[1], buffer;
  napi_get_cb_info(env, info, &count, args, nullptr, nullptr);
  Ring* ring = readRing(env, args[0]);
  if (ring == nullptr) return failText(env, "ERR_INVALID_ARG_TYPE", "close(handle)");
  if (ring->buffer == nullptr) return nullptr;
  napi_get_reference_value(env, ring->buffer, &buffer);
  if (napi_detach_arraybuffer(env, buffer) != napi_ok) return failText(env, "ERR_INVALID_STATE", "the ring is in use");
  napi_delete_reference(env, ring->buffer);
  ring->buffer = nullptr;
  ring->unmap();
  ring->shut();
  return nullptr;
}

// compileFilter(expression, linkType, snaplenBytes) → ArrayBuffer of struct bpf_insn (8 octets each, host order)
napi_value compileFilter(napi_env env, napi_callback_info info) {
  size_t count = 3;
  napi_value args[3];
  napi_get_cb_info(env, info, &count, args, nullptr, nullptr);
  std::string expression;
  int32_t linkType = 0, snaplenBytes = 0;
  if (!readText(env, args[0], &expression) || napi_get_value_int32(env, args[1], &linkType) != napi_ok ||
      napi_get_value_int32(env, args[2], &snaplenBytes) != napi_ok)
    return failText(env, "ERR_INVALID_ARG_TYPE", "compileFilter(expression, linkType, snaplenBytes)");
  pcap_t* pcap = pcap_open_dead(linkType, snaplenBytes);
  if (pcap == nullptr) return fail(env, "pcap_open_dead", ENOMEM);
  struct bpf_program program = {};
  if (pcap_compile(pcap, &program, expression.c_str(), 1, PCAP_NETMASK_UNKNOWN) != 0) {
    std::string why = pcap_geterr(pcap);
    pcap_close(pcap);
    return failText(env, "ERR_BPF_SYNTAX", why);
  }
  void* data = nullptr;
  napi_value buffer;
  napi_create_arraybuffer(env, program.bf_len * sizeof(struct bpf_insn), &data, &buffer);
  memcpy(data, program.bf_insns, program.bf_len * sizeof(struct bpf_insn));
  pcap_freecode(&program);
  pcap_close(pcap);
  return buffer;
}

// attachFilter(handle, ArrayBuffer of compileFilter): the kernel then leaves out other frames, and cuts at the snaplen.
napi_value attachFilter(napi_env env, napi_callback_info info) {
  size_t count = 2;
  napi_value args[2];
  napi_get_cb_info(env, info, &count, args, nullptr, nullptr);
  Ring* ring = readRing(env, args[0]);
  void* data = nullptr;
  size_t sizeBytes = 0;
  if (ring == nullptr || napi_get_arraybuffer_info(env, args[1], &data, &sizeBytes) != napi_ok)
    return failText(env, "ERR_INVALID_ARG_TYPE", "attachFilter(handle, program)");
  size_t instructions = sizeBytes / sizeof(struct sock_filter);
  if (instructions == 0 || instructions > kFilterInstructionsMax)
    return failText(env, "ERR_BPF_SIZE", "a filter has 1 to 4096 instructions");
  static_assert(sizeof(struct sock_filter) == sizeof(struct bpf_insn));
  struct sock_fprog program = {static_cast<unsigned short>(instructions), static_cast<struct sock_filter*>(data)};
  if (setsockopt(ring->fd, SOL_SOCKET, SO_ATTACH_FILTER, &program, sizeof program) != 0)
    return fail(env, "SO_ATTACH_FILTER", errno);
  return nullptr;
}

void define(napi_env env, napi_value exports, const char* name, napi_callback function) {
  napi_value value;
  napi_create_function(env, name, NAPI_AUTO_LENGTH, function, nullptr, &value);
  napi_set_named_property(env, exports, name, value);
}

}  // namespace

NAPI_MODULE_INIT() {
  define(env, exports, "open", open);
  define(env, exports, "start", start);
  define(env, exports, "wait", wait);
  define(env, exports, "stats", stats);
  define(env, exports, "close", closeRing);
  define(env, exports, "compileFilter", compileFilter);
  define(env, exports, "attachFilter", attachFilter);
  return exports;
}
