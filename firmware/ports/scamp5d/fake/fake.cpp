// A SCAMP-5d to run the port on a computer: the vendor's API over an emulated array, and the vendor's packets over TCP
// as they come from its USB. It is a fake of what is published, written to test the port and not to know the device.
//
//   scamp5d-fake --array unix:///tmp/array0 --port 27888
//
// Planes with many 1s are given to the array whole: to draw one, as the port does on a chip, takes seconds here.
#include "emulated.h"

#include "../board.h"

#include <scamp5.hpp>

#include <arpa/inet.h>
#include <csignal>
#include <cstdarg>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <ctime>
#include <fstream>
#include <map>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <string>
#include <sys/random.h>
#include <sys/socket.h>
#include <unistd.h>
#include <vector>

namespace {

using bytes = std::vector<uint8_t>;

constexpr uint8_t SIGNATURE[] = {0x20, 0x17, 0xAA};
constexpr size_t HEAD = 8, MESSAGE = 8;
enum packet : uint8_t { MSG = 7, DATA = 0x10 };
enum data_type : uint8_t { TEXT = 8, INT8 = 9 };
enum code : uint8_t { DEVICE_ON = 100, USB_CONNECT = 128, USER_VALUE = 134 };
constexpr uint16_t TO_HOST = 0xCCDE;
constexpr unsigned FAKE_WORDS = 2048;                  // of the emulated store: what lies beyond checks words
constexpr uint32_t TICKS_A_SECOND = 144000;
constexpr int IDLE_MS = 2;
constexpr unsigned FEW_ONES = 12000;

int listener = -1, host = -1;
uint32_t channel, loop_counter, period_us = 16666;      // of the frame trigger
bytes came_in;
void (*on_user_value)(uint8_t, int32_t);
uint64_t array_ns;

uint64_t wall_ns()
{
    timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return uint64_t(t.tv_sec) * 1000000000u + uint64_t(t.tv_nsec);
}

void put(bytes &to, uint64_t value, unsigned size)
{
    for (unsigned i = 0; i < size; i++)
        to.push_back(uint8_t(value >> 8 * i));
}

void hang_up()
{
    if (host >= 0)
        close(host);
    host = -1;
    came_in.clear();
}

void send_packet(uint8_t kind, const bytes &payload)
{
    bytes all(SIGNATURE, SIGNATURE + sizeof SIGNATURE);
    put(all, kind, 1);
    put(all, payload.size(), 3);
    put(all, uint8_t(all[3] + all[4] + all[5] + all[6]), 1);
    all.insert(all.end(), payload.begin(), payload.end());
    for (size_t at = 0; host >= 0 && at < all.size();) {
        ssize_t n = send(host, all.data() + at, all.size() - at, MSG_NOSIGNAL);
        if (n <= 0)
            hang_up();                                 // as USB that is unplugged: what is posted goes nowhere
        else
            at += size_t(n);
    }
}

void post(uint8_t type, uint8_t version, unsigned dim0, unsigned dim1, const void *data, size_t size)
{
    bytes payload;
    put(payload, loop_counter, 4);
    put(payload, type, 1);
    put(payload, version, 1);
    put(payload, dim0, 2);
    put(payload, dim1, 2);
    put(payload, 0, 2);
    put(payload, channel, 4);
    auto *from = static_cast<const uint8_t *>(data);
    payload.insert(payload.end(), from, from + size);
    send_packet(DATA, payload);
}

void take_message(const uint8_t *p)
{
    uint32_t value = p[4] | p[5] << 8 | p[6] << 16 | uint32_t(p[7]) << 24;
    if (p[2] == USER_VALUE && on_user_value)
        on_user_value(p[3], int32_t(value));
    else if (p[2] == USB_CONNECT) {
        bytes answer;
        put(answer, TO_HOST, 2);
        put(answer, DEVICE_ON, 1);
        put(answer, 0, 5);
        send_packet(MSG, answer);
    }
}

// What is complete of what came in; bytes that begin no packet are passed over.
void take_packets()
{
    size_t at = 0;
    while (came_in.size() - at >= HEAD) {
        const uint8_t *p = came_in.data() + at;
        size_t size = p[4] | p[5] << 8 | size_t(p[6]) << 16;
        if (memcmp(p, SIGNATURE, sizeof SIGNATURE) || p[7] != uint8_t(p[3] + p[4] + p[5] + p[6])) {
            at++;
            continue;
        }
        if (came_in.size() - at < HEAD + size)
            break;
        if (p[3] == MSG)
            for (size_t i = 0; i + MESSAGE <= size; i += MESSAGE)
                take_message(p + HEAD + i);
        at += HEAD + size;
    }
    came_in.erase(came_in.begin(), came_in.begin() + ptrdiff_t(at));
}

void listen_on(unsigned port)
{
    sockaddr_in a{};
    a.sin_family = AF_INET;
    a.sin_port = htons(uint16_t(port));
    a.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    socklen_t size = sizeof a;
    int one = 1;
    listener = socket(AF_INET, SOCK_STREAM, 0);
    if (listener < 0 || setsockopt(listener, SOL_SOCKET, SO_REUSEADDR, &one, sizeof one)
        || bind(listener, reinterpret_cast<sockaddr *>(&a), size) || listen(listener, 1)
        || getsockname(listener, reinterpret_cast<sockaddr *>(&a), &size)) {
        perror("cannot listen");
        exit(1);
    }
    printf("listening on scamp5d:tcp://127.0.0.1:%u\n", ntohs(a.sin_port));
    fflush(stdout);
}

// A host that comes takes the place of one that is there: a cable has one end.
void accept_host()
{
    int one = 1, next = accept(listener, nullptr, nullptr);
    if (next < 0)
        return;
    hang_up();
    host = next;
    setsockopt(host, IPPROTO_TCP, TCP_NODELAY, &one, sizeof one);
}

void look(int milliseconds)
{
    pollfd polls[] = {{listener, POLLIN, 0}, {host, POLLIN, 0}};
    if (poll(polls, host < 0 ? 1 : 2, milliseconds) <= 0)
        return;
    if (host >= 0 && polls[1].revents) {
        uint8_t part[16384];
        ssize_t n = recv(host, part, sizeof part, MSG_DONTWAIT);
        if (n > 0)
            came_in.insert(came_in.end(), part, part + n);
        else
            hang_up();
    }
    if (polls[0].revents)
        accept_host();
}

// ---- instruction words: kept in the emulated store as long as they are the same ----

struct kept { unsigned start; bytes words; };
std::map<const void *, kept> known;
unsigned used;

unsigned place_of(const uint32_t (*words)[5], uint32_t count)
{
    auto *from = reinterpret_cast<const uint8_t *>(words);
    bytes now(from, from + sizeof *words * count);
    auto found = known.find(words);
    if (found != known.end() && found->second.words == now)
        return found->second.start;
    if (used + count > FAKE_WORDS) {
        known.clear();
        used = 0;
    }
    std::vector<icw> loaded(count);
    for (uint32_t i = 0; i < count; i++) {
        const uint32_t *w = words[i];
        loaded[i].low = (w[0] & 0xFFFF) | uint64_t(w[1] & 0xFFFF) << 16 | uint64_t(w[2] & 0xFFFF) << 32
                        | uint64_t(w[3] & 0xFFFF) << 48;
        loaded[i].high = uint16_t(w[4]);
        loaded[i].clock = w[0] >> 19 & 7;
    }
    emulated_load(used, loaded.data(), count);
    known[words] = {used, now};
    used += count;
    return used - count;
}

void stop(int) { _exit(0); }

// The program's arguments: a device has none, so that main takes none.
std::vector<std::string> arguments()
{
    std::ifstream file("/proc/self/cmdline");
    std::vector<std::string> found;
    for (std::string each; std::getline(file, each, '\0');)
        found.push_back(each);
    return found;
}

}

// ---- what board.h asks for ----

extern "C" {

uint64_t board_ns(void)
{
    static const uint64_t start = wall_ns();
    uint64_t ticks = (wall_ns() - start) * (TICKS_A_SECOND / 1000) / 1000000;
    return ticks * 1000000 / (TICKS_A_SECOND / 1000);
}

uint8_t board_random(void)
{
    uint8_t byte;
    if (getrandom(&byte, 1, 0) != 1)
        abort();
    return byte;
}

void board_reset(void) { exit(70); }
uint64_t board_array_ns(void) { return array_ns; }

void board_idle(void)
{
    emulated_flush();
    look(IDLE_MS);
}

bool board_has_opinions(void) { return true; }
bool board_takes(const struct icw *words, unsigned count) { return emulated_takes(words, count); }

bool board_writes(unsigned dreg, const uint8_t *plane)
{
    unsigned ones = 0;
    for (unsigned i = 0; i < 8192; i++)
        ones += unsigned(__builtin_popcount(plane[i]));
    if (ones <= FEW_ONES)
        return false;
    emulated_write(dreg, plane);
    return true;
}

bool board_shows(unsigned top, unsigned left, unsigned rows, unsigned columns, bool clear, const uint8_t *pixels)
{
    return emulated_show(top, left, rows, columns, clear, pixels);
}

}

// ---- the vendor's API ----

void vs_init()
{
    std::string array, port = "27888";
    auto given = arguments();
    for (size_t i = 1; i + 1 < given.size(); i += 2)
        if (given[i] == "--array")
            array = given[i + 1];
        else if (given[i] == "--port")
            port = given[i + 1];
        else
            array.clear();
    if (array.empty() || given.size() % 2 == 0) {
        fprintf(stderr, "use: scamp5d-fake --array URL [--port N]\n");
        exit(2);
    }
    signal(SIGTERM, stop);
    signal(SIGINT, stop);
    array_connect(array.c_str());
    listen_on(unsigned(atoi(port.c_str())));
}

void vs_process_message() { look(0); take_packets(); }
void vs_on_user_value(void (*callback)(uint8_t, int32_t)) { on_user_value = callback; }

// A frame of light has passed, and PIX holds it. The time of the emulated array stays: frames of a tree cost none.
void vs_frame_loop_control()
{
    emulated_begin_frame(++loop_counter);
    emulated_expose(period_us);
    vs_process_message();
}

void vs_frame_trigger_set(uint32_t numerator, uint32_t denominator)
{
    period_us = uint32_t(uint64_t(numerator) * 1000000 / denominator);
}

void vs_wait(uint32_t microseconds)
{
    array_ns += uint64_t(microseconds) * 1000;
    emulated_elapse(array_ns);
}

void vs_vision_chip_reset_exposure() { emulated_begin_exposure(); }

void vs_scamp5_execute_icw(const uint32_t (*words)[5], uint32_t count, bool)
{
    emulated_execute(place_of(words, count), count, 1);
}

void scamp5_load_in(int8_t value) { emulated_drive(unsigned(value + 128) * 16); }
void scamp5_load_dac(uint16_t dac) { emulated_drive(dac); }
void scamp5_select_pattern(uint8_t r, uint8_t c, uint8_t rx, uint8_t cx) { emulated_latch(r, c, rx, cx); }
void scamp5_select_rect(uint8_t r0, uint8_t c0, uint8_t r1, uint8_t c1) { emulated_rectangle(r0, c0, r1, c1); }

uint8_t scamp5_read_areg(areg_t areg, uint8_t r, uint8_t c)
{
    emulated_latch(r, c, 0, 0);
    return emulated_sample(areg.number, 1);
}

static int block_sums(areg_t areg, unsigned side, uint8_t *out)
{
    unsigned size = 256 / side, sum = 0;
    for (unsigned column = 0; column < side; column++)
        for (unsigned row = 0; row < side; row++) {
            emulated_latch(row * size, column * size, size - 1, size - 1);
            uint8_t code = emulated_sample(areg.number, size * size);
            if (out)
                *out++ = code;
            sum += code;
        }
    return int(sum);
}

int scamp5_global_sum_16(areg_t areg, uint8_t *result16) { return block_sums(areg, 4, result16); }
int scamp5_global_sum_64(areg_t areg, uint8_t *result64) { return block_sums(areg, 8, result64); }

uint8_t scamp5_global_sum_fast(areg_t areg)
{
    emulated_latch(0, 0, 255, 255);
    return emulated_sample(areg.number, 256 * 256);
}

uint8_t scamp5_global_sum_sparse(areg_t areg, uint8_t r, uint8_t c, uint8_t rx, uint8_t cx)
{
    emulated_latch(r, c, rx, cx);
    return emulated_sample(areg.number, 1024);
}

uint8_t scamp5_global_sum_region(areg_t areg, uint8_t r0, uint8_t c0, uint8_t r1, uint8_t c1)
{
    emulated_rectangle(r0, c0, r1, c1);
    return emulated_sample(areg.number, 64 * 64);
}

int scamp5_global_or(dreg_t dreg, uint8_t r, uint8_t c, uint8_t rx, uint8_t cx)
{
    emulated_latch(r, c, rx, cx);
    return emulated_or(dreg.number);
}

void scamp5_scan_areg(areg_t areg, uint8_t *buffer, uint8_t r0, uint8_t c0, uint8_t r1, uint8_t c1, uint8_t rs, uint8_t cs)
{
    emulated_grid(areg.number, r0, c0, r1, c1, rs, cs, buffer);
}

void scamp5_scan_dreg(dreg_t dreg, uint8_t *memory, uint8_t r0, uint8_t r1)
{
    emulated_rows(dreg.number, r0, 1, unsigned(r1 - r0 + 1), memory);
}

void scamp5_scan_events(dreg_t dreg, uint8_t *buffer, uint16_t max_num, uint8_t h_dir, uint8_t v_dir)
{
    emulated_events(dreg.number, max_num, false, h_dir, v_dir, 0, max_num, buffer);
}

void scamp5_scan_events_rc(dreg_t dreg, uint8_t *buffer, uint16_t max_num, uint8_t h_dir, uint8_t v_dir)
{
    emulated_events(dreg.number, max_num, true, h_dir, v_dir, 0, max_num, buffer);
}

void scamp5_scan_boundingbox(dreg_t dreg, uint8_t *vec4) { emulated_box(dreg.number, vec4); }

void vs_post_set_channel(uint32_t number) { channel = number; }

void vs_post_int8(const int8_t *data, int rows, int columns)
{
    emulated_flush();
    post(INT8, 2, unsigned(columns), unsigned(rows), data, size_t(rows * columns));
}

void vs_post_text(const char *format, ...)
{
    char words[4000];
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(words, sizeof words, format, arguments);
    va_end(arguments);
    fprintf(stderr, "%s\n", words);
    post(TEXT, 1, unsigned(strlen(words) + 1), 0, words, strlen(words) + 1);
}
