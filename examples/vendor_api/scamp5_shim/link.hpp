// The connection: packets of the simulation protocol, and the vendor's packets that it tunnels.
#pragma once

#include <netdb.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <chrono>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <deque>
#include <functional>
#include <initializer_list>
#include <string>
#include <thread>
#include <vector>

namespace scamp5_shim {

using bytes = std::vector<uint8_t>;

enum kind : uint32_t { INSTRUCTION = 1, INSTRUCTION_WITH_TEXT = 2, KERNEL = 3, TUNNEL = 4, TEXT = 5, ANSWER = 6 };

enum opcode : int16_t {
    NOP = 0, RPIX, BUS_0, BUS_1, BUS_2, BUS_3, BUS_4, BUS2_0, BUS2_1, BUS2_2, BUS3, BUS_LIST,
    BLURSET, BLUR, BLURH, BLURV, WHERE_ANALOG_1, WHERE_ANALOG_2, WHERE_ANALOG_3, ALL, WHERE_1, WHERE_2, WHERE_3,
    SET_1, SET_2, SET_3, SET_4, CLR_1, CLR_2, CLR_3, CLR_4, MOV_1, NOT_1, OR_2, OR_3, OR_4, NOR_2, NOR_3, NOR_4,
    DNEWS_0, DNEWS_1, PROP_R_, PROP_0_, PROP_1_, VERSION, KERNEL_BEGIN, KERNEL_END, WAIT_FRAME_TRIGGER,
    FRAME_COUNTER_UPDATE, LOOP_COUNTER_UPDATE, DAC_IN, LOAD_POINT, LOAD_RECT, LOAD_PATTERN, SELECT_POINT,
    SELECT_RECT, SELECT_PATTERN, READ_AREG, SCAN_AREG, SCAN_DREG, SCAN_EVENTS, SCAN_EVENTS_RC, SCAN_EVENTS_CR,
    SCAN_AABB, OUT_AREG, OUT_DREG, OUT_EVENTS, OUT_AABB, OUT_BITSTACK_HEADER, OUT_LAYER, GLOBAL_OR, SUM_16,
    SUM_64, SUM_FAST, SUM_SPARSE, SUM_REGION, SCAN_AREG_MEAN, FLOOD, DIFFUSE, SIM_RESET_MODEL, PIX_INTEGRATE,
    SAVE_AREG_IMAGE, SAVE_DREG_IMAGE, RESET_VIDEO, GLOBAL_COUNT, TEST_A, TEST_B, TEST_C, TEST_D, USE_SUBPIX,
};

inline void put16(bytes& to, uint32_t value) {
    to.push_back(uint8_t(value));
    to.push_back(uint8_t(value >> 8));
}

inline void put32(bytes& to, uint32_t value) {
    put16(to, value & 0xFFFF);
    put16(to, value >> 16);
}

inline uint32_t get32(const uint8_t* at) {
    return at[0] | at[1] << 8 | at[2] << 16 | uint32_t(at[3]) << 24;
}

// 20 bytes: opcode, flag, eight arguments.
inline void put_instruction(bytes& to, int16_t code, std::initializer_list<int> arguments) {
    put16(to, uint16_t(code));
    put16(to, 0);
    for (int each : arguments) put16(to, uint16_t(each));
    for (size_t rest = arguments.size(); rest < 8; rest++) put16(to, 0);
}

class link {
  public:
    static constexpr uint32_t version = 0x460;

    // Connect to PIXELTREE_VENDOR_SIM (HOST:PORT), or to 127.0.0.1:27715, and wait for the version word.
    void open() {
        const char* where = std::getenv("PIXELTREE_VENDOR_SIM");
        std::string address = where ? where : "127.0.0.1:27715";
        size_t colon = address.rfind(':');
        if (colon == std::string::npos) end("PIXELTREE_VENDOR_SIM must be HOST:PORT, not " + address, 2);
        addrinfo hints{}, *found = nullptr;
        hints.ai_socktype = SOCK_STREAM;
        if (getaddrinfo(address.substr(0, colon).c_str(), address.substr(colon + 1).c_str(), &hints, &found) != 0)
            end("there is no host " + address, 2);
        socket_ = ::socket(found->ai_family, SOCK_STREAM, 0);
        if (socket_ < 0 || ::connect(socket_, found->ai_addr, found->ai_addrlen) != 0)
            end("no simulated array at " + address + "; start one: pixeltree emulate --listen vendor-sim://" + address, 2);
        freeaddrinfo(found);
        int on = 1;
        setsockopt(socket_, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
#ifdef SO_NOSIGPIPE
        setsockopt(socket_, SOL_SOCKET, SO_NOSIGPIPE, &on, sizeof on);
#endif
        looks_out_ = looking_out();
        while (!greeted_) receive();
        std::atexit([] { the().flush(); });
    }

    void send(kind what, const bytes& payload) {
        put32(out_, uint32_t(8 + payload.size()));
        put32(out_, what);
        out_.insert(out_.end(), payload.begin(), payload.end());
        if (out_.size() > 60000) flush();
    }

    void instruction(opcode code, std::initializer_list<int> arguments) {
        bytes row;
        put_instruction(row, code, arguments);
        send(INSTRUCTION, row);
    }

    void text(const char* words) {
        bytes row(words, words + std::strlen(words) + 1);
        send(TEXT, row);
    }

    // An API call that returns something.
    bytes ask(opcode code, std::initializer_list<int> arguments) {
        instruction(code, arguments);
        flush();
        while (answers_.empty()) await();
        bytes data = answers_.front();
        answers_.pop_front();
        return data;
    }

    // Wait for the frame trigger; returns the number of the frame.
    uint32_t wait_frame() {
        instruction(WAIT_FRAME_TRIGGER, {});
        flush();
        uint32_t before = frame_;
        while (frame_ == before) await();
        return frame_;
    }

    void flush() {
        size_t at = 0;
#ifdef MSG_NOSIGNAL
        const int flags = MSG_NOSIGNAL;
#else
        const int flags = 0;
#endif
        while (at < out_.size()) {
            ssize_t sent = ::send(socket_, out_.data() + at, out_.size() - at, flags);
            if (sent <= 0) {
                out_.clear();
                end("the simulated array has ended", 0);
            }
            at += size_t(sent);
        }
        out_.clear();
    }

    // Take what has come, without waiting; whether there was anything.
    bool poll() {
        uint8_t part[4096];
        bool any = false;
        for (;;) {
            ssize_t got = ::recv(socket_, part, sizeof part, MSG_DONTWAIT);
            if (got == 0) end("the simulated array has ended", 0);
            if (got < 0) break;
            any = true;
            in_.insert(in_.end(), part, part + got);
        }
        if (any) take();
        return any;
    }

    // Take what comes within so many milliseconds.
    void wait(int milliseconds) {
        pollfd one{socket_, POLLIN, 0};
        if (::poll(&one, 1, milliseconds) > 0) receive();
    }

    std::function<void(uint16_t, uint8_t, uint8_t, uint32_t)> on_message;
    std::function<void(const uint8_t*, size_t)> on_data;

    static link& the() {
        static link only;
        return only;
    }

    [[noreturn]] static void end(const std::string& reason, int status) {
        std::fprintf(stderr, "scamp5: %s\n", reason.c_str());
        std::_Exit(status);
    }

  private:
    using steady = std::chrono::steady_clock;
    using microseconds = std::chrono::microseconds;

    // For how long to look out for an answer before sleeping: PIXELTREE_VENDOR_SIM_LOOKS_OUT (microseconds), or
    // 300 where there is a second core. Answers mostly come within that, and to be woken up takes longer.
    static microseconds looking_out() {
        const char* asked = std::getenv("PIXELTREE_VENDOR_SIM_LOOKS_OUT");
        if (!asked) return microseconds(std::thread::hardware_concurrency() > 1 ? 300 : 0);
        char* rest = nullptr;
        long value = std::strtol(asked, &rest, 10);
        if (rest == asked || *rest || value < 0 || value > 1000000)
            end(std::string("PIXELTREE_VENDOR_SIM_LOOKS_OUT must be 0 to 1000000 microseconds, not ") + asked, 2);
        return microseconds(value);
    }

    // Take what comes next. Where to look out was in vain, as others have the processor, it is done less and less often.
    void await() {
        if (rests_ > 0) {
            rests_--;
        } else if (looks_out_ > microseconds(0)) {
            const steady::time_point until = steady::now() + looks_out_;
            while (steady::now() < until)
                if (poll()) {
                    in_vain_ = 0;
                    return;
                }
            if (in_vain_ < 8) in_vain_++;
            rests_ = (1 << in_vain_) - 1;
        }
        receive();
    }

    void receive() {
        uint8_t part[65536];
        ssize_t got = ::recv(socket_, part, sizeof part, 0);
        if (got <= 0) end("the simulated array has ended", 0);
        in_.insert(in_.end(), part, part + got);
        take();
    }

    void take() {
        size_t at = 0;
        while (in_.size() - at >= 8) {
            uint32_t size = get32(&in_[at]);
            if (size < 8 || size > (1u << 20)) end("a packet of an impossible size came", 3);
            if (in_.size() - at < size) break;
            packet(get32(&in_[at + 4]), &in_[at + 8], size - 8);
            at += size;
        }
        in_.erase(in_.begin(), in_.begin() + long(at));
    }

    void packet(uint32_t what, const uint8_t* data, size_t size) {
        if (what == ANSWER) answers_.emplace_back(data, data + size);
        if (what == TUNNEL) tunnelled(data, size);
        if (what != INSTRUCTION || size < 20) return;
        int16_t code = int16_t(data[0] | data[1] << 8);
        if (code == VERSION) {
            if (get32(data + 8) != version) end("the simulated array has another version", 4);
            greeted_ = true;
        }
        if (code == FRAME_COUNTER_UPDATE) frame_ = get32(data + 4);
    }

    // Packets of the vendor's host protocol: messages, and what a program has asked for.
    void tunnelled(const uint8_t* data, size_t size) {
        tunnel_.insert(tunnel_.end(), data, data + size);
        size_t at = 0;
        while (tunnel_.size() - at >= 8) {
            const uint8_t* head = &tunnel_[at];
            size_t payload = head[4] | head[5] << 8 | size_t(head[6]) << 16;
            bool sound = head[0] == 0x20 && head[1] == 0x17 && head[2] == 0xAA &&
                         head[7] == uint8_t(head[3] + head[4] + head[5] + head[6]);
            if (!sound) {
                at++;
                continue;
            }
            if (tunnel_.size() - at < 8 + payload) break;
            if (head[3] == 7 && on_message)
                for (size_t each = 8; each + 8 <= 8 + payload; each += 8)
                    on_message(uint16_t(head[each] | head[each + 1] << 8), head[each + 2], head[each + 3],
                               get32(head + each + 4));
            if (head[3] == 0x10 && on_data) on_data(head + 8, payload);
            at += 8 + payload;
        }
        tunnel_.erase(tunnel_.begin(), tunnel_.begin() + long(at));
    }

    int socket_ = -1;
    bool greeted_ = false;
    uint32_t frame_ = 0;
    microseconds looks_out_{0};
    int in_vain_ = 0, rests_ = 0;
    bytes out_, in_, tunnel_;
    std::deque<bytes> answers_;
};

}  // namespace scamp5_shim
