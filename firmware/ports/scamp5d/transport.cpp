// Our frames in the vendor's packets. Bytes from the host come in USER_VALUE messages: the byte of a message says how
// many of its four there are, 1 to 4, the first in the lowest place. Bytes to the host go as vectors of INT8 on a
// channel of our own. The packets that the vendor's library makes of it are in
// protocol/pixeltree_protocol/vendor/carried.py, which is the other end.
#include "transport.h"

#include <scamp5.hpp>

namespace {

constexpr uint32_t CHANNEL = 80;                       // below those of displays, which begin at 100
constexpr size_t MOST_BYTES = 1024;                    // of a vector; the vendor's limit is OPEN
constexpr size_t ROOM = 4096;                          // of bytes that nobody has taken: the window and more

uint8_t waiting[ROOM];
size_t first, count;

void take(uint8_t id, int32_t value)
{
    if (id < 1 || id > 4)
        return;                                        // not ours
    for (unsigned i = 0; i < id && count < ROOM; i++, count++)
        waiting[(first + count) % ROOM] = (uint8_t)((uint32_t)value >> 8 * i);
}

}

extern "C" void transport_start(void)
{
    vs_init();
    vs_on_user_value(take);
}

extern "C" size_t transport_receive(uint8_t *bytes, size_t room)
{
    size_t taken = 0;
    vs_process_message();
    for (; taken < room && count; taken++, count--) {
        bytes[taken] = waiting[first];
        first = (first + 1) % ROOM;
    }
    return taken;
}

extern "C" void transport_send(const uint8_t *bytes, size_t size)
{
    vs_post_set_channel(CHANNEL);
    for (size_t at = 0; at < size; at += MOST_BYTES) {
        size_t part = size - at < MOST_BYTES ? size - at : MOST_BYTES;
        vs_post_int8(reinterpret_cast<const int8_t *>(bytes + at), 1, (int)part);
    }
}

extern "C" void transport_say(const char *what) { vs_post_text("%s", what); }
